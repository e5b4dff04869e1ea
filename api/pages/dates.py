"""Days, times and numbers as people of a language write them, on the owner's clock."""

import functools
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta, get_day_names
from babel.numbers import format_decimal, format_percent

CLOCK = {"en": ", HH:mm", "de": ", HH:mm", "ko": " HH:mm"}
SHORT = {"en": "d MMM", "de": "d. MMM", "ko": "M월 d일"}
TICK = {"en": "d MMM", "de": "d. MMM", "ko": "M. d."}  # under a chart, where room is scarce
LONG_TICK = {"en": "MMM y", "de": "MMM y", "ko": "y. M."}
LONG = {"en": "d MMM y", "de": "d. MMM y", "ko": "y년 M월 d일"}
KEPT = 10_000  # written once: Babel takes its time, and a chart of years has hundreds
LOCAL_INPUT = "%Y-%m-%dT%H:%M"  # of <input type="datetime-local">


@functools.lru_cache(KEPT)
def day(language: str, at: date) -> str:
    """Write a calendar day: 3 Nov 2026."""
    return format_date(at, LONG[language], locale=language)


@functools.lru_cache(KEPT)
def short_day(language: str, at: date) -> str:
    """Write a calendar day where the year is plain: 3 Nov."""
    return format_date(at, SHORT[language], locale=language)


@functools.lru_cache(KEPT)
def tick(language: str, at: date, is_long: bool) -> str:
    """Write a day under a chart; under a long one its month and year."""
    return format_date(at, (LONG_TICK if is_long else TICK)[language], locale=language)


def weekday(language: str, at: date) -> str:
    """Write the day of the week in two or three letters."""
    return format_date(at, "EEE", locale=language)


def weekdays(language: str) -> list[str]:
    """List the days of the week from Monday, abbreviated."""
    names = get_day_names("abbreviated", locale=language)
    return [names[number] for number in range(7)]


def moment(language: str, at: datetime, zone: str = "UTC") -> str:
    """Write a moment on the owner's clock: 3 Nov, 18:30; with its year when that is another."""
    is_this_year = local(at, zone).year == local(datetime.now(UTC), zone).year
    written = (SHORT if is_this_year else LONG)[language] + CLOCK[language]
    return format_datetime(local(at, zone), written, locale=language)


def ago(language: str, at: datetime) -> str:
    """Say how long ago, or ahead, a moment lies: 2 hours ago."""
    return format_timedelta(at - datetime.now(UTC), add_direction=True, locale=language)


def percent(language: str, share: float) -> str:
    """Write a probability, never as certain as 0 or 100 %."""
    return _percent(language, min(99, max(1, round(share * 100))))


def decimal(language: str, value: float) -> str:
    """Write a number with one decimal: 2.5."""
    return format_decimal(value, "0.0", locale=language)


@functools.lru_cache(KEPT)
def _percent(language: str, points: int) -> str:
    return format_percent(points / 100, locale=language)


def day_there(language: str, at: datetime, zone: str) -> str:
    """Write the day that a moment has on the owner's clock."""
    return day(language, local(at, zone).date())


def day_of(iso: str, zone: str = "UTC") -> date:
    """Give the day of an ISO 8601 day, or of a time on the owner's clock."""
    at = datetime.fromisoformat(iso)
    return (local(at, zone) if at.tzinfo else at).date()


def local(at: datetime, zone: str) -> datetime:
    """Put a moment on the owner's clock."""
    return at.astimezone(ZoneInfo(zone))


def for_input(at: datetime, zone: str) -> str:
    """Write a moment for a `datetime-local` field."""
    return local(at, zone).strftime(LOCAL_INPUT)


def from_input(text: str, zone: str) -> str:
    """Read a `datetime-local` field as ISO 8601 in UTC; what is none stays, to be refused."""
    try:
        naive = datetime.fromisoformat(text)
    except ValueError:
        return text
    return naive.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).isoformat()
