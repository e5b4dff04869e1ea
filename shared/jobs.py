"""A job's life: the only writer of `jobs.status`. docs/jobs.md draws it.

Every write by a worker carries its lease token; no row answered means that somebody else has the
job, or nobody needs it any more, and the worker stops. The database's clock is the only clock.
"""

import json
import random
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, TextClause
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from uuid_utils.compat import uuid7

from shared import alerts, assessments, clips, deletions, events, outbox, shadows, ways
from shared import job_statements as sql
from shared.clips import StoredFile, Told
from shared.errors import (
    AttemptsExhausted,
    BadDeadline,
    JobFinal,
    JobNotFinal,
    NotFound,
    TailTrendError,
    TooManyJobs,
    TransientError,
    UnknownBundle,
    UploadRefused,
)
from shared.models import Clip, Job, JobStatus, Step
from shared.queue import Queue
from shared.settings import settings
from shared.ways import Way

BACKOFF_FIRST_S = 2.0
BACKOFF_FACTOR = 4.0
BACKOFF_LONGEST_S = 300.0
ARTIFACT_ABANDONED_AFTER_S = 3600.0  # far longer than a lease or a step: nobody puts it after that

ROOM_RETRY_S = 10

State = tuple[str, str, int]  # status, step, progress

FREE = {"delay_s": 0.0, "uncounted": 0, "transient": 0}


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one job until the database's clock says otherwise."""

    job_id: uuid.UUID
    token: uuid.UUID
    step: Step
    attempt: int
    account_id: uuid.UUID
    clip_id: uuid.UUID
    clip_key: str
    species: str
    breed: str  # '' where nobody told
    artifact_key: str | None  # what the claimed step reads
    output_key: str | None  # where to put what another worker goes on with; each attempt its own
    bundle: str | None


@dataclass(frozen=True, slots=True)
class Reserved:
    """Where a clip to come may be stored, or the job that has analysed its bytes before."""

    clip_id: uuid.UUID
    same: uuid.UUID | None


class LeaseLost(TailTrendError):
    """The job was canceled, has expired, or is worked on by somebody else."""

    code = "lease_lost"


# --- for the API -----------------------------------------------------------------------------


def reserve(
    way: Way,
    account_id: uuid.UUID,
    pet_id: uuid.UUID,
    sha256: bytes,
    *,
    bundle: str | None = None,
    force: bool = False,
) -> Reserved:
    """Choose the id of a clip to come, or find the job that analysed these bytes (`find_same`).

    What is stored under the id goes unless a clip is accepted. Raises NotFound without the pet.
    """
    clip_id = uuid7()
    values = {"account_id": account_id, "pet_id": pet_id, "sha256": sha256}
    values |= {"prefix": deletions.clip_prefix(clip_id)}
    values |= {"abandoned_after_s": clips.ABANDONED_AFTER_S}
    if force:
        row = ways.row(way, sql.RESERVE_ANYWAY, values)
    elif bundle is None:
        row = ways.row(way, sql.RESERVE, values)
    else:
        row = ways.row(way, sql.RESERVE_NAMED, values | {"bundle": bundle})
    if row is None:
        raise NotFound
    return Reserved(clip_id, row.same)


def accept(
    way: Way,
    file: StoredFile,
    told: Told,
    *,
    account_id: uuid.UUID,
    pet_id: uuid.UUID,
    expires_at: datetime | None = None,
    bundle: str | None = None,
) -> Job:
    """Make a clip of a stored file and queue its analysis, both or neither.

    Raises BadRecordedAt, TooManyJobs, and UploadRefused when the file came too late.
    """
    values = _new(account_id, expires_at=expires_at, bundle=bundle) | {"pet_id": pet_id}
    values |= clips.columns(file, told)
    row = ways.row(way, sql.ACCEPT, values)
    if row is None:
        check_room(way, account_id)
        raise UploadRefused("The upload took too long; send it again.")
    return _to_be_rung(way, sql.job_of(row))


