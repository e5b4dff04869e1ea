"""The three steps as tasks: claim, run, record. What is retried is decided here only."""

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from shared import jobs, storage
from shared.db import single, transaction
from shared.errors import ClockWrong, DiskFull, InputError
from shared.jobs import Lease, LeaseLost
from shared.memory import give_back
from shared.models import Step
from worker import folders, steps
from worker.heartbeat import Heartbeat, WorkerStopping, stopping
from worker.pipeline.extract import ArtifactInvalid
from worker.steps import Work

STEP_BACK_S = 10.0

log = structlog.get_logger()


def work(job_id: str, step: Step, *, served: frozenset[Step]) -> None:
    """Answer a ring: take the job if it is still there to be taken, and do what can be done."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    with single() as way:
        lease = jobs.claim(
            way, uuid.UUID(job_id), step, worker=worker, hands_to=_hands_to(step, served)
        )
    if lease is None:
        return
    with (
        structlog.contextvars.bound_contextvars(job_id=job_id, attempt=lease.attempt),
        Heartbeat(lease) as heartbeat,
    ):
        try:
            _settle(lease, heartbeat, served)
        except LeaseLost:
            log.info("lease_lost")
    give_back()


def _hands_to(step: Step, served: frozenset[Step]) -> Step | None:
    """Tell at which step another worker goes on; None when this one serves all that follow."""
    following = step.next
    while following in served:
        following = following.next
    return following


def _settle(lease: Lease, heartbeat: Heartbeat, served: frozenset[Step]) -> None:
    """Run the steps; whatever goes wrong ends as a state of the job. Raises LeaseLost."""
    try:
        with _folder() as folder:
            _run(Work(lease, heartbeat, folder), served)
    except LeaseLost:
        raise
    except WorkerStopping:
        with transaction() as session:
            jobs.hand_back(session, lease)
    except ClockWrong:
        log.exception("clock_wrong")
        with transaction() as session:
            jobs.hand_back(session, lease)
        stopping.wait(STEP_BACK_S)  # else this process, always free, would take every job in vain
    except ArtifactInvalid as error:
        log.warning("artifact_of_no_use", why=str(error))
        with transaction() as session:
            jobs.start_over(session, lease, error)
    except InputError as error:
        with transaction() as session:
            jobs.fail(session, lease, error)
        log.info("job_failed", code=error.code)
    except Exception as error:
        log.warning("step_failed", exc_info=True)
        with transaction() as session:
            jobs.retry_later(session, lease, error)


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder that goes with the work. Raises DiskFull: that is no fault of the clip."""
    try:
        with folders.folder() as folder:
            yield folder
    except OSError as error:
        if error.errno not in DiskFull.ERRNOS:
            raise
        raise DiskFull from error


def _run(work: Work, served: frozenset[Step]) -> None:
    """Go from the claimed step as far as this worker serves, the data kept in memory."""
    step, data = work.lease.step, steps.load(work)
    while (following := step.next) is not None:
        data = steps.RUN[step](work, data)
        if following not in served:
            _hand_over(work, following, data)
            return
        with single() as way:
            jobs.continue_to(way, work.lease, following)
        step = following
    result, shadow = steps.fuse(work, data), steps.shadow(work, data)
    _keep_stills(work, steps.draw_moments(work, data, result))
    alone = single if jobs.succeeds_alone(result, shadow) else transaction
    with alone() as way:
        jobs.succeed(way, work.lease, result, shadow=shadow)
    log.info("job_succeeded")


def _keep_stills(work: Work, paths: list[Path]) -> None:
    """Store the stills of an assessment to come; they go again if it never comes."""
    if not paths:
        return
    with single() as way:
        jobs.mark_stills(way, work.lease)
    steps.store_stills(work, paths)


def _hand_over(work: Work, step: Step, data: steps.Data) -> None:
    """Store what `step` reads and queue it for a worker that serves it."""
    key = work.lease.output_key
    assert key is not None
    work.heartbeat.check()  # nothing is put for a job that somebody else has
    steps.store(work, data, key)
    try:
        with single() as way:
            jobs.hand_over(way, work.lease, step, progress=work.heartbeat.progress)
    except LeaseLost:
        storage.delete_prefix(key)  # the job may have ended, and its artifacts gone, before our put
        raise
