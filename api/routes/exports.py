"""Exports: everything about a pet, streamed."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from api import auth
from api.routes import blueprint
from shared import exports, pets
from shared.db import transaction

bp = blueprint("exports")


JSON: Any = {
    "description": "Pet, clips, jobs, results, verdicts, baselines, notes and alerts.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}
CSV: Any = {
    "description": "One row for each clip's assessment.",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}


@bp.get("/pets/<uuid:pet_id>/export.json")
@bp.doc(responses={200: JSON})
def export_json(pet_id: uuid.UUID) -> Response:
    """Take everything about a pet along, as one JSON document; media is fetched clip by clip."""
    return _streamed(pet_id, exports.as_json, "application/json", "json")


@bp.get("/pets/<uuid:pet_id>/export.csv")
@bp.doc(responses={200: CSV})
def export_csv(pet_id: uuid.UUID) -> Response:
    """Take a pet's clips and results along as a table, one row for each assessment."""
    return _streamed(pet_id, exports.as_csv, "text/csv; charset=utf-8", "csv")


def _streamed(
    pet_id: uuid.UUID,
    write: Callable[[Session, uuid.UUID], Iterator[str]],
    content_type: str,
    ending: str,
) -> Response:
    with transaction() as session:
        pets.get(session, auth.account_id(), pet_id)

    def rows() -> Iterator[str]:
        with transaction() as session:
            exports.snapshot(session)
            yield from write(session, pet_id)

    named = {"Content-Disposition": f'attachment; filename="pet-{pet_id}.{ending}"'}
    return Response(rows(), content_type=content_type, headers=named)
