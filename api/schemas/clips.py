"""A clip in requests and answers."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from apiflask.fields import UploadFile
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from api.schemas.base import (
    LEFT_OUT,
    NO_NUL,
    NO_NUL_NOT_BLANK,
    Input,
    IsoTime,
    Name,
    Page,
    PageQuery,
    Patch,
    Text,
)
from shared.models import Reason, Retention, Species

MOST_TAGS, LONGEST_TAG = 50, 100
DEADLINE = "When the analysis is no longer wanted: a job that has not ended then, expires."
BUNDLE = "Name of the bundle that is to decide, of those that this server offers; default its own."
FORCE = "Analyse the file even when these bytes of this pet were analysed before."
Tags = Annotated[str, StringConstraints(max_length=MOST_TAGS * (LONGEST_TAG + 2), pattern=NO_NUL)]
Tag = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=LONGEST_TAG, pattern=NO_NUL_NOT_BLANK
    ),
]
TagList = Annotated[
    list[Tag],
    Field(max_length=MOST_TAGS, description="Context tags."),
    AfterValidator(lambda tags: sorted(set(tags))),
]


class Keeping(Input):
    """How long the media of a clip is to be kept; the result stays in any case."""

    retention: Retention = Field(
        Retention.KEEP,
        description="`keep`; `days`: see `retention_days`; `delete_after_analysis`: until the"
        " result is there, at most 7 days.",
    )
    retention_days: int | None = Field(None, ge=1, le=3650, description="With `days`: how many.")

    @model_validator(mode="after")
    def _days_when_needed(self) -> Self:
        if (self.retention is Retention.DAYS) != (self.retention_days is not None):
            raise ValueError("retention_days goes with retention `days`, and with nothing else.")
        return self


class ClipIn(Keeping):
    """A clip sent in one multipart request."""

    file: UploadFile = Field(description="The video, 2-60 s.")
    pet_id: uuid.UUID
    recorded_at: IsoTime | None = Field(
        None,
        description="When it was filmed (ISO 8601; UTC unless it says otherwise); default now.",
    )
    reason: Reason = Field(Reason.OTHER, description="Why it was filmed.")
    tags: Tags = Field("", description="Context tags, separated by commas.")
    note: Text | None = None
    expires_at: IsoTime | None = Field(None, description=DEADLINE)
    force: bool = Field(False, description=FORCE)
    bundle: Name | None = Field(None, description=BUNDLE)


class ClipHeaders(BaseModel):
    """A key that makes sending the same request again harmless."""

    idempotency_key: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="Any text of your choice, such as a UUID, new for each new clip.",
    )


class ClipPatch(Patch, Keeping):
    """Say anew whom a clip shows, why it was filmed, or how long its media is kept from now on."""

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "examples": [{"reason": "worried", "note": "after the fireworks"}],
        }
    )

    pet_id: uuid.UUID = LEFT_OUT
    reason: Reason = LEFT_OUT
    tags: TagList = LEFT_OUT
    note: Text | None = LEFT_OUT
    retention: Retention = LEFT_OUT


class ClipOut(BaseModel):
    """A clip."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    pet_id: uuid.UUID
    recorded_at: datetime
    reason: Reason
    tags: list[str]
    note: str | None
    retention: Retention
    media_expires_at: datetime | None = Field(
        description="From then on the media is deleted and answers 410; null: it is kept."
    )
    content_type: str = Field(description="Told from the file's bytes.")
    size_bytes: int
    created_at: datetime


class ClipsPage(Page[ClipOut]):
    """One page of clips; pass `next` as `?after=` to get the following one."""


class ClipsQuery(PageQuery):
    """Which clips."""

    pet_id: uuid.UUID | None = None


class AnalyzeIn(Input):
    """The one-call form: a file is enough."""

    file: UploadFile = Field(description="The video, 2-60 s.")
    pet_id: uuid.UUID | None = None
    species: Species = Field(Species.DOG, description="Used when no pet_id is given.")
