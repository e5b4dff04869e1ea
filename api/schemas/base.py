"""What all shapes share: texts and times as Postgres can keep them, a page, a problem."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

Item = TypeVar("Item", bound=BaseModel)
Day = TypeVar("Day", bound=date)  # a datetime is one
MOST_YEARS = (2000, 2100)

# Postgres keeps no NUL. The patterns stand in the OpenAPI document, so that a client knows.
NO_NUL = r"^[^\x00]*$"
NO_NUL_NOT_BLANK = r"^[^\x00]*[^\s\x00][^\x00]*$"

Text = Annotated[str, StringConstraints(max_length=2000, pattern=NO_NUL)]
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL_NOT_BLANK
    ),
]


def _iso(value: object) -> object:
    """Refuse what pydantic would read as seconds since 1970."""
    if not isinstance(value, str) or value[4:5] != "-":
        raise ValueError("is not ISO 8601, such as 2026-03-01T18:30:00Z")
    return value


IsoDate = Annotated[date, BeforeValidator(_iso)]
IsoTime = Annotated[datetime, BeforeValidator(_iso)]


def _aware(time: datetime) -> datetime:
    """Take a time without an offset as UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _of_a_calendar(day: Day) -> Day:
    """Refuse a day, or a time, that no calendar around it can hold."""
    if not MOST_YEARS[0] <= day.year <= MOST_YEARS[1]:
        raise ValueError(f"must lie between the years {MOST_YEARS[0]} and {MOST_YEARS[1]}")
    return day


UtcTime = Annotated[IsoTime, AfterValidator(_aware)]
AwareTime = Annotated[UtcTime, AfterValidator(_of_a_calendar)]
CalendarDay = Annotated[IsoDate, AfterValidator(_of_a_calendar)]


def not_before(field: str, *, sent_as: str | None = None) -> AfterValidator:
    """Refuse a time before that of a field which stands above this one."""

    def check(time: datetime, so_far: ValidationInfo) -> datetime:
        begins = so_far.data.get(field)
        if begins is not None and time < begins:
            raise ValueError(f"must not be before {sent_as or field}")
        return time

    return AfterValidator(check)


# The default of a field in a PATCH that may be left out but not be null; nobody reads it.
LEFT_OUT: Any = Field(default_factory=lambda: None)


class Input(BaseModel):
    """What a request says in its body or its query: unknown names are mistakes."""

    model_config = ConfigDict(extra="forbid")


class Patch(Input):
    """What to change about a thing."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("The request names nothing to change.")
        return self


class Page(BaseModel, Generic[Item]):
    """One page of a list; pass `next` as `?after=` to get the following one."""

    items: list[Item]
    next: str | None = Field(description="Null on the last page.")


class PageQuery(Input):
    """Which page of a list."""

    limit: int = Field(50, ge=1, le=200, description="Most items on the page.")
    after: str | None = Field(None, max_length=300, description="`next` of the page before.")


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable, `detail` is for people."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "code": "not_found",
                    "detail": "There is nothing with this id in your account.",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: dict[str, list[str]] | None = Field(
        None, description="For invalid requests: what is wrong, by field."
    )


class Created(BaseModel):
    """Headers of an answer that made something."""

    location: str = Field(alias="Location", description="Path of what was made.")
