"""Context notes in requests and answers."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.schemas.base import NO_NUL_NOT_BLANK, AwareTime, Input, Page, PageQuery, Text
from shared.models import NoteKind


class NoteIn(Input):
    """What happened around a pet."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "at": "2026-01-01T00:00:00Z",
                    "until": "2026-01-01T02:00:00Z",
                    "kind": "fireworks",
                    "text": "New Year's Eve",
                }
            ]
        }
    )

    at: AwareTime
    until: AwareTime | None = None
    kind: NoteKind = NoteKind.OTHER
    text: Annotated[Text, Field(min_length=1, pattern=NO_NUL_NOT_BLANK)]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until is not None and self.until < self.at:
            raise ValueError("until must not be before at")
        return self


class NoteOut(BaseModel):
    """A context note."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    pet_id: uuid.UUID
    at: datetime
    until: datetime | None
    kind: NoteKind
    text: str
    created_at: datetime


class NotesPage(Page[NoteOut]):
    """One page of notes; pass `next` as `?after=` to get the following one."""


class NotesQuery(PageQuery):
    """Which notes of a pet."""

    since: AwareTime | None = Field(None, alias="from", description="Ended then or later.")
    until: AwareTime | None = Field(None, alias="to", description="Began before.")
