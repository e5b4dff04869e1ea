"""The pets of an account beside each other: the same hours, and like temperaments."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import history
from shared import trend as method
from shared.models import Pet
from shared.trend import Clusters, SharedHours, Temperament

MOST_PETS = 10  # compared with each other: every pair
MOST_CLUSTERED = 100

# The pets filmed last, for what cannot look at all of them.
FILMED_LAST = text("""
SELECT id FROM pets,
       LATERAL (SELECT max(recorded_at) AS at FROM assessments WHERE pet_id = pets.id) AS newest
 WHERE account_id = :account_id AND at >= :since
 ORDER BY at DESC LIMIT :most
""")


def shared_hours(session: Session, account_id: uuid.UUID, *, since: datetime) -> list[SharedHours]:
    """Compare every two pets in the hours in which both were filmed."""
    values = {"account_id": account_id, "since": since, "most": MOST_PETS}
    pet_ids = session.scalars(FILMED_LAST, values).all()
    return method.household(
        {str(pet_id): history.observations(session, pet_id, begins=since) for pet_id in pet_ids}
    )


def temperament(session: Session, pet: Pet) -> Temperament | None:
    """Describe a pet over all its clips; None below the fewest that allow it."""
    return method.temperament(history.observations(session, pet.id))


def groups(session: Session, account_id: uuid.UUID) -> Clusters | None:
    """Group the account's pets of like temperament, where the groups are stable."""
    values = {"account_id": account_id, "since": history.EVER[0], "most": MOST_CLUSTERED}
    return method.clusters(dict(_described(session, session.scalars(FILMED_LAST, values).all())))


def _described(session: Session, pet_ids: Sequence[uuid.UUID]) -> Iterator[tuple[str, Temperament]]:
    for pet_id in pet_ids:
        found = method.temperament(history.observations(session, pet_id))
        if found is not None:
            yield str(pet_id), found
