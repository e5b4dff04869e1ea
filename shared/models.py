"""The tables. Constraints say what may be; `migrations/` holds the triggers and the history.

Knows nothing of queries: those live in the module named after the noun.
"""

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship
from uuid_utils.compat import uuid7

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Species(StrEnum):
    """Whom the evidence tables exist for."""

    DOG = "dog"
    CAT = "cat"


class Reason(StrEnum):
    """Why the owner filmed: the main bias of every trend."""

    ROUTINE = "routine"
    WORRIED = "worried"
    CUTE = "cute"
    OTHER = "other"


class Emotion(StrEnum):
    """What an assessment may name, and what a verdict may put in its place."""

    RELAXED = "Relaxed"
    ALERT = "Alert"
    ANXIOUS = "Anxious"
    PLAYFUL = "Playful"
    DISTRESSED = "Distressed"


class Retention(StrEnum):
    """What becomes of a clip's media; its result stays."""

    KEEP = "keep"
    DAYS = "days"
    DELETE_AFTER_ANALYSIS = "delete_after_analysis"


class JobStatus(StrEnum):
    """A job's life; docs/jobs.md draws who moves it."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


class UploadState(StrEnum):
    """An upload's life: it waits for its bytes, and ends once."""

    WAITING = "waiting"
    COMPLETED = "completed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class Step(StrEnum):
    """The steps of a job, in order; each is also a queue."""

    EXTRACT = "extract"
    ENCODE = "encode"
    FUSE = "fuse"

    @property
    def next(self) -> "Step | None":
        steps = list(Step)
        return steps[steps.index(self) + 1] if self is not steps[-1] else None


def one_of(column: str, values: type[StrEnum]) -> str:
    """Write the CHECK that a column holds a member of an enum."""
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


class Base(DeclarativeBase):
    """Text without lengths, aware times, UUIDv7 keys."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
        bytes: LargeBinary,
    }


class Account(Base):
    """A customer; owns everything below."""

    __tablename__ = "accounts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ApiKey(Base):
    """A way into an account; only a hash of it is stored."""

    __tablename__ = "api_keys"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]
    prefix: Mapped[str]  # its first characters, to tell keys apart in a list
    secret_sha256: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]


class Invite(Base):
    """A way for a person into an account's pages, once and until a time; only a hash is stored."""

    __tablename__ = "invites"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]  # for whom
    code_sha256: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignIn(Base):
    """A browser that was let into an account's pages; only a hash of its cookie is stored."""

    __tablename__ = "sign_ins"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    api_key_id: Mapped[uuid.UUID | None] = mapped_column(  # ends with it; null: by an invite
        ForeignKey("api_keys.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]  # of the key or the invite
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class Pet(Base):
    """One animal."""

    __tablename__ = "pets"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str]
    species: Mapped[str]
    breed: Mapped[str | None]
    birth_date: Mapped[date | None] = mapped_column(Date)
    time_zone: Mapped[str] = mapped_column(server_default="UTC")  # a day is the owner's day
    is_simulated: Mapped[bool] = mapped_column(server_default=text("false"))  # no animal: a demo
    # Raised by triggers with everything that a trend rests on; what was computed names it.
    history_version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(one_of("species", Species), name="species"),
        Index(None, "account_id", "id"),
    )


class Clip(Base):
    """One stored video with what its owner said about it."""

    __tablename__ = "clips"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"), index=True)
    storage_key: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[bytes]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    content_type: Mapped[str]  # sniffed, never the client's word
    recorded_at: Mapped[datetime]
    reason: Mapped[str]
    tags: Mapped[list[str]]
    note: Mapped[str | None]
    retention: Mapped[str] = mapped_column(server_default=Retention.KEEP)
    media_expires_at: Mapped[datetime | None]  # from then on the media is gone or going
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    pet: Mapped[Pet] = relationship()

    __table_args__ = (
        CheckConstraint(one_of("reason", Reason), name="reason"),
        CheckConstraint(one_of("retention", Retention), name="retention"),
        CheckConstraint("(retention = 'keep') = (media_expires_at IS NULL)", name="media_expires"),
        Index(None, "account_id", "id"),
        Index(None, "account_id", "sha256"),
    )


