"""Context notes in requests and answers."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import NO_NUL_NOT_BLANK, AwareTime, Input, Page, PageQuery, Text, not_before
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
    until: Annotated[AwareTime, not_before("at")] | None = None
    kind: NoteKind = NoteKind.OTHER
    text: Annotated[Text, Field(min_length=1, pattern=NO_NUL_NOT_BLANK)]


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
    until: Annotated[AwareTime, not_before("since", sent_as="from")] | None = Field(
        None, alias="to", description="Began before."
    )
