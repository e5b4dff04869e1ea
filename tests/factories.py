"""Rows for tests, each committed at once and in an account of its own unless told otherwise."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text
from uuid_utils.compat import uuid7

from shared import accounts, clips, jobs, pets
from shared.clips import StoredFile, Told
from shared.db import transaction
from shared.errors import ClipUnreadable
from shared.jobs import Lease
from shared.models import Account, Clip, Job, JobStatus, Pet, Reason, Species, Step

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(1000)
FILMED_AT = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)

RESULT: dict[str, Any] = {
    "emotion": "Anxious",
    "confidence": 0.71,
    "calibrated": False,
    "evidence": "moderate",
    "abstention": None,
    "probabilities": {
        "Relaxed": 0.08,
        "Alert": 0.14,
        "Anxious": 0.71,
        "Playful": 0.02,
        "Distressed": 0.05,
    },
    "signals": ["low tail"],
    "signal_details": [
        {
            "name": "low tail",
            "value": 0.31,
            "unit": "rad",
            "span_s": [1.5, 6.0],
            "region": "tail",
            "reliability": 0.7,
            "supports": "Anxious",
            "weight_nats": 0.8,
        }
    ],
    "against": [],
    "not_measurable": [{"name": "ear position", "why": "face not visible"}],
    "timeline": [{"t_s": 0.5, "probabilities": {"Anxious": 1.0}}],
    "moments": [{"span_s": [2.0, 3.5], "why": "low tail", "image_url": None}],
    "modalities": {"vision": {"present": True, "contribution": 0.4}},
    "recommendation": {"code": "reduce_stimuli", "text": "Reduce noise.", "urgency": "watch"},
    "quality": {"frames": 20, "camera": "static"},
    "bundle": {"name": "ethogram", "version": "1", "sha256": "ab" * 32},
    "timings_s": {"extract": 0.8},
}
ABSTAINED = RESULT | {
    "emotion": None,
    "confidence": None,
    "evidence": None,
    "probabilities": None,
    "abstention": {"code": "too_dark", "text": "The clip is too dark."},
    "signals": [],
    "signal_details": [],
}


def make_account(name: str = "test") -> Account:
    with transaction() as session:
        return accounts.create(session, name)


def make_key(account: Account) -> str:
    with transaction() as session:
        return accounts.create_key(session, account.id, name="test")


def make_pet(account: Account | None = None, **values: Any) -> Pet:
    told = {"name": "Milo", "species": Species.DOG} | values
    account_id = (account or make_account()).id
    with transaction() as session:
        return pets.create(session, account_id, **told)


def make_clip(pet: Pet | None = None, *, recorded_at: datetime = FILMED_AT) -> Clip:
    """Make a clip without storing its media."""
    pet = pet or make_pet()
    clip_id = uuid7()
    clip = Clip(
        id=clip_id,
        account_id=pet.account_id,
        pet_id=pet.id,
        storage_key=clips.media_key(clip_id),
        sha256=uuid.uuid4().bytes * 2,
        size_bytes=len(MP4),
        content_type="video/mp4",
        recorded_at=recorded_at,
        reason=Reason.ROUTINE,
        tags=[],
    )
    with transaction() as session:
        session.add(clip)
        session.flush()
        session.refresh(clip)
    return clip


def make_job(clip: Clip | None = None, *, state: str = JobStatus.QUEUED) -> Job:
    """Make a job and lead it to a state the way the product does."""
    clip = clip or make_clip()
    with transaction() as session:
        job = jobs.submit(session, session.merge(clip))
    LEAD_TO[state](job)
    return read_job(job.id)


def accept_job(pet: Pet | None = None) -> Job:
    """Make a clip with its job as the API does, without storing its media."""
    pet = pet or make_pet()
    with transaction() as session:
        file = StoredFile(clips.reserve(session), uuid.uuid4().bytes * 2, len(MP4), "video/mp4")
        told = Told(None, Reason.ROUTINE, [], None)
        return jobs.accept(session, file, told, account_id=pet.account_id, pet_id=pet.id)


def read_job(job_id: uuid.UUID) -> Job:
    with transaction() as session:
        return session.get_one(Job, job_id)


def read(job_id: uuid.UUID) -> Job:
    """Read a job with its clip and assessment."""
    with transaction() as session:
        account_id = session.scalar(select(Job.account_id).where(Job.id == job_id))
        return jobs.get(session, account_id, job_id)


def claim(
    job: Job, step: Step | None = None, *, worker: str = "test", hands_to: Step | None = None
) -> Lease:
    """Take a job; it must be there to be taken."""
    step = step or Step(job.step)
    with transaction() as session:
        lease = jobs.claim(session, job.id, step, worker=worker, hands_to=hands_to)
    assert lease is not None
    return lease


def succeed(job: Job, result: dict[str, Any] = RESULT) -> None:
    lease = claim(job)
    with transaction() as session:
        jobs.succeed(session, lease, result)


def fail(job: Job) -> None:
    lease = claim(job)
    with transaction() as session:
        jobs.fail(session, lease, ClipUnreadable())


def cancel(job: Job) -> None:
    with transaction() as session:
        jobs.cancel(session, job.account_id, job.id)


def expire(job: Job) -> None:
    set_job(job, "expires_at = now() - interval '1 second'")
    with transaction() as session:
        jobs.expire_overdue(session)


LEAD_TO = {
    JobStatus.QUEUED: lambda job: None,
    JobStatus.RUNNING: claim,
    JobStatus.SUCCEEDED: succeed,
    JobStatus.FAILED: fail,
    JobStatus.CANCELED: cancel,
    JobStatus.EXPIRED: expire,
}


def set_job(job: Job, what: str) -> None:
    """Change a job behind the product's back, as time or a fault would."""
    with transaction() as session:
        session.execute(text(f"UPDATE jobs SET {what} WHERE id = :id"), {"id": job.id})


def make_assessments(pet: Pet, recorded: list[datetime]) -> None:
    for recorded_at in recorded:
        make_job(make_clip(pet, recorded_at=recorded_at), state=JobStatus.SUCCEEDED)


def owed_deletions(prefix: str) -> int:
    """Count the deletions owed of a prefix."""
    with transaction() as session:
        query = text("SELECT count(*) FROM deletions WHERE prefix = :prefix")
        return session.execute(query, {"prefix": prefix}).scalar_one()