class Job(Base):
    """One analysis of one clip. This row is the truth; a queue message is a doorbell."""

    __tablename__ = "jobs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    clip_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("clips.id", ondelete="CASCADE"), index=True
    )
    status: Mapped[str] = mapped_column(server_default=JobStatus.QUEUED)
    step: Mapped[str] = mapped_column(server_default=Step.EXTRACT)
    resume_step: Mapped[str] = mapped_column(server_default=Step.EXTRACT)
    artifact_key: Mapped[str | None]  # what resume_step reads; None: the clip itself
    progress: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    transient_failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    retry_of: Mapped[uuid.UUID | None]
    bundle: Mapped[str | None]  # what is to decide; None: the server's own
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    clip: Mapped[Clip] = relationship()
    assessment: Mapped["Assessment | None"] = relationship(back_populates="job")

    __table_args__ = (
        CheckConstraint(one_of("status", JobStatus), name="status"),
        CheckConstraint(one_of("step", Step), name="step"),
        CheckConstraint(one_of("resume_step", Step), name="resume_step"),
        CheckConstraint("(status = 'running') = (lease_token IS NOT NULL)", name="lease"),
        CheckConstraint(
            "(status IN ('queued', 'running')) = (finished_at IS NULL)", name="finished"
        ),
        CheckConstraint("(status = 'failed') = (error_code IS NOT NULL)", name="error"),
        CheckConstraint(
            "progress BETWEEN 0 AND 100 AND (progress = 100) = (status = 'succeeded')",
            name="progress",
        ),
        Index(None, "account_id", "id"),
        Index("ix_jobs_unfinished", "status", postgresql_where=text("finished_at IS NULL")),
        Index("ix_jobs_in_hand", "account_id", postgresql_where=text("finished_at IS NULL")),
    )


class Upload(Base):
    """Bytes on their way into object storage. The clip that they become takes over its id."""

    __tablename__ = "uploads"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(server_default=UploadState.WAITING)
    size_bytes: Mapped[int] = mapped_column(BigInteger)  # as the client announced it
    sha256: Mapped[bytes]
    part_bytes: Mapped[int | None] = mapped_column(BigInteger)  # None: sent in one piece
    multipart_id: Mapped[str | None]  # the storage server's name for the parts
    recorded_at: Mapped[datetime]
    reason: Mapped[str]
    tags: Mapped[list[str]]
    note: Mapped[str | None]
    retention: Mapped[str] = mapped_column(server_default=Retention.KEEP)
    retention_days: Mapped[int | None] = mapped_column(SmallInteger)
    bundle: Mapped[str | None]
    force: Mapped[bool]  # analyse even what was analysed before
    job_expires_at: Mapped[datetime | None]
    job_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), index=True
    )
    clip_id: Mapped[uuid.UUID | None] = column_property(
        select(Job.clip_id).where(Job.id == job_id).correlate_except(Job).scalar_subquery()
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("state", UploadState), name="state"),
        CheckConstraint(one_of("reason", Reason), name="reason"),
        CheckConstraint(one_of("retention", Retention), name="retention"),
        CheckConstraint("(state = 'completed') = (job_id IS NOT NULL)", name="job"),
        CheckConstraint("(part_bytes IS NULL) = (multipart_id IS NULL)", name="parts"),
        CheckConstraint("size_bytes > 0 AND octet_length(sha256) = 32", name="announced"),
        Index(None, "account_id", "id"),
        Index("ix_uploads_waiting", "expires_at", postgresql_where=text("state = 'waiting'")),
    )


class StepAttempt(Base):
    """One try at one step: who did it, when, and how it ended."""

    __tablename__ = "step_attempts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    step: Mapped[str]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    lease_token: Mapped[uuid.UUID]
    worker: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None]

    __table_args__ = (
        CheckConstraint(one_of("step", Step), name="step"),
        CheckConstraint(
            "outcome IN ('done', 'failed', 'transient', 'crashed', 'handed_back', 'lost')",
            name="outcome",
        ),
        UniqueConstraint("lease_token", "step"),
    )


class OwedRing(Base):
    """The outbox: a ring that is owed until somebody answers it by claiming the job."""

    __tablename__ = "outbox"

    job_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    queue: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime]

    __table_args__ = (Index(None, "queue", "due_at"),)


