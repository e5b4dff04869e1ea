"""One job's pulse: keeps its lease, publishes its progress, and tells the work when to stop."""

import multiprocessing
import threading
import time
from types import TracebackType
from typing import Self

import structlog

from shared import jobs
from shared.db import single
from shared.errors import DatabaseUnavailable, TailTrendError
from shared.jobs import Lease, LeaseLost
from shared.settings import settings

BEAT_S = 1.0  # a canceled job notices within two beats
LEASE_MARGIN_S = 2.0
SHORT = 0.25  # of a short lease: neither beat nor margin takes more

log = structlog.get_logger()

stopping = multiprocessing.Event()  # made before the fork: the parent tells all pool processes


class WorkerStopping(TailTrendError):
    """The worker was told to stop before the job was done."""

    code = "worker_stopping"


class Heartbeat:
    """A thread that beats while the block runs. `check()` raises what it has learned."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._progress = 0
        self._done = threading.Event()
        self._lost = threading.Event()
        self._kept_at = time.monotonic()
        self._stopping_since: float | None = None
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    @property
    def progress(self) -> int:
        return self._progress

    def report(self, percent: float) -> None:
        """Take measured progress (0-99) and check."""
        self._progress = max(self._progress, min(int(percent), 99))
        self.check()

    def check(self) -> None:
        """Raise LeaseLost or WorkerStopping when the work should stop."""
        lease_s = settings().lease_s
        margin_s = min(LEASE_MARGIN_S, SHORT * lease_s)
        if self._lost.is_set() or time.monotonic() - self._kept_at > lease_s - margin_s:
            raise LeaseLost
        if stopping.is_set():
            self._stopping_since = self._stopping_since or time.monotonic()
            if time.monotonic() - self._stopping_since >= settings().stop_grace_s:
                raise WorkerStopping

    def _beat(self) -> None:
        while not self._done.wait(min(BEAT_S, SHORT * settings().lease_s)):
            started_at = time.monotonic()
            try:
                with single() as way:
                    jobs.beat(way, self._lease, progress=self._progress)
                self._kept_at = started_at
            except LeaseLost:
                self._lost.set()
                return
            except DatabaseUnavailable:
                log.warning("beat_missed", job_id=str(self._lease.job_id))
