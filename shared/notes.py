"""Context notes: what happened around a pet, beside its history."""

import uuid
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.errors import NotFound
from shared.models import Note, NoteKind, Pet


def chosen(
    pet: Pet, *, since: datetime | None = None, until: datetime | None = None
) -> Select[Note]:
    """Select the notes about a pet that touch [since, until)."""
    query = select(Note).where(Note.pet_id == pet.id)
    if since is not None:
        query = query.where(func.coalesce(Note.until, Note.at) >= since)
    if until is not None:
        query = query.where(Note.at < until)
    return query


def create(
    session: Session,
    pet_id: uuid.UUID,
    *,
    at: datetime,
    kind: NoteKind,
    text: str,
    until: datetime | None = None,
) -> Note:
    """Add a note."""
    note = Note(pet_id=pet_id, at=at, until=until, kind=kind, text=text)
    session.add(note)
    session.flush()
    return note


def get(session: Session, account_id: uuid.UUID, note_id: uuid.UUID) -> Note:
    """Read a note of an account. Raises NotFound."""
    query = select(Note).join(Pet, Pet.id == Note.pet_id)
    note = session.scalar(query.where(Note.id == note_id, Pet.account_id == account_id))
    if note is None:
        raise NotFound
    return note
