import os
import signal
import subprocess
import sys
import time

import pytest

from cli.localstack.children import Children
from cli.localstack.errors import CannotStart
from cli.localstack.program import Program
from cli.localstack.supervisor import Supervisor
from tests.cli import processes

FAMILY = "echo $$; sleep 300 & sleep 300"  # a child with a grandchild
DEAF = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"

PARENT = """
import sys
from pathlib import Path
from cli.localstack.children import Children
from cli.localstack.program import Program
children = Children(Path(sys.argv[1]) / "logs", lock_fd=1)
family = Program("family", ["sh", "-c", sys.argv[2]], cwd=Path("/"))
while True:
    children.spawn(family)
    print(children._guardian.pid, flush=True)
    sys.stdin.readline()
"""


def program(script, **options):
    return Program("program", ["sh", "-c", script], cwd="/", **options)


@pytest.fixture
def children(tmp_path):
    (tmp_path / "logs").mkdir()
    with (tmp_path / "lock").open("w") as lock:
        children = Children(tmp_path / "logs", lock_fd=lock.fileno())
        yield children
        children.close()


@pytest.fixture
def parent(tmp_path):
    """A process with a child, a grandchild and a guardian."""
    (tmp_path / "logs").mkdir()
    argv = [sys.executable, "-c", PARENT, str(tmp_path), FAMILY]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, **pipes) as parent:
        try:
            parent.guardian = int(parent.stdout.readline())
            processes.wait_until(lambda: len(processes.of(tmp_path)) == 3)
            yield parent
        finally:
            parent.kill()


def kill_guardian(parent):
    os.kill(parent.guardian, signal.SIGKILL)
    processes.wait_until(lambda: not processes.is_alive(parent.guardian))


def test_grandchildren_go_when_we_are_killed(parent, tmp_path):
    parent.kill()
    processes.wait_until(lambda: not processes.of(tmp_path), within_s=2)
    processes.wait_until(lambda: not processes.is_alive(parent.guardian), within_s=2)


def test_children_go_when_the_guardian_is_killed_before_us(parent, tmp_path):
    child = int((tmp_path / "logs" / "family.log").read_text())
    kill_guardian(parent)
    parent.kill()
    processes.wait_until(lambda: child not in processes.of(tmp_path), within_s=2)
    for orphan in processes.of(tmp_path).values():  # the grandchildren need the guardian
        orphan.kill()


def test_a_killed_guardian_is_replaced_at_the_next_start_and_told_of_all(parent, tmp_path):
    kill_guardian(parent)
    parent.stdin.write(b"again\n")
    parent.stdin.flush()
    assert int(parent.stdout.readline()) != parent.guardian
    processes.wait_until(lambda: len(processes.of(tmp_path)) == 6)
    parent.kill()
    processes.wait_until(lambda: not processes.of(tmp_path), within_s=2)


def test_who_does_not_listen_is_killed(children, tmp_path):
    ending = ((0, signal.SIGTERM), (0.3, signal.SIGKILL))
    child = children.spawn(program(DEAF, ending=ending))
    processes.wait_until(lambda: child.log.read_text())
    began = time.monotonic()
    children.stop([child])
    assert 0.3 <= time.monotonic() - began < 1
    assert child.end() == "killed by SIGKILL; deaf"
    assert not processes.of(tmp_path)


def test_children_have_groups_of_their_own_in_one_session(children):
    child = children.spawn(program("sleep 300"))
    pid = child.process.pid
    assert (os.getpgid(pid), os.getsid(pid)) == (pid, os.getsid(0))


def test_what_a_child_leaves_behind_is_killed(children, tmp_path):
    child = children.spawn(program("sleep 300 & echo done"))
    child.wait()
    assert processes.of(tmp_path)
    children.bury(child)
    processes.wait_until(lambda: not processes.of(tmp_path), within_s=2)


def test_a_stop_ends_though_a_signal_came_while_a_child_was_asked(children):
    # What is left of Popen.poll when a signal's handler raises in it: nobody gives the lock back.
    child = children.spawn(program("sleep 300"))
    child.process._waitpid_lock.acquire()
    children.stop([child])
    assert child.end() == "killed by SIGTERM"


def test_a_child_that_was_reaped_and_not_noted_has_ended(children):
    child = children.spawn(program("exit 0"))
    os.waitpid(child.process.pid, 0)
    children.stop([child])
    assert child.end() == "exit code 255"


def test_a_failed_run_tells_its_last_line(children):
    with pytest.raises(CannotStart, match=r"program failed \(exit code 3; no such locale\)"):
        children.run(program("echo no such locale; exit 3"))


def supervise(children, **options):
    said = []
    supervisor = Supervisor(children, say=said.append, changed=lambda: said.append("changed"))
    supervisor.start(program(**options))
    return supervisor, said


def test_what_ends_is_started_again_and_the_reason_given_in_one_line(children):
    supervisor, said = supervise(children, script="echo no broker; exit 1")

    def watched():
        supervisor.watch()
        return "changed" in said

    processes.wait_until(watched)
    assert said[0].startswith("program ended (exit code 1; no broker); starting it again, log: ")


def test_the_pause_grows_with_every_end(children):
    supervisor, said = supervise(children, script="exit 1")
    began = time.monotonic()

    def watched():
        supervisor.watch()
        return said.count("changed") == 2

    processes.wait_until(watched)
    assert time.monotonic() - began >= 0.1 + 0.5


def test_what_makes_no_progress_is_killed_and_started_again(children, monkeypatch):
    monkeypatch.setattr("cli.localstack.supervisor.STALL_GRACE_S", 0)
    reasons = iter([None, "nothing claimed for 60 s"])
    monkeypatch.setattr("cli.localstack.supervisor.STALL_CHECK_S", 0)
    supervisor, said = supervise(children, script=DEAF, stalled=lambda: next(reasons))
    first = supervisor.pids()["program"]
    supervisor.watch()
    assert not said
    supervisor.watch()
    assert said[0].startswith("program made no progress (nothing claimed for 60 s)")
    assert not processes.is_alive(first)


def test_waiting_for_a_program_that_ends_fails_with_its_last_line(children):
    supervisor, _ = supervise(children, script="echo bad address; exit 1", is_ready=lambda: False)
    with pytest.raises(CannotStart, match=r"did not start \(exit code 1; bad address\)"):
        supervisor.wait_ready("program")