def probability(emotion: Emotion) -> Computed:
    """Write the column that repeats a class's probability, so that an index can hold it.

    Null where the assessment abstained: an abstention may come with numbers and says nothing.
    """
    path = f"(result -> 'probabilities'::text) ->> '{emotion}'::text"
    decided = f"CASE WHEN abstention_code IS NULL THEN ({path})::double precision"
    return Computed(f"{decided} ELSE NULL::double precision END", persisted=True)


IS_CALIBRATED = Computed(
    "COALESCE((result ->> 'calibrated'::text)::boolean, false)", persisted=True
)


class Assessment(Base):
    """The result of a job: a fact that is never updated.

    `pet_id`, `recorded_at` and `reason` repeat the clip's for the history index; `pet_id` follows
    the clip when it is moved to another pet. The account is the pet's: without a foreign key its
    deletion need not look for assessments twice.
    """

    __tablename__ = "assessments"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID]
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    clip_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("clips.id", ondelete="CASCADE"), index=True
    )
    job_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), unique=True
    )
    recorded_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(server_default=Reason.OTHER)
    emotion: Mapped[str | None]
    abstention_code: Mapped[str | None]
    bundle: Mapped[str]
    result: Mapped[dict[str, Any]]
    relaxed: Mapped[float | None] = mapped_column(probability(Emotion.RELAXED))
    alert: Mapped[float | None] = mapped_column(probability(Emotion.ALERT))
    anxious: Mapped[float | None] = mapped_column(probability(Emotion.ANXIOUS))
    playful: Mapped[float | None] = mapped_column(probability(Emotion.PLAYFUL))
    distressed: Mapped[float | None] = mapped_column(probability(Emotion.DISTRESSED))
    calibrated: Mapped[bool] = mapped_column(IS_CALIBRATED)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    job: Mapped[Job] = relationship(back_populates="assessment")

    __table_args__ = (
        CheckConstraint("(emotion IS NULL) = (abstention_code IS NOT NULL)", name="decision"),
        CheckConstraint(one_of("reason", Reason), name="reason"),
        # Everything that a trend is computed from, so that ten thousand clips are read from here.
        Index(
            None,
            *("pet_id", "recorded_at", "id"),
            postgresql_include=[
                *("clip_id", "reason", "bundle", "calibrated"),
                *("relaxed", "alert", "anxious", "playful", "distressed"),
            ],
        ),
    )


class Shadow(Base):
    """What a second bundle would have said of a job's clip; never shown as its answer."""

    __tablename__ = "shadows"

    job_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    bundle: Mapped[str]
    emotion: Mapped[str | None]
    result: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdempotencyKey(Base):
    """What a create request with this key made, so that its twin gets the same answer."""

    __tablename__ = "idempotency_keys"

    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[bytes]
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class OwedDeletion(Base):
    """Stored objects that must go: everything whose key starts with `prefix`, when due."""

    __tablename__ = "deletions"

    prefix: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime] = mapped_column(index=True)


class EndpointState(StrEnum):
    """Whether events go to an endpoint."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """Why an endpoint gets no events: the account asked, it answered 410, it failed for days."""

    ASKED = "asked"
    GONE = "gone"
    FAILING = "failing"


class EventType(StrEnum):
    """What a webhook can tell."""

    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELED = "job.canceled"
    JOB_EXPIRED = "job.expired"
    ASSESSMENT_CORRECTED = "assessment.corrected"
    ALERT_OPENED = "alert.opened"
    ALERT_CLOSED = "alert.closed"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_TEST = "endpoint.test"


class DeliveryState(StrEnum):
    """One event's way to one endpoint; docs/webhooks.md says who moves it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELED = "canceled"


