"""Baselines: explicit new starts of what is usual for a pet. Without one it is learned."""

import uuid
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from shared.models import Baseline, Pet
from shared.trend import Anchor


def chosen(pet: Pet) -> Select[Baseline]:
    """Select what was said about a pet's baseline."""
    return select(Baseline).where(Baseline.pet_id == pet.id)


def anchor(session: Session, pet_id: uuid.UUID) -> Anchor | None:
    """Give the new start that counts: the one that was said last."""
    query = select(Baseline).where(Baseline.pet_id == pet_id).order_by(Baseline.id.desc()).limit(1)
    last = session.scalar(query)
    return None if last is None else Anchor(last.anchored_at, last.reason)


def create(session: Session, pet: Pet, *, anchored_at: datetime, reason: str) -> Baseline:
    """Start the baseline anew: clips filmed before `anchored_at` count no more."""
    made = Baseline(pet_id=pet.id, anchored_at=anchored_at, reason=reason)
    session.add(made)
    session.flush()
    return made


def between(pet: Pet, since: datetime, until: datetime) -> Select[Baseline]:
    """Select the new starts of a pet's baseline in [since, until), oldest first."""
    within = chosen(pet).where(Baseline.anchored_at >= since, Baseline.anchored_at < until)
    return within.order_by(Baseline.anchored_at, Baseline.id)
