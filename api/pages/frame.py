"""What every page shares: its words and helpers, its headers, and how errors look."""

from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import Response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from api import auth, errors, ethogram
from api.pages import assets, dates, door, telling, words
from api.schemas.pets import known_zones
from shared import alerts, storage
from shared.db import transaction
from shared.errors import TailTrendError

# Nothing inline and nothing from elsewhere, but for clips and stills in object storage.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {storage};"
    " media-src 'self' blob: {storage}; connect-src 'self' {storage}; manifest-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(self), microphone=(self)",
    "Referrer-Policy": "same-origin",  # less, and browsers would hide where our forms came from
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def show(template: str, /, **values: Any) -> str:  # noqa: ANN401 - what a template takes
    """Render a page in the language of the request."""
    language = words.language()
    tools = {
        "t": partial(words.say, language),
        "knows": partial(words.knows, language),
        "signal": partial(ethogram.signal, language),
        "reason": partial(ethogram.reason, language),
        "advice": partial(ethogram.advice, language),
        "abstention": partial(telling.abstention, language),
        "language": language,
        "languages": words.LANGUAGES,
        "day": partial(dates.day, language),
        "day_there": partial(dates.day_there, language),
        "tick": partial(dates.tick, language),
        "moment": partial(dates.moment, language),
        "ago": partial(dates.ago, language),
        "date_of": dates.day_of,
        "weekday": partial(dates.weekday, language),
        "weekdays": partial(dates.weekdays, language),
        "percent": partial(dates.percent, language),
        "decimal": partial(dates.decimal, language),
        "asset": assets.url,
        "csrf_token": auth.form_token,
        "visitor": door.visitor(),
        "here": _here(),
        "open_alerts": _open_alerts(),
    }
    return render_template(template, **tools, **values)


def _here() -> str:
    """Give a path that shows this page again; what answers a form has none but the form's own."""
    if request.method in auth.SAFE_METHODS:
        return request.full_path.rstrip("?")
    came_from = urlsplit(request.referrer or "")
    return urlunsplit(("", "", came_from.path, came_from.query, "")) or url_for("pages.pets.index")


def _open_alerts() -> int:
    """Count what wants to be seen, for the navigation; nothing at the door."""
    if door.visitor() is None:
        return 0
    with transaction() as session:
        return alerts.count_open(session, auth.account_id())


def zones(present: str = "UTC") -> list[str]:
    """List the time zones that a pet may live in, the present one among them."""
    places = {name for name in known_zones() if "/" in name and not name.startswith("Etc/")}
    return sorted(places | {"UTC", present})


class Teller:
    """The sentences about a pet, in the language of the request."""

    def __init__(self, language: str) -> None:
        self.change = partial(telling.change, language)
        self.rates = partial(telling.rates, language)
        self.notes = partial(telling.notes, language)
        self.next_clip = partial(telling.next_clip, language)
        self.seen = partial(telling.seen, language)
        self.vet = partial(telling.vet, language)
        self.in_ten = partial(telling.in_ten, language)
        self.is_recent = telling.is_recent


def teller() -> Teller:
    """Give the sentences in the language of the request."""
    return Teller(words.language())


def named(catalogue: str, choices: type[StrEnum], **values: object) -> list[tuple[str, str]]:
    """Give the members of an enum with their words, for a form to choose from."""
    language = words.language()
    return [(one.value, words.say(language, f"{catalogue}.{one}", **values)) for one in choices]


def add_headers(response: Response) -> Response:
    """Say what a page may load, and who may keep or frame it."""
    policy = POLICY.format(storage=storage.public_origin())
    response.headers.setdefault("Content-Security-Policy", policy)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def known_error(error: TailTrendError) -> tuple[str, int]:
    """Show an error that the product raised on purpose."""
    return _error(errors.status_of(type(error)), error.code, told(error))


def http_error(error: HTTPException) -> tuple[str, int]:
    """Show what Flask and Werkzeug raise."""
    status = HTTPStatus(error.code or 500)
    code = errors.CODE_OF_STATUS.get(status, status.name.lower())
    return _error(status, code, told_code(code, error.description or status.phrase))


def unknown_error(error: Exception) -> tuple[str, int]:
    """Show that something went wrong on our side, and log it."""
    return known_error(errors.logged(error))


def told(error: TailTrendError) -> str:
    """Say an error in the reader's language, where the catalogue has words for it."""
    return told_code(error.code, error.detail)


def told_code(code: str, detail: str) -> str:
    """Say an error that was stored as its code."""
    language, name = words.language(), f"error.{code}"
    return words.say(language, name) if words.knows(language, name) else detail


def _error(status: HTTPStatus, code: str, said: str) -> tuple[str, int]:
    return show("error.html", code=code, said=said), status
