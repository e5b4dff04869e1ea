"""Reference norms: a pet's usual beside that of other pets of its species, age group and bundle.

A second scale, as VetMetrica's: 50 is the average animal and 10 one standard deviation, more is
calmer. Absent until enough other pets have a learned baseline: a few would say nothing.
"""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.models import Pet, Species
from shared.trend import BUDGET_PER_YEAR

MIN_PETS = 200  # the average is then known to 0.7 points of the scale
AVERAGE, DEVIATION = 50.0, 10.0
DAYS_A_YEAR = 365.25
GROWN_YEARS = 1
SENIOR_YEARS = {Species.DOG: 7, Species.CAT: 10}  # AAHA / AAFP life stages, rounded

OTHERS = text("""
SELECT count(*) AS n, avg(rate) AS average, stddev_samp(rate) AS deviation
  FROM (SELECT (answer #>> '{negative,usual,mean}')::float AS rate
          FROM pet_trends JOIN pets ON pets.id = pet_id
         WHERE budget_per_year = :budget AND answer ->> 'bundle_id' = :bundle_id
           AND species = :species AND birth_date > :born_after AND birth_date <= :born_until
           AND pet_id <> :pet_id) AS others
 WHERE rate IS NOT NULL
""")


class AgeGroup(StrEnum):
    """Whom a pet is compared with."""

    YOUNG = "young"
    ADULT = "adult"
    SENIOR = "senior"


@dataclass(frozen=True, slots=True)
class Norm:
    """Where a pet's usual rate of tense signs lies among its like."""

    species: str
    age_group: AgeGroup
    n_pets: int
    average_rate: float
    score: float


def norm(session: Session, pet: Pet, answer: dict[str, Any], *, today: date) -> Norm | None:
    """Compare a pet's usual rate, taken from its trend; None while there is nothing to compare."""
    usual = answer["negative"]["usual"]
    if usual is None or pet.birth_date is None:
        return None
    group, born = age_group(Species(pet.species), pet.birth_date, today)
    others = _others(session, pet.id, pet.species, answer["bundle_id"], born)
    if others.n < MIN_PETS or not others.deviation:
        return None
    score = AVERAGE + DEVIATION * (others.average - usual["mean"]) / others.deviation
    return Norm(pet.species, group, others.n, round(others.average, 4), round(score, 1))


def age_group(
    species: Species, birth_date: date, today: date
) -> tuple[AgeGroup, tuple[date, date]]:
    """Tell a pet's age group, and the days (after, until) between which all of it were born."""
    grown, senior = (_ago(today, years) for years in (GROWN_YEARS, SENIOR_YEARS[species]))
    if birth_date > grown:
        return AgeGroup.YOUNG, (grown, today)
    if birth_date > senior:
        return AgeGroup.ADULT, (senior, grown)
    return AgeGroup.SENIOR, (date.min, senior)


def _ago(today: date, years: int) -> date:
    return today - timedelta(days=round(years * DAYS_A_YEAR))


def _others(
    session: Session, pet_id: uuid.UUID, species: str, bundle_id: str, born: tuple[date, date]
) -> Any:  # noqa: ANN401 - a row of the three columns above
    values = {"pet_id": pet_id, "species": species, "bundle_id": bundle_id}
    span = {"born_after": born[0], "born_until": born[1]}
    return session.execute(OTHERS, {**values, **span, "budget": BUDGET_PER_YEAR}).one()
