"""All pets of an account at a glance."""

from flask import Blueprint

from api import auth
from api.pages import frame
from shared import pets
from shared.db import transaction
from shared.models import Pet

bp = Blueprint("pets", __name__)

MOST = 24


@bp.get("/")
def index() -> str:
    """Show the pets, newest first."""
    with transaction() as session:
        chosen = pets.chosen(auth.account_id()).order_by(Pet.id.desc()).limit(MOST)
        found = list(session.scalars(chosen))
    return frame.show("pets.html", pets=found)
