"""Pets."""

import uuid
from typing import Any

from api import auth
from api.errors import raises
from api.pagination import page
from api.routes import blueprint
from api.schemas.assessments import AssessmentOut, AssessmentsPage, AssessmentsQuery
from api.schemas.base import Created, PageQuery
from api.schemas.pets import PetIn, PetOut, PetPatch, PetsPage
from api.schemas.receipts import ReceiptOut
from shared import assessments, pets
from shared.db import transaction
from shared.errors import BadCursor
from shared.models import Assessment, Pet

bp = blueprint("pets")


@bp.post("/pets")
@bp.input(PetIn)
@bp.output(PetOut, status_code=201, headers=Created)
def create_pet(json_data: PetIn) -> tuple[PetOut, int, dict[str, str]]:
    """Add a pet."""
    with transaction() as session:
        pet = pets.create(session, auth.account_id(), **json_data.model_dump())
        return PetOut.model_validate(pet), 201, {"Location": f"/v1/pets/{pet.id}"}


@bp.get("/pets")
@bp.input(PageQuery, location="query")
@bp.output(PetsPage)
@bp.doc(extensions=raises(BadCursor))
def list_pets(query_data: PageQuery) -> dict[str, Any]:
    """List your pets, newest first."""
    with transaction() as session:
        chosen = pets.chosen(auth.account_id())
        return page(session, chosen, query_data, by=[Pet.id], present=PetOut.model_validate)


@bp.get("/pets/<uuid:pet_id>")
@bp.output(PetOut)
def read_pet(pet_id: uuid.UUID) -> PetOut:
    """Read a pet."""
    with transaction() as session:
        return PetOut.model_validate(pets.get(session, auth.account_id(), pet_id))


@bp.patch("/pets/<uuid:pet_id>")
@bp.input(PetPatch)
@bp.output(PetOut)
def change_pet(pet_id: uuid.UUID, json_data: PetPatch) -> PetOut:
    """Change what you say about a pet."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        pets.change(session, pet, **json_data.model_dump(exclude_unset=True))
        return PetOut.model_validate(pet)


@bp.delete("/pets/<uuid:pet_id>")
@bp.output(ReceiptOut)
def delete_pet(pet_id: uuid.UUID) -> ReceiptOut:
    """Delete a pet with its clips, jobs, assessments, history and media; get a receipt."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        return ReceiptOut.model_validate(pets.delete(session, pet))


@bp.get("/pets/<uuid:pet_id>/assessments")
@bp.input(AssessmentsQuery, location="query")
@bp.output(AssessmentsPage)
@bp.doc(extensions=raises(BadCursor))
def list_assessments(pet_id: uuid.UUID, query_data: AssessmentsQuery) -> dict[str, Any]:
    """List a pet's assessments by when the clip was filmed, newest first."""
    with transaction() as session:
        pets.get(session, auth.account_id(), pet_id)
        asked = query_data.model_dump(exclude={"limit", "after"})
        chosen = assessments.chosen(auth.account_id(), pet_id=pet_id, **asked)
        by = [Assessment.recorded_at, Assessment.id]
        return page(session, chosen, query_data, by=by, present=AssessmentOut.of)
