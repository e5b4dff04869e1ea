"""Context notes."""

import uuid
from typing import Any

from api import auth
from api.errors import raises
from api.pagination import page
from api.routes import blueprint
from api.schemas.base import Created
from api.schemas.notes import NoteIn, NoteOut, NotesPage, NotesQuery
from shared import notes, pets
from shared.db import transaction
from shared.errors import BadCursor
from shared.models import Note

bp = blueprint("notes")


@bp.post("/pets/<uuid:pet_id>/notes")
@bp.input(NoteIn)
@bp.output(NoteOut, status_code=201, headers=Created)
def create_note(pet_id: uuid.UUID, json_data: NoteIn) -> tuple[NoteOut, int, dict[str, str]]:
    """Note what happened around a pet: fireworks, visitors, a new medication."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        note = notes.create(session, pet.id, **json_data.model_dump())
        session.refresh(note)
        return NoteOut.model_validate(note), 201, {"Location": f"/v1/pets/{pet_id}/notes"}


@bp.get("/pets/<uuid:pet_id>/notes")
@bp.input(NotesQuery, location="query")
@bp.output(NotesPage)
@bp.doc(extensions=raises(BadCursor))
def list_notes(pet_id: uuid.UUID, query_data: NotesQuery) -> dict[str, Any]:
    """List a pet's notes by when they begin, newest first."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        chosen = notes.chosen(pet, since=query_data.since, until=query_data.until)
        return page(
            session, chosen, query_data, by=[Note.at, Note.id], present=NoteOut.model_validate
        )


@bp.delete("/notes/<uuid:note_id>")
@bp.output({}, status_code=204)
def delete_note(note_id: uuid.UUID) -> str:
    """Delete a note."""
    with transaction() as session:
        session.delete(notes.get(session, auth.account_id(), note_id))
    return ""