def submit(
    session: Session,
    clip: Clip,
    *,
    expires_at: datetime | None = None,
    retry_of: uuid.UUID | None = None,
    bundle: str | None = None,
) -> Job:
    """Queue another analysis of a clip, by the bundle of a name or the server's own.

    Raises TooManyJobs.
    """
    values = _new(clip.account_id, expires_at=expires_at, retry_of=retry_of, bundle=bundle)
    values |= {"clip_id": clip.id}
    job: Job | None = session.scalar(sql.SUBMIT, values)
    if job is None:
        raise TooManyJobs(retry_after_s=ROOM_RETRY_S)
    set_committed_value(job, "clip", clip)
    set_committed_value(job, "assessment", None)  # known, so nobody asks the database for it
    return _to_be_rung(session, job)


def check_room(way: Way, account_id: uuid.UUID) -> None:
    """Raise TooManyJobs when the account has as many unfinished jobs as it may have.

    Requests that run at the same time do not see each other: they may exceed it by their number.
    """
    (unfinished,) = ways.rows(way, sql.IN_HAND, {"account_id": account_id})
    if unfinished.count >= settings().max_unfinished_jobs:
        raise TooManyJobs(retry_after_s=ROOM_RETRY_S)


def checked_deadline(expires_at: datetime | None) -> datetime | None:
    """Give a deadline in UTC. Raises BadDeadline when it has passed."""
    if expires_at is None:
        return None
    aware = expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC)
    if aware <= datetime.now(UTC):
        raise BadDeadline
    return aware.astimezone(UTC)


def checked_bundle(name: str | None) -> str | None:
    """Give the name of a bundle that jobs may ask for. Raises UnknownBundle."""
    if name is not None and name not in settings().bundles:
        raise UnknownBundle
    return name


def find_same(
    session: Session,
    account_id: uuid.UUID,
    pet_id: uuid.UUID,
    sha256: bytes,
    *,
    bundle: str | None = None,
) -> Job | None:
    """Find the job that analysed these bytes of this pet with the bundle that would decide now.

    The server's own bundle is known by its newest assessment: only the workers hold bundles.
    """
    values = {"account_id": account_id, "pet_id": pet_id, "sha256": sha256}
    if bundle is None:
        job_id = session.scalar(sql.SAME, values)
    else:
        job_id = session.scalar(sql.SAME_NAMED, values | {"bundle": bundle})
    return None if job_id is None else get(session, account_id, job_id)


def chosen(
    account_id: uuid.UUID,
    *,
    status: JobStatus | None = None,
    pet_id: uuid.UUID | None = None,
) -> Select[Job]:
    """Select the jobs of an account, each with its clip and assessment."""
    query = sql.WHOLE.where(Job.account_id == account_id)
    if status is not None:
        query = query.where(Job.status == status)
    if pet_id is not None:
        query = query.where(Job.clip.has(Clip.pet_id == pet_id))
    return query


