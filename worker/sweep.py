"""The sweep repairs what faults leave behind, from Postgres alone.

It runs in every worker process and as a process of its own (`python -m worker.sweep`); an advisory
lock lets one at a time do it. It does not depend on the queue that it repairs.
"""

import random
import signal
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared import (
    alerts,
    deletions,
    deliveries,
    events,
    history,
    idempotency,
    jobs,
    logs,
    outbox,
    queue,
    storage,
    uploads,
)
from shared.db import take_time, transaction
from shared.errors import TailTrendError
from shared.models import Pet
from shared.queue import Queue
from shared.settings import settings

LOCK = 0x7461696C  # "tail"
FROZEN_MS = 3000
DELETIONS_AT_ONCE = 20
FOLLOWED_AT_ONCE = 500
FOLLOW_S = 1.0  # of one sweep: a trend takes milliseconds, and the jobs need the processor

log = structlog.get_logger()


def repair_jobs() -> None:
    """Free the jobs of silent workers, end those past their deadline, forget what has aged."""
    with transaction() as session:
        if not _only_sweep(session):
            return
        freed = jobs.free_lapsed(session)
        expired = jobs.expire_overdue(session)
        uploads.expire_overdue(session)
        uploads.purge(session)
        idempotency.purge(session)
        events.purge(session)
    if freed or expired:
        log.info("jobs_repaired", freed=freed, expired=expired)


def repair_rings() -> None:
    """Ring again where the broker has lost the message. Raises BrokerUnavailable."""
    waiting = queue.lengths()
    for one in Queue:
        with transaction() as session:
            if not _only_sweep(session):
                return
            first = outbox.first(session, one, waiting=waiting[one])
            lost = _lost(session, one, waiting=waiting[one] + len(first))
        for row_id in first:
            queue.ring_first(one, row_id)
        queue.ring_all((one, row_id) for row_id in lost)
        if first or lost:
            log.info("rung_again", queue=one, first=len(first), rings=len(lost))


def _lost(session: Session, queue_: Queue, *, waiting: int) -> list[uuid.UUID]:
    if queue_ is Queue.DELIVER:
        return deliveries.unanswered(session, waiting=waiting)
    return outbox.re_ring(session, queue_, waiting=waiting)


def delete_objects() -> None:
    """Delete the stored objects that are due. Raises StorageUnavailable."""
    while True:
        with transaction() as session:
            take_time(session)  # storage may be slow
            prefixes = deletions.take_due(session, most=DELETIONS_AT_ONCE)
            for prefix in prefixes:
                _delete_objects(prefix)
        if len(prefixes) < DELETIONS_AT_ONCE:
            return


def _delete_objects(prefix: str) -> None:
    for key in deletions.sure_keys(prefix):
        storage.delete(key)
    if not deletions.is_sure(prefix):
        storage.delete_prefix(prefix)


def follow_histories() -> None:
    """Let summaries and alerts follow what has changed, for the pets that waited longest."""
    until = time.monotonic() + FOLLOW_S
    with transaction() as session:
        alerts.wake(session)
        pet_ids = alerts.owed(session, most=FOLLOWED_AT_ONCE)
    for pet_id in pet_ids:
        if time.monotonic() > until:
            break
        _attempt(_follow, pet_id=pet_id)
    with transaction() as session:
        alerts.push_due(session)


def _follow(pet_id: uuid.UUID) -> None:
    """Bring one pet up to its facts; its row is never locked while a trend is computed."""
    with transaction() as session:
        pet = session.get(Pet, pet_id)
        if pet is not None:
            history.fold(session, pet)
    with transaction() as session:
        alerts.follow(session, pet_id, now=datetime.now(UTC))


def _only_sweep(session: Session) -> bool:
    """Tell whether nobody else sweeps; they cannot start before this transaction ends.

    Should this process freeze in it, Postgres ends it: others' recovery waits for it.
    """
    bound = func.set_config("idle_in_transaction_session_timeout", str(FROZEN_MS), True)
    is_mine, _ = session.execute(select(func.pg_try_advisory_xact_lock(LOCK), bound)).one()
    return bool(is_mine)


class Sweeper:
    """A thread that sweeps at intervals until it is stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(settings().sweep_interval_s * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter
            for part in (repair_jobs, repair_rings, delete_objects, follow_histories):
                _attempt(part)


def _attempt(part: Callable[..., None], **about: uuid.UUID) -> None:
    """Do a part; what goes wrong in it costs neither the other parts nor the next sweep.

    Whatever it raises: nobody starts this thread again, and the process goes on without it.
    """
    try:
        part(**about)
    except TailTrendError as error:
        log.warning("sweep_incomplete", part=part.__name__, why=error.detail)
    except Exception:
        said = {name: str(value) for name, value in about.items()}
        log.exception("sweep_failed", part=part.__name__, **said)


def main() -> None:
    """Sweep until SIGTERM or SIGINT."""
    logs.configure()
    sweeper = Sweeper()
    sweeper.start()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    sweeper.stop()


if __name__ == "__main__":
    main()
