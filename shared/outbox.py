"""Rings that are owed: written with the state change, gone when a worker claims the job."""

import uuid

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shared import queue
from shared.models import OwedRing
from shared.queue import Queue
from shared.settings import settings
from shared.ways import Way

MOST_RINGS_A_SWEEP = 500
SPARE_RINGS = 50  # a ring that finds nothing to do costs a millisecond

# A freed job's ring is due when the job is; every ring that went out has a later time of its own.
# It is rung again though the queue is as long as it should be: doubled rings of others make up for
# a lost one there. Unless nobody answers at all, and the queue fills with doubles.
FIRST = text("""
WITH rung AS (
    UPDATE outbox SET due_at = now() + make_interval(secs => :re_ring_s)
     WHERE job_id IN (SELECT outbox.job_id FROM outbox JOIN jobs ON jobs.id = outbox.job_id
                       WHERE queue = :queue AND outbox.due_at <= now()
                         AND (outbox.due_at = jobs.due_at OR attempts > 0 AND :waiting <=
                              2 * (SELECT count(*) FROM outbox AS owed WHERE queue = :queue))
                       ORDER BY outbox.due_at LIMIT :most FOR UPDATE OF outbox SKIP LOCKED)
    RETURNING job_id)
SELECT job_id FROM rung ORDER BY job_id DESC
""")

RE_RING = text("""
UPDATE outbox SET due_at = now() + make_interval(secs => :re_ring_s)
 WHERE job_id IN (SELECT job_id FROM outbox
                   WHERE queue = :queue AND due_at <= now()
                   ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING job_id
""")


def ring_after_commit(way: Way, job_id: uuid.UUID, queue_: Queue) -> None:
    """Ring once what is owed in this transaction is committed."""
    queue.ring_after_commit(way, queue_, [job_id])


def first(session: Session, queue_: Queue, *, waiting: int) -> list[uuid.UUID]:
    """Take the due rings of jobs that were freed or retried, to be rung before all that waits.

    Each goes before those rung earlier, so the oldest job is the last in the list.
    """
    values = {"queue": queue_, "most": MOST_RINGS_A_SWEEP, "waiting": waiting}
    return list(session.scalars(FIRST, values | {"re_ring_s": settings().re_ring_s}))


def re_ring(session: Session, queue_: Queue, *, waiting: int) -> list[uuid.UUID]:
    """Take the oldest unanswered rings when the queue, holding `waiting` messages, has lost some.

    The queue's own length says how many are missing, so a long backlog is not rung twice. It does
    not say which: a few more are rung, else the lost one could be the last of the backlog to be.
    """
    owed = session.scalar(
        select(func.count()).select_from(OwedRing).where(OwedRing.queue == queue_)
    )
    missing = min((owed or 0) - waiting, MOST_RINGS_A_SWEEP)
    if missing <= 0:
        return []
    most = missing + SPARE_RINGS
    rows = session.execute(
        RE_RING, {"queue": queue_, "most": most, "re_ring_s": settings().re_ring_s}
    )
    return list(rows.scalars())
