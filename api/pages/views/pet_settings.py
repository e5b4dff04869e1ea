"""What is known of a pet, a new start of what is usual, exports, and its end."""

import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from api import auth
from api.pages import dates, forms, frame
from api.schemas.history import BaselineIn
from api.schemas.pets import PetIn
from shared import baselines, pets
from shared.db import transaction
from shared.models import Baseline

bp = Blueprint("pet_settings", __name__, url_prefix="/pets/<uuid:pet_id>")


@bp.get("/settings")
def show(pet_id: uuid.UUID) -> str:
    """Show what can be changed about a pet."""
    return _shown(pet_id)


@bp.post("/settings")
def change(pet_id: uuid.UUID) -> Response | tuple[str, int]:
    """Change what is known of a pet."""
    try:
        asked = forms.read(PetIn)
    except forms.Wrong as wrong:
        return _shown(pet_id, sent=request.form, wrong=wrong.fields), 422
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        pets.change(session, pet, **asked.model_dump())
    return redirect(url_for("pages.pet_settings.show", pet_id=pet_id, done="saved"), 303)


@bp.post("/baseline")
def anchor(pet_id: uuid.UUID) -> Response | tuple[str, int]:
    """Start what is usual anew, with a reason."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
    at = dates.from_input(request.form.get("anchored_at", ""), pet.time_zone)
    try:
        asked = forms.read(BaselineIn, anchored_at=at)
    except forms.Wrong as wrong:
        return _shown(pet_id, anchor_sent=request.form, wrong=wrong.fields), 422
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        since = asked.anchored_at or datetime.now(UTC)
        baselines.create(session, pet, anchored_at=since, reason=asked.reason)
    return redirect(url_for("pages.pet_settings.show", pet_id=pet_id, done="anchored"), 303)


@bp.post("/delete")
def delete(pet_id: uuid.UUID) -> str | tuple[str, int]:
    """Delete a pet with everything about it; show the receipt."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        is_meant = request.form.get("sure") == "yes"
        receipt = pets.delete(session, pet) if is_meant else None
    if receipt is None:
        return _shown(pet_id, wrong=["sure"]), 422
    return frame.show("receipt.html", name=pet.name, receipt=receipt)


def _shown(pet_id: uuid.UUID, **form: Any) -> str:  # noqa: ANN401 - what was sent, and wrong
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        newest = baselines.chosen(pet).order_by(Baseline.id.desc())
        anchors = list(session.scalars(newest))
    form = {"wrong": [], "sent": pet, "anchor_sent": {}} | form
    return frame.show(
        "pet_settings.html", pet=pet, anchors=anchors, zones=frame.zones(pet.time_zone), **form
    )
