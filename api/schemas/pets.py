"""A pet in requests and answers."""

import functools
import uuid
import zoneinfo
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.schemas.base import LEFT_OUT, Input, IsoDate, Name, Page, Patch
from shared.models import Species

EARLIEST_BIRTH = date(1980, 1, 1)  # the oldest cat on record lived 38 years

NO_PLACES = {"localtime", "Factory", "posixrules"}


@functools.cache
def known_zones() -> set[str]:
    """Give the names of all time zones; not those that mean another one on each machine."""
    return zoneinfo.available_timezones() - NO_PLACES


def _known_zone(name: str) -> str:
    if name not in known_zones():
        raise ValueError("is not an IANA time zone such as Europe/Berlin")
    return name


def _plausible_birth(day: date) -> date:
    if not EARLIEST_BIRTH <= day <= date.today():  # noqa: DTZ011 - a calendar day, whatever the zone
        raise ValueError(f"must lie between {EARLIEST_BIRTH} and today")
    return day


TimeZone = Annotated[
    str,
    AfterValidator(_known_zone),
    Field(description="IANA time zone: a day of the history is the owner's day."),
]
BirthDate = Annotated[IsoDate, AfterValidator(_plausible_birth)]


class PetIn(Input):
    """A new pet."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Milo", "species": "dog", "time_zone": "Europe/Berlin"}]
        }
    )

    name: Name
    species: Species
    breed: Name | None = None
    birth_date: BirthDate | None = None
    time_zone: TimeZone = "UTC"


class PetPatch(Patch):
    """What to change about a pet; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "examples": [{"breed": "Whippet"}]}
    )

    name: Name = LEFT_OUT
    species: Species = LEFT_OUT
    breed: Name | None = None
    birth_date: BirthDate | None = None
    time_zone: TimeZone = LEFT_OUT


class PetOut(BaseModel):
    """A pet."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10",
                    "name": "Milo",
                    "species": "dog",
                    "breed": None,
                    "birth_date": None,
                    "time_zone": "Europe/Berlin",
                    "is_simulated": False,
                    "created_at": "2026-03-01T18:30:00.123456Z",
                }
            ]
        },
    )

    id: uuid.UUID
    name: str
    species: Species
    breed: str | None
    birth_date: date | None
    time_zone: str
    is_simulated: bool = Field(description="A demonstration: no animal was filmed.")
    created_at: datetime


class PetsPage(Page[PetOut]):
    """One page of pets; pass `next` as `?after=` to get the following one."""