def get(way: Way, account_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """Read a job of an account with its clip and assessment. Raises NotFound."""
    row = ways.row(way, sql.ONE, {"account_id": account_id, "job_id": job_id})
    if row is None:
        raise NotFound
    return sql.job_of(row)


def states(way: Way, job_ids: list[uuid.UUID]) -> dict[uuid.UUID, State]:
    """Read how far each of several jobs is."""
    rows = ways.rows(way, sql.STATES, {"job_ids": job_ids})
    return {row.id: (row.status, row.step, row.progress) for row in rows}


def cancel(session: Session, account_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """End a job now; a worker that holds it finds its lease gone. Raises NotFound, JobFinal."""
    values = {"job_id": job_id, "account_id": account_id}
    canceled = _end(session, sql.END_CANCELED, JobStatus.CANCELED, outcome="lost", values=values)
    job = get(session, account_id, job_id)
    if not canceled:
        raise JobFinal
    return job


def retry(session: Session, account_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """Queue a new job for the clip of one that did not succeed, unless one is on its way.

    It keeps a deadline that lies ahead. Raises NotFound, Conflict, TooManyJobs.
    """
    job = get(session, account_id, job_id)
    status = JobStatus(job.status)
    if not status.is_final:
        raise JobNotFinal
    if status is JobStatus.SUCCEEDED:
        raise JobFinal("The job has succeeded; there is nothing to retry.")
    clips.lock(session, job.clip)  # a second retry waits here, and finds the job of the first
    on_its_way = session.scalar(sql.ON_ITS_WAY, {"clip_id": job.clip_id})
    if on_its_way is not None:
        return get(session, account_id, on_its_way)
    ahead = job.expires_at is not None and job.expires_at > datetime.now(UTC)
    deadline = job.expires_at if ahead else None
    return submit(session, job.clip, expires_at=deadline, retry_of=job.id, bundle=job.bundle)


# --- for a worker that holds a lease ---------------------------------------------------------


def claim(
    way: Way, job_id: uuid.UUID, step: Step, *, worker: str, hands_to: Step | None = None
) -> Lease | None:
    """Take a queued job, counting the attempt before any work; None when there is nothing to do.

    The artifact of a worker that will hand over is owed its deletion from now until it is taken: it
    may be put by a worker that then dies, or when the job has ended.
    """
    values = {"job_id": job_id, "step": step, "worker": worker, "lease_s": settings().lease_s}
    values |= {"hands_to": hands_to, "abandoned_after_s": ARTIFACT_ABANDONED_AFTER_S}
    row = ways.row(way, sql.CLAIM, values)
    return None if row is None else Lease(**{**row._asdict(), "step": Step(row.step)})


def beat(way: Way, lease: Lease, *, progress: int) -> None:
    """Keep the lease and publish measured progress (0-99). Raises LeaseLost."""
    _fenced(way, sql.BEAT, lease, {"lease_s": settings().lease_s, "progress": progress})


def continue_to(way: Way, lease: Lease, step: Step) -> Lease:
    """Go on with the next step under the same lease, its input in memory. Raises LeaseLost."""
    _fenced(way, sql.CONTINUE, lease, {"step": step, "lease_s": settings().lease_s})
    return replace(lease, step=step)


def mark_stills(way: Way, lease: Lease) -> None:
    """Owe, before they are put, the deletion of stills that nothing shows. Raises LeaseLost."""
    prefix = lease.clip_key + deletions.STILL
    values = {"prefix": prefix, "abandoned_after_s": ARTIFACT_ABANDONED_AFTER_S}
    _fenced(way, sql.MARK_STILLS, lease, values)


def hand_over(way: Way, lease: Lease, step: Step, *, progress: int) -> None:
    """Queue the next step, which reads the artifact under the `output_key`. Raises LeaseLost."""
    values = {"step": step, "artifact_key": lease.output_key, "progress": progress}
    _fenced(way, sql.HAND_OVER, lease, values | {"re_ring_s": settings().re_ring_s})
    outbox.ring_after_commit(way, lease.job_id, Queue(step))


def succeed(
    way: Way,
    lease: Lease,
    result: dict[str, Any],
    *,
    shadow: dict[str, Any] | None = None,
) -> None:
    """Store the assessment and end the job, together or not at all. Raises LeaseLost."""
    assessment_id = uuid7()
    told = {"assessment": json.dumps(assessments.outline(assessment_id, result))}
    values = _held(lease) | told | assessments.columns(assessment_id, result)
    if not _end(way, sql.END_WELL, JobStatus.SUCCEEDED, outcome="done", values=values):
        raise LeaseLost
    if succeeds_alone(result, shadow):
        return
    assert isinstance(way, Session)
    alerts.raise_red_flag(way, assessment_id, result)
    if shadow is not None:
        shadows.record(way, lease.job_id, shadow)


def succeeds_alone(result: dict[str, Any], shadow: dict[str, Any] | None) -> bool:
    """Tell whether `succeed` is a single statement, which needs no BEGIN and no COMMIT."""
    return shadow is None and not alerts.is_red_flag(result)


def fail(session: Session, lease: Lease, error: TailTrendError) -> None:
    """End the job with an error's code; its media is kept. Raises LeaseLost."""
    ended = _end(
        session, sql.END_HELD, JobStatus.FAILED, outcome="failed", values=_held(lease), error=error
    )
    if not ended:
        raise LeaseLost


def retry_later(session: Session, lease: Lease, error: Exception) -> None:
    """Queue the job again after a backoff, or fail it when its attempts are used up.

    A dependency's absence is counted apart from crashes and has its own limit. Raises LeaseLost.
    """
    transient = isinstance(error, TransientError)
    spent = sql.END_HELD_TRANSIENT if transient else sql.END_HELD_EXHAUSTED
    limits = {
        "max_attempts": settings().max_attempts,
        "max_transient": settings().max_transient_failures,
    }
    final = error if isinstance(error, TransientError) else AttemptsExhausted()
    outcome = "transient" if transient else "crashed"
    values = _held(lease) | limits
    if _end(session, spent, JobStatus.FAILED, outcome=outcome, values=values, error=final):
        return
    delay_s = backoff_s(lease.attempt)
    _free(session, lease, outcome=outcome, delay_s=delay_s, transient=int(transient))


def start_over(session: Session, lease: Lease, error: Exception) -> None:
    """Queue the job again from its clip, whose artifact is of no use; the second time as any crash.

    Workers of two versions beside each other could do it for ever. Raises LeaseLost.
    """
    values = _held(lease) | FREE | {"outcome": "crashed"}
    if session.execute(sql.FREE_FROM_START, values).first() is None:
        retry_later(session, lease, error)


def hand_back(session: Session, lease: Lease) -> None:
    """Queue the job again at once and uncounted: the worker is shutting down. Raises LeaseLost."""
    _free(session, lease, outcome="handed_back", delay_s=0, uncounted=1)


def backoff_s(attempt: int) -> float:
    """Give the pause before the next attempt: exponential, half of it jitter."""
    longest = min(BACKOFF_FIRST_S * BACKOFF_FACTOR ** (attempt - 1), BACKOFF_LONGEST_S)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret


# --- for the sweep ---------------------------------------------------------------------------


def free_lapsed(session: Session) -> int:
    """Queue jobs again whose workers fell silent; fail those that used up their attempts."""
    limits = {"max_attempts": settings().max_attempts}
    error = AttemptsExhausted()
    _end(session, sql.END_EXHAUSTED, JobStatus.FAILED, outcome="lost", values=limits, error=error)
    free = FREE | {"outcome": "lost"} | limits
    return len(session.execute(sql.FREE_LAPSED, free).all())


def expire_overdue(session: Session) -> int:
    """End the jobs whose deadline has passed."""
    return len(_end(session, sql.END_EXPIRED, JobStatus.EXPIRED, outcome="lost", values={}))


# --- inside ----------------------------------------------------------------------------------


def _new(
    account_id: uuid.UUID,
    *,
    expires_at: datetime | None = None,
    retry_of: uuid.UUID | None = None,
    bundle: str | None = None,
) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "account_id": account_id,
        "expires_at": expires_at,
        "retry_of": retry_of,
        "bundle": bundle,
        "most": settings().max_unfinished_jobs,
        "re_ring_s": settings().re_ring_s,
    }


def _to_be_rung(way: Way, job: Job) -> Job:
    outbox.ring_after_commit(way, job.id, Queue.EXTRACT)
    return job


def _held(lease: Lease) -> dict[str, Any]:
    return {"job_id": lease.job_id, "token": lease.token}


def _fenced(way: Way, statement: TextClause, lease: Lease, values: dict[str, Any]) -> None:
    if not ways.rows(way, statement, _held(lease) | values):
        raise LeaseLost


def _end(
    way: Way,
    statement: TextClause,
    status: JobStatus,
    *,
    outcome: str,
    values: dict[str, Any],
    error: TailTrendError | None = None,
) -> list[uuid.UUID]:
    said = {"error_code": error and error.code, "error_detail": error and error.detail}
    how = {"status": status, "outcome": outcome, "assessment": None, **said}
    rows = ways.rows(way, statement, how | values)
    events.ring_after_commit(way, [row.delivery_id for row in rows if row.delivery_id])
    return [row.job_id for row in rows if row.job_id]


def _free(session: Session, lease: Lease, **how: float | str) -> None:
    _fenced(session, sql.FREE_HELD, lease, FREE | how)
