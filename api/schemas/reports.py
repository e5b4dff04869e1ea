"""Reports and the links to them in requests and answers."""

import uuid
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.reports.words import Language
from api.schemas.base import NO_NUL, CalendarDay, Input, Name, Page
from shared import reports
from shared.errors import InvalidRequest
from shared.history import Span
from shared.models import Pet
from shared.report_links import Wanted

MOST_DAYS = 366
LONGEST_LINK_DAYS = 90

Question = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=NO_NUL),
    Field(description="What the report is to answer; the default asks whether it gets worse."),
]
First = Annotated[CalendarDay, Field(description="Default: twelve weeks before `to`.")]
Last = Annotated[
    CalendarDay, Field(description="Included, and the report is as of it; default: today.")
]


class ReportQuery(Input):
    """What a report is about, and in which language."""

    first: First | None = Field(None, alias="from")
    last: Last | None = Field(None, alias="to")
    question: Question | None = None
    language: Language = Language.ENGLISH


class ReportLinkIn(Input):
    """A link to make: what its report is about, for whom, and for how long."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Dr. Weber", "question": "Is she in pain?", "days": 14}]
        }
    )

    name: Name = Field(description="Whom it is for, as you will know it in the list.")
    first: First | None = Field(None, alias="from")
    last: Last | None = Field(None, alias="to")
    question: Question | None = None
    language: Language = Language.ENGLISH
    days: int = Field(14, ge=1, le=LONGEST_LINK_DAYS, description="How long it works.")


def span_of(asked: ReportQuery | ReportLinkIn, pet: Pet, now: datetime) -> Span:
    """Give the days that a report is asked about. Raises InvalidRequest: no page shows them."""
    first, last = reports.span_of(pet, now, first=asked.first, last=asked.last)
    if first > last:
        raise InvalidRequest(fields={"from": ["must not be after to"]})
    if (last - first).days > MOST_DAYS:
        raise InvalidRequest(fields={"from": [f"at most {MOST_DAYS} days before to"]})
    return first, last


def wanted(asked: ReportLinkIn, pet: Pet, now: datetime) -> Wanted:
    """Give the link that is asked for. Raises as `span_of`."""
    first, last = span_of(asked, pet, now)
    return Wanted(asked.name, asked.question, asked.language, first, last, asked.days)


class ReportLinkOut(BaseModel):
    """A link to a report, without the secret that it is made of."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)

    id: uuid.UUID
    pet_id: uuid.UUID
    name: str
    question: str | None
    language: Language
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class ReportLinkMade(ReportLinkOut):
    """A new link with its URL, which is told once."""

    url: str = Field(description="Who has it sees the report; it is told here and never again.")


class ReportLinksPage(Page[ReportLinkOut]):
    """One page of links; pass `next` as `?after=` to get the following one."""


class ReportViewOut(BaseModel):
    """One look at a report by its link."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    at: datetime
    form: str = Field(description="`page` or `pdf`.")
    network: str = Field(description="Where from: the address without its last part.")
    agent: str = Field(description="What the browser calls itself.")


class ReportViewsPage(Page[ReportViewOut]):
    """One page of looks; pass `next` as `?after=` to get the following one."""