class WebhookEndpoint(Base):
    """A receiver of events. The secrets sign, so they are stored as they are."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    url: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    events: Mapped[list[str]]  # empty: all
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_secret_until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default=EndpointState.ENABLED)
    disabled_reason: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]  # the first failure that no success followed
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(one_of("state", EndpointState), name="state"),
        CheckConstraint(one_of("disabled_reason", DisabledReason), name="disabled_reason"),
        CheckConstraint(
            "(state = 'disabled') = (disabled_reason IS NOT NULL)"
            " AND (state = 'disabled') = (disabled_at IS NOT NULL)",
            name="disabled",
        ),
        Index(None, "account_id", "id"),
    )


class Event(Base):
    """Something that happened: a row of the transaction in which it happened.

    It goes with the job or the pet that it tells of: after a deletion no copy remains.
    """

    __tablename__ = "events"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    type: Mapped[str]
    job_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), index=True
    )
    pet_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("pets.id", ondelete="CASCADE"), index=True
    )
    data: Mapped[dict[str, Any]]  # ids and the small result, nothing else
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(one_of("type", EventType), name="type"),
        Index(None, "account_id", "created_at"),
    )


class Delivery(Base):
    """One event on its way to one endpoint."""

    __tablename__ = "deliveries"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    endpoint_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE")
    )
    state: Mapped[str] = mapped_column(server_default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    last_status: Mapped[int | None] = mapped_column(SmallInteger)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]

    event: Mapped[Event] = relationship()
    endpoint: Mapped[WebhookEndpoint] = relationship()

    __table_args__ = (
        CheckConstraint(one_of("state", DeliveryState), name="state"),
        CheckConstraint("(state = 'pending') = (finished_at IS NULL)", name="finished"),
        CheckConstraint("lease_token IS NULL OR state = 'pending'", name="lease"),
        UniqueConstraint("event_id", "endpoint_id"),
        Index(None, "endpoint_id", "id"),
        Index(
            "ix_deliveries_pending",
            "endpoint_id",
            "due_at",
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_deliveries_leased",
            "endpoint_id",
            postgresql_where=text("lease_token IS NOT NULL"),
        ),
    )


class DeliveryAttempt(Base):
    """One try at a delivery: when, how it ended, how long it took; never what was said."""

    __tablename__ = "delivery_attempts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    delivery_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("deliveries.id", ondelete="CASCADE"), index=True
    )
    finished_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    duration_ms: Mapped[int]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    error: Mapped[str | None]

    __table_args__ = (CheckConstraint("(status IS NULL) = (error IS NOT NULL)", name="outcome"),)


class VerdictBy(StrEnum):
    """Who corrects an assessment."""

    OWNER = "owner"
    VET = "vet"


class NoteKind(StrEnum):
    """What a context note tells."""

    FIREWORKS = "fireworks"
    VISITORS = "visitors"
    ALONE = "alone"
    TRAVEL = "travel"
    MOVE = "move"
    MEDICATION = "medication"
    VET_VISIT = "vet_visit"
    SNOOZE = "snooze"
    OTHER = "other"


class AlertKind(StrEnum):
    """What an alert is about; the later, the higher its step."""

    TREND_LESS_PLAY = "trend_less_play"
    TREND_WORSE = "trend_worse"
    RED_FLAG = "red_flag"


class AlertState(StrEnum):
    """Whether an alert wants to be seen; docs/history.md says who moves it."""

    OPEN = "open"
    SNOOZED = "snoozed"
    CLOSED = "closed"


class Bucket(StrEnum):
    """How long a summary is."""

    DAY = "day"
    WEEK = "week"


# The first of an assessment's verdicts in this order counts: the latest, a vet's before an owner's.
COUNTING_FIRST = "(by = 'vet') DESC, verdicts.created_at DESC, verdicts.id DESC"


class Verdict(Base):
    """A correction beside an assessment. None overwrites another; `pet_id` follows by trigger."""

    __tablename__ = "verdicts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    assessment_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("assessments.id", ondelete="CASCADE"), index=True
    )
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    label: Mapped[str]
    by: Mapped[str]
    author: Mapped[str | None]
    note: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (
        CheckConstraint(one_of("label", Emotion), name="label"),
        CheckConstraint(one_of("by", VerdictBy), name="by"),
        Index(None, "pet_id", "assessment_id"),
    )


class Baseline(Base):
    """An explicit new start of what is usual; the last one that was said counts."""

    __tablename__ = "baselines"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    anchored_at: Mapped[datetime]
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index(None, "pet_id", "id"),)


class Note(Base):
    """What happened around a pet, at a time or over a span."""

    __tablename__ = "notes"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    until: Mapped[datetime | None]
    kind: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(one_of("kind", NoteKind), name="kind"),
        CheckConstraint("until >= at", name="span"),
        Index(None, "pet_id", "at", "id"),
    )


class Alert(Base):
    """A trend alarm or a red flag. A trend alarm is over when its CUSUM is, closed or not."""

    __tablename__ = "alerts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    assessment_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("assessments.id", ondelete="CASCADE"), unique=True
    )
    kind: Mapped[str]
    step: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(server_default=AlertState.OPEN)
    reason: Mapped[str]  # what was said when it opened
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    snoozed_until: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]
    pushed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", AlertKind), name="kind"),
        CheckConstraint(one_of("state", AlertState), name="state"),
        CheckConstraint("(kind = 'red_flag') = (assessment_id IS NOT NULL)", name="assessment"),
        CheckConstraint("(state = 'snoozed') = (snoozed_until IS NOT NULL)", name="snoozed"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        Index(None, "pet_id", "id"),
        Index(
            "ix_alerts_running",
            *("pet_id", "kind"),
            unique=True,
            postgresql_where=text("over_at IS NULL AND kind <> 'red_flag'"),
        ),
        Index("ix_alerts_snoozed", "snoozed_until", postgresql_where=text("state = 'snoozed'")),
        Index("ix_alerts_open", "pet_id", postgresql_where=text("state = 'open'")),
        Index(
            "ix_alerts_unpushed",
            "pet_id",
            postgresql_where=text("state = 'open' AND pushed_at IS NULL AND kind <> 'red_flag'"),
        ),
    )


class PetTrend(Base):
    """A trend as it was answered: true while the version and the owner's day are these."""

    __tablename__ = "pet_trends"

    pet_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pets.id", ondelete="CASCADE"), primary_key=True
    )
    budget_per_year: Mapped[float] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    local_day: Mapped[date] = mapped_column(Date)
    answer: Mapped[dict[str, Any]]
    computed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OwedTrend(Base):
    """A pet whose alerts have not followed its history yet; the sweep lets them follow."""

    __tablename__ = "trends_owed"

    pet_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pets.id", ondelete="CASCADE"), primary_key=True
    )
    since: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class Summary(Base):
    """One day or ISO week of a pet, on the owner's calendar."""

    __tablename__ = "summaries"

    pet_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pets.id", ondelete="CASCADE"), primary_key=True
    )
    bucket: Mapped[str] = mapped_column(primary_key=True)
    begins: Mapped[date] = mapped_column(Date, primary_key=True)
    n_clips: Mapped[int]
    n_abstained: Mapped[int]
    summary: Mapped[dict[str, Any]]  # without its rates, which need its neighbours
    evidence: Mapped[bytes | None]  # (2, 39) float32: log likelihoods of the rates on the grid

    __table_args__ = (
        CheckConstraint(one_of("bucket", Bucket), name="bucket"),
        Index(
            "ix_summaries_stale",  # written by code that kept no evidence
            "pet_id",
            postgresql_where=text("NOT summary ? 'n_tense'"),
        ),
    )


class HistoryChange(Base):
    """A time of which the summaries do not know the newest facts; null: all times.

    Written by triggers in the transaction of the change, gone when the summaries were made anew.
    """

    __tablename__ = "history_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime | None]


class ReportLink(Base):
    """A way to one report without a key, for as long as it is good; only a hash of it is stored."""

    __tablename__ = "report_links"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    pet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    name: Mapped[str]  # whom it is for
    question: Mapped[str | None]
    language: Mapped[str]
    first: Mapped[date] = mapped_column(Date)
    last: Mapped[date] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("first <= last", name="span"),
        Index(None, "pet_id", "id"),
    )


class ReportView(Base):
    """One look at a report by its link. Of the address only the network is kept."""

    __tablename__ = "report_views"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    link_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("report_links.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    form: Mapped[str]
    network: Mapped[str]
    agent: Mapped[str]

    __table_args__ = (
        CheckConstraint("form IN ('page', 'pdf')", name="form"),
        Index(None, "link_id", "id"),
    )
