"""Child processes that never outlive us, however we end.

Each leads a process group. A guardian holds the list of groups at the other end of a pipe: when we
die, even by SIGKILL, the pipe closes and it kills them all, grandchildren included. PDEATHSIG does
the same for the direct children at once, and stands in should the guardian be gone. It is bound to
the thread that forks: spawn from the main thread only.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cli.localstack import guardian
from cli.localstack.errors import CannotStart
from cli.localstack.program import Program

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
LOG_LIMIT_BYTES = 10 * 10**6
ASK_S = 0.01  # between two looks at whether a process has ended
UNKNOWN_END = 255  # stands for an exit code that nobody noted


@dataclass(frozen=True, slots=True)
class Child:
    """A started program."""

    program: Program
    process: subprocess.Popen[bytes]
    log: Path

    def is_alive(self) -> bool:
        """Ask, and reap it when it has ended."""
        return is_alive(self.process)

    def wait(self) -> None:
        """Wait for its end."""
        wait(self.process)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; SIGKILL reaches the whole group."""
        if number == signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
        elif self.is_alive():
            os.kill(self.process.pid, number)

    def end(self) -> str:
        """Say how it ended, with the last line it wrote."""
        code = self.process.returncode
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        last = _last_line(self.log)
        return f"{how}; {last}" if last else how


class Children:
    """The living children of this process and their guardian."""

    def __init__(self, logs: Path, *, lock_fd: int) -> None:
        self._logs = logs
        self._lock_fd = lock_fd
        self._alive: list[Child] = []
        self._guardian = self._start_guardian()

    def spawn(self, program: Program) -> Child:
        """Start a program in a group of its own, its output appended to its log."""
        if not is_alive(self._guardian):
            self._guardian = self._start_guardian()
        log = self._logs / f"{program.name}.log"
        with self._open_log(log) as output:
            process = subprocess.Popen(
                program.argv,
                cwd=program.cwd,
                env=program.env,
                user=program.identity.uid if program.identity else None,
                group=program.identity.gid if program.identity else None,
                extra_groups=[] if program.identity else None,
                pass_fds=program.pass_fds,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                umask=0o077,
                process_group=0,
                preexec_fn=self._before_exec(os.getpid()),
            )
        child = Child(program, process, log)
        self._alive.append(child)
        return child

    def run(self, program: Program) -> None:
        """Run a program to its end; raise CannotStart when it fails."""
        child = self.spawn(program)
        try:
            child.wait()
        finally:
            self.bury(child)
        if child.process.returncode:
            raise CannotStart(f"{program.name} failed ({child.end()}), see {child.log}.")

    def bury(self, child: Child) -> None:
        """Kill what is left of a child's group and forget it."""
        child.send(signal.SIGKILL)
        child.wait()
        self._alive = [one for one in self._alive if one is not child]
        self._tell_guardian(f"-{child.process.pid}\n")

    def stop(self, children: Iterable[Child]) -> None:
        """End children together, each in its own way."""
        began = time.monotonic()
        waiting = {child.process.pid: (child, list(child.program.ending)) for child in children}
        while waiting:
            elapsed_s = time.monotonic() - began
            for pid, (child, steps) in list(waiting.items()):
                if not child.is_alive():
                    self.bury(child)
                    del waiting[pid]
                elif steps and elapsed_s >= steps[0][0]:
                    child.send(steps.pop(0)[1])
            time.sleep(ASK_S)

    def close(self) -> None:
        """Stop what is left and let the guardian go."""
        self.stop(list(self._alive))
        self._pipe.close()
        wait(self._guardian)

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._guardian.stdin is not None
        return self._guardian.stdin

    def _start_guardian(self) -> subprocess.Popen[bytes]:
        # It holds our lock as well: the state is free only when everything is gone.
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__],
            bufsize=0,
            stdin=subprocess.PIPE,
            pass_fds=[self._lock_fd],
            cwd="/",
            start_new_session=True,
        )
        for child in self._alive:
            self._tell_guardian(f"+{child.process.pid}\n")
        return self._guardian

    def _tell_guardian(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(line.encode())

    def _before_exec(self, parent: int) -> Callable[[], None]:
        pipe = self._pipe.fileno()

        def in_the_child() -> None:
            end_with(parent, signal.SIGKILL)
            # The child writes this itself: we may be killed before fork returns to us.
            os.write(pipe, f"+{os.getpid()}\n".encode())

        return in_the_child

    @staticmethod
    def _open_log(path: Path) -> IO[bytes]:
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def end_with(parent: int, number: signal.Signals) -> None:
    """Have this process, a child before exec, get a signal when its parent ends in any way."""
    LIBC.prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def is_alive(process: subprocess.Popen[bytes]) -> bool:
    """Ask, and reap it when it has ended.

    Not as Popen does: a signal whose handler raises in the middle of `poll` leaves its lock taken,
    and the process counts as alive for ever.
    """
    if process.returncode is None:
        try:
            pid, status = os.waitpid(process.pid, os.WNOHANG)
        except ChildProcessError:  # such a signal came when it had just been reaped
            process.returncode = UNKNOWN_END
        else:
            process.returncode = os.waitstatus_to_exitcode(status) if pid else None
    return process.returncode is None


def wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end."""
    while is_alive(process):
        time.sleep(ASK_S)


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:200] if lines else ""
