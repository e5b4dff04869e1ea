"""The clips of a pet: what each showed, what is in work, what could not be analysed."""

import uuid
from datetime import UTC, datetime, timedelta

from flask import Blueprint, request

from api import auth
from api.pages import frame
from shared import overview, pets
from shared.db import transaction

MOST = 30
PENDING_SINCE = timedelta(days=14)

bp = Blueprint("clips", __name__)


@bp.get("/pets/<uuid:pet_id>/clips")
def index(pet_id: uuid.UUID) -> str:
    """Show a pet's clips by when they were filmed, newest first."""
    before = _before()
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        found = overview.assessed(session, pet, before=before, most=MOST + 1)
        since = datetime.now(UTC) - PENDING_SINCE
        pending = overview.pending(session, pet, since=since) if before is None else []
    return frame.show(
        "clips.html",
        pet=pet,
        clips=found[:MOST],
        pending=pending,
        older=found[MOST - 1].assessment if len(found) > MOST else None,
        told=frame.teller(),
    )


def _before() -> tuple[datetime, uuid.UUID] | None:
    """Read which clip the page before ended with."""
    try:
        at, _, id_ = request.args.get("before", "").partition("_")
        return datetime.fromtimestamp(float(at), UTC), uuid.UUID(id_)
    except (ValueError, OverflowError, OSError):
        return None
