"""Requests that wait for a job: one thread per process asks the database for all of them.

Only so many may wait at once, so that waiting never takes the last thread from other requests.
"""

import functools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from api.schemas.jobs import JobOut
from shared import jobs
from shared.db import single
from shared.errors import TooManyWaiters, TransientError
from shared.jobs import State
from shared.settings import settings

TICK_S = 0.05

log = structlog.get_logger()

_making = threading.Lock()


class Watch:
    """Knows the last seen state of the jobs that somebody waits for."""

    def __init__(self) -> None:
        self._seats = threading.BoundedSemaphore(settings().poll_waiters)
        self._news = threading.Condition()
        self._watched: dict[uuid.UUID, int] = {}
        self._states: dict[uuid.UUID, State | None] = {}  # None: the job is gone
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def take_seat(self) -> None:
        """Take a seat to wait in, until it is given back. Raises TooManyWaiters."""
        if not self._seats.acquire(blocking=False):
            raise TooManyWaiters

    def free_seat(self) -> None:
        """Give a seat back."""
        self._seats.release()

    @contextmanager
    def seat(self) -> Iterator[bool]:
        """Take a seat to wait in; False when none is free."""
        try:
            self.take_seat()
        except TooManyWaiters:
            yield False
            return
        try:
            yield True
        finally:
            self.free_seat()

    def until(
        self, enough: Callable[[JobOut], bool], read: Callable[[], JobOut], timeout_s: float
    ) -> JobOut:
        """Read a job again at each change until it is `enough`, or `timeout_s` have passed.

        Without a free seat the first reading is the answer.
        """
        deadline = time.monotonic() + timeout_s
        job = read()
        with self.seat() as seated:
            while seated and not enough(job) and (left := deadline - time.monotonic()) > 0:
                self._wait_for_change(job.id, _state(job), left)
                job = read()
        return job

    def changes(
        self, job: JobOut, read: Callable[[], JobOut], *, pause_s: float, timeout_s: float
    ) -> Iterator[JobOut | None]:
        """Give a job at each change until it ends or `timeout_s` have passed.

        None tells that nothing has changed for `pause_s`. The caller holds a seat.
        """
        deadline = time.monotonic() + timeout_s
        while not job.status.is_final and (left := deadline - time.monotonic()) > 0:
            self._wait_for_change(job.id, _state(job), min(pause_s, left))
            seen = read()
            yield seen if _state(seen) != _state(job) else None
            job = seen

    def _wait_for_change(self, job_id: uuid.UUID, seen: State, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with self._news:
            self._watched[job_id] = self._watched.get(job_id, 0) + 1
            self._news.notify_all()
            try:
                while (left := deadline - time.monotonic()) > 0:
                    if self._states.get(job_id, seen) != seen:
                        return
                    self._news.wait(left)
            finally:
                self._unwatch(job_id)

    def _unwatch(self, job_id: uuid.UUID) -> None:
        self._watched[job_id] -= 1
        if not self._watched[job_id]:
            del self._watched[job_id]
            self._states.pop(job_id, None)

    def _look(self) -> None:
        while True:
            with self._news:
                while not self._watched:
                    self._news.wait()
                job_ids = list(self._watched)
            try:
                with single() as way:
                    states = jobs.states(way, job_ids)
            except TransientError as error:
                log.warning("watch_failed", why=error.detail)
                time.sleep(1)
                continue
            with self._news:
                self._states |= {one: states.get(one) for one in job_ids if one in self._watched}
                self._news.notify_all()
            time.sleep(TICK_S)


def _state(job: JobOut) -> State:
    return job.status, job.step, job.progress


def current(account_id: uuid.UUID, job_id: uuid.UUID) -> JobOut:
    """Read a job as it is now, in one way to the database and back. Raises NotFound."""
    with single() as way:
        return JobOut.of(jobs.get(way, account_id, job_id))


def watch() -> Watch:
    """Keep this process's watch."""
    with _making:  # two first requests at once would make two, with twice the seats
        return _watch()


@functools.cache
def _watch() -> Watch:
    return Watch()
