"""The child that decodes hostile media can be killed, is killed, and reports what it found."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.errors import ClipRefused, ClipTooDemanding, ClipUnreadable
from shared.jobs import LeaseLost
from shared.settings import settings
from tests.clips import broken
from worker.pipeline import extract
from worker.pipeline.extract import ExtractModels
from worker.priority import Waits
from worker.sandbox import Sandbox, SandboxDied, TookTooMuch


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.stop()


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    settings.cache_clear()


def run(sandbox: Sandbox, clip: Path, folder: Path, on_progress=lambda fraction: None) -> Path:
    output = folder / "extract"
    sandbox.extract(clip, output, species="dog", on_progress=on_progress)
    return output


def test_the_child_finds_what_this_process_finds(sandbox, small_clip, tmp_path):
    there = extract.load(run(sandbox, small_clip, tmp_path))
    here = extract.extract(small_clip, species="dog", models=ExtractModels(None, None))
    assert there.facts.media == here.facts.media
    assert (there.pictures == here.pictures).all()


def test_the_child_goes_last_among_the_processes_of_this_session(sandbox):
    sandbox.start()
    child = sandbox._child.pid
    _wait_until(lambda: os.sched_getscheduler(child) == os.SCHED_IDLE)
    assert (os.getsid(child), os.getpgid(child)) == (os.getsid(0), child)


def test_progress_is_reported_and_never_falls(sandbox, small_clip, tmp_path):
    seen: list[float] = []
    run(sandbox, small_clip, tmp_path, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] > 0.5


def test_a_broken_file_is_refused_with_its_code_and_the_child_lives_on(
    sandbox, small_clip, tmp_path
):
    broken.header_only(tmp_path / "broken.mp4")
    with pytest.raises(ClipUnreadable):
        run(sandbox, tmp_path / "broken.mp4", tmp_path)
    child = sandbox._child.pid
    run(sandbox, small_clip, tmp_path)
    assert sandbox._child.pid == child


def test_a_clip_that_takes_too_long_is_stopped_for_good(sandbox, small_clip, tmp_path, limits):
    sandbox.start()
    child = psutil.Process(sandbox._child.pid)
    limits.setenv("TAILTREND_EXTRACT_WALL_S", "0.001")
    settings.cache_clear()
    with pytest.raises(TookTooMuch) as refusal:
        run(sandbox, small_clip, tmp_path)
    assert refusal.value.code == ClipTooDemanding.code
    assert not child.is_running()


def test_a_clip_is_not_blamed_for_what_others_took(sandbox, small_clip, tmp_path, limits):
    limits.setenv("TAILTREND_EXTRACT_WALL_S", "0.001")
    settings.cache_clear()
    limits.setattr(Waits, "longest_s", lambda _: 60.0)
    assert run(sandbox, small_clip, tmp_path).exists()


def test_a_child_past_its_cpu_seconds_counts_as_too_demanding(sandbox, small_clip, tmp_path):
    def exceed(_: float) -> None:
        os.kill(sandbox._child.pid, signal.SIGXCPU)  # as the kernel does

    with pytest.raises(TookTooMuch):
        run(sandbox, small_clip, tmp_path, exceed)


def test_a_clip_that_needs_too_much_memory_is_refused(sandbox, small_clip, tmp_path, limits):
    limits.setenv("TAILTREND_EXTRACT_MEMORY_MB", "1")
    settings.cache_clear()
    sandbox.start()
    with pytest.raises((ClipRefused, SandboxDied)):  # by whoever misses the memory first
        run(sandbox, small_clip, tmp_path)


def test_a_killed_child_is_reported_and_the_next_clip_gets_a_new_one(sandbox, small_clip, tmp_path):
    def kill(_: float) -> None:
        os.kill(sandbox._child.pid, signal.SIGKILL)

    with pytest.raises(SandboxDied):
        run(sandbox, small_clip, tmp_path, kill)
    assert run(sandbox, small_clip, tmp_path).exists()


def test_nobody_works_on_for_a_lost_lease(sandbox, small_clip, tmp_path):
    def lose(_: float) -> None:
        raise LeaseLost

    sandbox.start()
    child = psutil.Process(sandbox._child.pid)
    with pytest.raises(LeaseLost):
        run(sandbox, small_clip, tmp_path, lose)
    assert not child.is_running()


def test_the_child_dies_with_its_parent(tmp_path):
    code = (
        "import time; from worker.sandbox import Sandbox; s = Sandbox(); s.start(); "
        "print(s._child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        _wait_until(lambda: _dies_with_parent(child))
        parent.kill()
        parent.wait()
        _wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def _dies_with_parent(child: psutil.Process) -> bool:
    """Tell whether the child's own code runs: it has loaded numpy by then."""
    return any("numpy" in mapped.path for mapped in child.memory_maps())


def _wait_until(condition, limit_s: float = 20) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
