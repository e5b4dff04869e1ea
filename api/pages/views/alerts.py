"""Alerts of all pets: what wants to be seen, what is quiet for a while, what is over."""

import uuid
from datetime import UTC, datetime, timedelta

from flask import Blueprint, redirect, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from api import auth
from api.pages import forms, frame
from api.schemas.alerts import AlertPatch
from shared import alerts
from shared.db import transaction
from shared.models import AlertState, Pet

SNOOZE_DAYS = (3, 7, 14, 30)
MOST_CLOSED = 30
MOST_OTHERS = 200

bp = Blueprint("alerts", __name__, url_prefix="/alerts")


@bp.get("")
def index() -> str:
    """Show the alerts of all pets."""
    return _shown()


@bp.post("/<uuid:alert_id>/snooze")
def snooze(alert_id: uuid.UUID) -> Response | tuple[str, int]:
    """Keep an alert quiet for some days, with a reason that becomes a note."""
    try:
        asked = forms.read(AlertPatch, state=AlertState.SNOOZED, snoozed_until=_until())
    except forms.Wrong as wrong:
        return _shown(wrong=wrong.fields, wrong_id=alert_id), 422
    assert asked.snoozed_until is not None
    assert asked.reason is not None
    with transaction() as session:
        alert = alerts.lock(session, auth.account_id(), alert_id)
        alerts.snooze(session, alert, until=asked.snoozed_until, reason=asked.reason)
    return redirect(url_for("pages.alerts.index", done="snoozed"), 303)


@bp.post("/<uuid:alert_id>/close")
def close(alert_id: uuid.UUID) -> Response:
    """Close an alert for good."""
    with transaction() as session:
        alerts.close(session, alerts.lock(session, auth.account_id(), alert_id))
    return redirect(url_for("pages.alerts.index", done="closed"), 303)


def _shown(wrong: list[str] | None = None, wrong_id: uuid.UUID | None = None) -> str:
    found = {}
    with transaction() as session:
        for state in AlertState:
            most = MOST_CLOSED if state is AlertState.CLOSED else MOST_OTHERS
            chosen = alerts.of_account(auth.account_id(), state).limit(most)
            found[state.value] = list(session.scalars(chosen))
        everything = [one for some in found.values() for one in some]
        seen = alerts.assessments_of(session, everything)
        ids = {one.pet_id for one in everything}
        pets = {pet.id: pet for pet in session.scalars(select(Pet).where(Pet.id.in_(ids)))}
    return frame.show(
        "alerts.html",
        found=found,
        pets=pets,
        seen=seen,
        snooze_days=SNOOZE_DAYS,
        wrong=wrong or [],
        wrong_id=wrong_id,
    )


def _until() -> str:
    text = request.form.get("days", "")
    days = int(text) if text.isdecimal() and int(text) in SNOOZE_DAYS else SNOOZE_DAYS[0]
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()
