"""Hostile media is decoded in a child process that can be killed; this is its warden.

The child (`worker/sandboxed.py`) stays warm between clips. It is killed, with its process group,
when it takes too long, when the job is no longer wanted, or when its parent dies.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from shared.errors import ClipRefused, ClipTooDemanding, DiskFull, TailTrendError
from shared.settings import settings
from worker.priority import Waits

POLL_S = 0.2
MOST_CLIPS_PER_CHILD = 200  # decoders leak a little; a fresh child costs one second

log = structlog.get_logger()


class SandboxDied(TailTrendError):
    """The process that decodes clips died; the clip may be at fault."""

    code = "sandbox_died"


class TookTooMuch(ClipTooDemanding):
    """Decoding the clip took more time than one clip may take."""


class Sandbox:
    """One warm child. Not for two threads at once."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._clips = 0
        self._unread = b""

    def start(self) -> None:
        """Have a child ready, so that its imports are done before the first clip."""
        if self._child is None or self._child.poll() is not None:
            self._clips, self._unread = 0, b""
            self._child = subprocess.Popen(
                [sys.executable, "-m", "worker.sandboxed"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                process_group=0,
            )

    def extract(
        self,
        clip: Path,
        output: Path,
        *,
        species: str,
        faces: bool = True,
        on_progress: Callable[[float], None],
    ) -> None:
        """Measure a clip and write the Extract to `output`.

        `on_progress` is called with fractions 0-1 and at least every POLL_S seconds; what it raises
        stops the work. Raises ClipRefused, ClipTooDemanding, SandboxDied.
        """
        if self._clips >= MOST_CLIPS_PER_CHILD:
            self.stop()
        self.start()
        self._clips += 1
        try:
            wanted = {"clip": str(clip), "output": str(output), "species": species}
            self._ask(wanted | {"faces": faces})
            self._follow(on_progress)
        except BaseException as error:
            if not isinstance(error, ClipRefused) or isinstance(error, TookTooMuch):
                self.stop()  # it is dead, or works on what nobody wants any more
            raise

    def stop(self) -> None:
        """Kill the child and everything that it may have started."""
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # a request that nobody reads any more
                    pipe.close()
        self._child = None

    def _ask(self, request: dict[str, str | bool]) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(request).encode() + b"\n")
            self._child.stdin.flush()
        except OSError as error:
            raise SandboxDied from error

    def _follow(self, on_progress: Callable[[float], None]) -> None:
        assert self._child is not None
        waits = Waits(self._child.pid)
        deadline = time.monotonic() + settings().extract_wall_s
        fraction = 0.0
        while True:
            on_progress(fraction)
            late_s = time.monotonic() - deadline
            if late_s > 0 and late_s > waits.longest_s():  # what others took is not its fault
                raise TookTooMuch
            answer = self._answer()
            if answer is None:
                continue
            if "error" in answer:
                raise _error(answer["error"], answer["detail"])
            if "done" in answer:
                return
            fraction = answer["progress"]

    def _answer(self) -> dict[str, Any] | None:
        """Give the child's next line, or None when POLL_S pass without one."""
        assert self._child is not None
        assert self._child.stdout is not None
        while b"\n" not in self._unread:
            with selectors.DefaultSelector() as selector:
                selector.register(self._child.stdout, selectors.EVENT_READ)
                if not selector.select(POLL_S):
                    return None
            some = os.read(self._child.stdout.fileno(), 1 << 16)
            if not some:
                raise _death(self._child.wait())
            self._unread += some
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _death(status: int) -> TailTrendError:
    log.warning("sandbox_died", status=status)
    return TookTooMuch() if status == -signal.SIGXCPU else SandboxDied()


def _error(code: str, detail: str) -> TailTrendError:
    kinds: list[type[TailTrendError]] = [*ClipRefused.__subclasses__(), DiskFull]
    known = {kind.code: kind for kind in kinds}
    return known.get(code, SandboxDied)(detail)
