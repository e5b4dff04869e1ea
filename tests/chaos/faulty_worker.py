"""The worker with faults inside it: imports `worker.app` and wraps its functions.

Started as `celery -A tests.chaos.faulty_worker` in place of `worker.app`. Steered by the
environment: CHAOS_DIRECTORY, CHAOS_SKEW_S (clock ahead), CHAOS_WORK_S (stub steps of that length in
place of the pipeline), CHAOS_MUTATION (a guard that is removed).
"""

import os

from tests.chaos import clock

clock.set_ahead(float(os.environ.get("CHAOS_SKEW_S", "0")))

# ruff: noqa: E402 - the clock comes first: modules keep what they import from datetime
import errno
import functools
import signal
import tempfile
import time
from pathlib import Path

from shared import jobs, storage
from shared.models import Step
from tests import factories
from tests.chaos import boundaries, mutations
from tests.chaos.clip_files import KILLS_POOL, KILLS_SANDBOX
from tests.chaos.control import Flag, from_environment
from worker import deciders, steps
from worker.app import app
from worker.sandbox import Sandbox

__all__ = ["app"]

CONTROL = from_environment()


def be_poisoned() -> None:
    """Let poison kill the process that decodes it, or the pool process that waits for it."""
    original = Sandbox.extract

    @functools.wraps(original)
    def wrapped(self, clip, output, *, on_progress, **asked):
        if clip.read_bytes().endswith(KILLS_POOL):
            os.kill(os.getpid(), signal.SIGKILL)
        if not clip.read_bytes().endswith(KILLS_SANDBOX):
            original(self, clip, output, on_progress=on_progress, **asked)
            return

        def killing(fraction):
            os.killpg(self._child.pid, signal.SIGKILL)
            on_progress(fraction)

        original(self, clip, output, on_progress=killing, **asked)

    Sandbox.extract = wrapped


def fill_the_disk() -> None:
    """Refuse temporary folders, and break writes off half-way, while the flag holds."""
    make, fetch = tempfile.mkdtemp, storage.get

    def mkdtemp(*args, **kwargs) -> str:
        if CONTROL.holds(Flag.DISK_FULL):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return make(*args, **kwargs)

    def get(key: str, path: Path) -> None:
        fetch(key, path)
        if CONTROL.holds(Flag.DISK_FULL):
            os.truncate(path, path.stat().st_size // 2)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tempfile.mkdtemp, storage.get = mkdtemp, get


def stub_the_steps(work_s: float) -> None:
    """Take a fixed time instead of analysing, and check the lease as the pipeline does."""

    def work_on(work, data):
        until = time.monotonic() + work_s
        while time.monotonic() < until:
            work.heartbeat.check()
            time.sleep(0.01)
        return data

    steps.RUN[Step.EXTRACT] = work_on
    steps.RUN[Step.ENCODE] = lambda work, data: data
    steps.fuse = lambda work, data: factories.RESULT
    steps.sandbox().start = steps.encoders = lambda: None
    deciders.named = lambda name: None


def compress_time() -> None:
    """Shorten the constants that bound recovery from minutes to seconds; the rest are settings."""
    jobs.BACKOFF_FIRST_S, jobs.BACKOFF_LONGEST_S = 0.5, 2.0
    jobs.ARTIFACT_ABANDONED_AFTER_S = 25.0


def put_boundaries() -> None:
    for name in (*boundaries.LEASED, *boundaries.ALSO_ACTING):
        boundaries.say_who_acts(name)
    for name in ("claim", *boundaries.LEASED):
        boundaries.around_verb(CONTROL, jobs, name)
    for step in (Step.EXTRACT, Step.ENCODE):
        boundaries.around_step(CONTROL, steps.RUN, step)
    for name in ("fuse", "store", "load"):
        boundaries.around(CONTROL, steps, name)


compress_time()
mutations.apply(os.environ.get("CHAOS_MUTATION", ""))
if "CHAOS_WORK_S" in os.environ:
    stub_the_steps(float(os.environ["CHAOS_WORK_S"]))
be_poisoned()
fill_the_disk()
put_boundaries()
