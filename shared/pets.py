"""Pets of an account."""

import uuid
from datetime import date

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from shared import deletions
from shared.deletions import Receipt
from shared.errors import NotFound
from shared.models import Pet, Species

ONE = select(Pet).where(Pet.account_id == bindparam("account_id"), Pet.id == bindparam("pet_id"))


def chosen(account_id: uuid.UUID) -> Select[Pet]:
    """Select the pets of an account."""
    return select(Pet).where(Pet.account_id == account_id)


def listed(
    account_id: uuid.UUID, *, name: str = "", before: uuid.UUID | None = None
) -> Select[Pet]:
    """Select an account's pets, newest first, whose name holds a text, after a page's last one."""
    query = chosen(account_id).order_by(Pet.id.desc())
    if name:
        query = query.where(Pet.name.icontains(name, autoescape=True))
    return query if before is None else query.where(Pet.id < before)


def get(session: Session, account_id: uuid.UUID, pet_id: uuid.UUID) -> Pet:
    """Read a pet of an account. Raises NotFound."""
    pet = session.scalar(ONE, {"account_id": account_id, "pet_id": pet_id})
    if pet is None:
        raise NotFound
    return pet


def create(
    session: Session,
    account_id: uuid.UUID,
    *,
    name: str,
    species: Species,
    breed: str | None = None,
    birth_date: date | None = None,
    time_zone: str = "UTC",
    is_simulated: bool = False,
) -> Pet:
    """Add a pet to an account."""
    pet = Pet(
        account_id=account_id,
        name=name,
        species=species,
        breed=breed,
        birth_date=birth_date,
        time_zone=time_zone,
        is_simulated=is_simulated,
    )
    session.add(pet)
    session.flush()
    return pet


def change(session: Session, pet: Pet, **values: object) -> None:
    """Change what was said about a pet."""
    for name, value in values.items():
        setattr(pet, name, value)
    session.flush()


def unnamed(session: Session, account_id: uuid.UUID, species: Species) -> Pet:
    """Give the pet that stands for clips sent without one, made at the first such clip."""
    name = f"Unnamed {species}"
    found = session.scalar(chosen(account_id).where(Pet.name == name).order_by(Pet.id).limit(1))
    return found or create(session, account_id, name=name, species=species)


def delete(session: Session, pet: Pet) -> Receipt:
    """Delete a pet with everything about it, media included; say what went."""
    receipt = deletions.receipt(session, deletions.PET, pet.id)
    session.delete(pet)
    session.flush()
    return receipt
