"""Context notes of a pet: fireworks, visitors, a new medication."""

import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from api import auth
from api.pages import dates, forms, frame
from api.schemas.notes import NoteIn
from shared import notes, pets
from shared.db import transaction
from shared.models import Note, NoteKind, Pet

MOST = 100
KINDS = [kind.value for kind in NoteKind if kind is not NoteKind.SNOOZE]  # that comes by itself

bp = Blueprint("notes", __name__)


@bp.get("/pets/<uuid:pet_id>/notes")
def index(pet_id: uuid.UUID) -> str:
    """Show a pet's notes, the newest first."""
    return _shown(pet_id)


@bp.post("/pets/<uuid:pet_id>/notes")
def create(pet_id: uuid.UUID) -> Response | tuple[str, int]:
    """Add a note, whose times are of the owner's clock."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
    at, until = (
        dates.from_input(request.form.get(name, ""), pet.time_zone) for name in ("at", "until")
    )
    try:
        asked = forms.read(NoteIn, at=at, until=until)
    except forms.Wrong as wrong:
        return _shown(pet_id, sent=request.form, wrong=wrong.fields), 422
    with transaction() as session:
        pets.get(session, auth.account_id(), pet_id)
        notes.create(session, pet_id, **asked.model_dump())
    return redirect(url_for("pages.notes.index", pet_id=pet_id, done="saved"), 303)


@bp.post("/notes/<uuid:note_id>/delete")
def delete(note_id: uuid.UUID) -> Response:
    """Delete a note."""
    with transaction() as session:
        note = notes.get(session, auth.account_id(), note_id)
        session.delete(note)
    return redirect(url_for("pages.notes.index", pet_id=note.pet_id, done="deleted"), 303)


def _shown(pet_id: uuid.UUID, **form: Any) -> str:  # noqa: ANN401 - what was sent, and wrong
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        newest = notes.chosen(pet).order_by(Note.at.desc(), Note.id.desc()).limit(MOST)
        found = list(session.scalars(newest))
    form = {"wrong": [], "sent": {"at": _now(pet)}} | form
    return frame.show("notes.html", pet=pet, notes=found, kinds=KINDS, **form)


def _now(pet: Pet) -> str:
    return dates.for_input(datetime.now(UTC), pet.time_zone)
