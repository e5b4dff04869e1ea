"""A job in answers."""

import hashlib
import uuid
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from api.schemas.assessments import AssessmentOut
from api.schemas.base import Input, Page, PageQuery
from shared.models import Job, JobStatus, Step


class JobError(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class JobOut(BaseModel):
    """One analysis of one clip."""

    id: uuid.UUID
    clip_id: uuid.UUID
    pet_id: uuid.UUID
    status: JobStatus
    step: Step
    progress: int = Field(description="Measured percent; never falls, 100 only when it succeeded.")
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    retry_of: uuid.UUID | None
    bundle: str | None = Field(None, description="Asked for by name; null: the server's own.")
    duplicate_of: uuid.UUID | None = Field(
        None,
        description="Said to who sent bytes that were analysed before: this is the job that did.",
    )
    error: JobError | None
    assessment_id: uuid.UUID | None
    assessment: AssessmentOut | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Present a job with its assessment."""
        failed = job.error_code is not None
        return cls(
            id=job.id,
            clip_id=job.clip_id,
            pet_id=job.clip.pet_id,
            status=JobStatus(job.status),
            step=Step(job.step),
            progress=job.progress,
            attempts=job.attempts,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            expires_at=job.expires_at,
            retry_of=job.retry_of,
            bundle=job.bundle,
            error=JobError(code=job.error_code, detail=job.error_detail or "") if failed else None,
            assessment_id=job.assessment.id if job.assessment else None,
            assessment=AssessmentOut.of(job.assessment) if job.assessment else None,
        )

    def etag(self) -> str:
        """Name this state of the job."""
        return etag_of(self.model_dump_json())


def etag_of(body: str) -> str:
    """Name the state of a job by its JSON."""
    return hashlib.sha256(body.encode()).hexdigest()[:32]


class JobQuery(Input):
    """How long to wait for the job."""

    wait_s: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="Answer when the job ends, or changes from If-None-Match, or this time passed.",
    )


class JobHeaders(BaseModel):
    """What the client knows of the job."""

    if_none_match: str | None = Field(None, description="`ETag` of the last answer.")


class EventsHeaders(BaseModel):
    """What the client has heard of the job."""

    last_event_id: str | None = Field(None, description="`id` of the last event.")


class PollHeaders(BaseModel):
    """Headers of an answer that may be asked for again."""

    etag: str = Field(alias="ETag", description="Names this state of the job.")
    retry_after: int | None = Field(
        None, alias="Retry-After", description="Seconds; absent when the job has ended."
    )


class JobsPage(Page[JobOut]):
    """One page of jobs; pass `next` as `?after=` to get the following one."""


class JobsQuery(PageQuery):
    """Which jobs."""

    status: JobStatus | None = None
    pet_id: uuid.UUID | None = None
