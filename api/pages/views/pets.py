"""All pets of an account at a glance, and adding one."""

import uuid
from datetime import UTC, datetime, timedelta

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from api import auth
from api.pages import charts, forms, frame
from api.schemas.pets import PetIn
from shared import history, overview, pets
from shared.db import transaction
from shared.models import AlertKind
from shared.overview import SPARK_WEEKS, Glance

MOST = 24  # on one page: the trend of each is looked at

bp = Blueprint("pets", __name__)


@bp.get("/")
def index() -> str:
    """Show the pets, newest first."""
    name, now = request.args.get("name", "").strip()[:200], datetime.now(UTC)
    with transaction() as session:
        chosen = pets.listed(auth.account_id(), name=name, before=_before()).limit(MOST + 1)
        found = list(session.scalars(chosen))
        glances = overview.glances(session, found[:MOST], now=now)
    return frame.show(
        "pets.html",
        glances=glances,
        sparks={one.pet.id: _spark(one, now) for one in glances},
        name=name,
        is_later=_before() is not None,
        before=found[MOST - 1].id if len(found) > MOST else None,
        told=frame.teller(),
        red_flag=AlertKind.RED_FLAG,
    )


@bp.get("/pets/new")
def new() -> str:
    """Ask about a new pet."""
    return frame.show("new_pet.html", sent={}, wrong=[], zones=frame.zones())


@bp.post("/pets/new")
def create() -> Response | tuple[str, int]:
    """Add a pet."""
    try:
        asked = forms.read(PetIn)
    except forms.Wrong as wrong:
        sent = {"sent": request.form, "wrong": wrong.fields, "zones": frame.zones()}
        return frame.show("new_pet.html", **sent), 422
    with transaction() as session:
        pet = pets.create(session, auth.account_id(), **asked.model_dump())
    return redirect(url_for("pages.pet.show", pet_id=pet.id), 303)


def _before() -> uuid.UUID | None:
    try:
        return uuid.UUID(request.args.get("before", ""))
    except ValueError:
        return None


def _spark(glance: Glance, now: datetime) -> charts.Spark:
    today = history.today(glance.pet, now)
    monday = today - timedelta(days=today.weekday())
    usual = glance.trend["negative"]["usual"] if glance.trend["usual_from"] else None
    return charts.sparkline(glance.spark, usual, monday - timedelta(weeks=SPARK_WEEKS - 1), monday)
