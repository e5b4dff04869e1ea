"""Reference norms: a second scale from other pets of the same kind, or none."""

import json
from datetime import date

import pytest
from sqlalchemy import text

from shared import norms
from shared.db import transaction
from shared.models import Pet, Species
from shared.norms import AgeGroup
from tests.factories import make_account

TODAY = date(2026, 6, 1)
ADULT = date(2022, 1, 1)
LIKE = """
WITH made AS (
    INSERT INTO pets (id, account_id, name, species, birth_date)
    SELECT uuidv7(), :account_id, 'like', 'dog', :born FROM generate_series(1, :n) RETURNING id)
INSERT INTO pet_trends (pet_id, budget_per_year, version, local_day, answer)
SELECT id, 0.5, 0, '2026-06-01',
       jsonb_build_object('bundle_id', CAST(:bundle AS text), 'negative',
           jsonb_build_object('usual', jsonb_build_object('mean',
               0.2 + 0.1 * (2 * (row_number() OVER () % 2) - 1))))
  FROM made
"""


@pytest.fixture
def pet(servers) -> Pet:
    account = make_account()
    with transaction() as session:
        made = Pet(account_id=account.id, name="Rex", species=Species.DOG, birth_date=ADULT)
        session.add(made)
    return made


def populate(pet: Pet, n: int, *, born: date = ADULT) -> str:
    """Add n adult dogs whose usual rates are 0.1 and 0.3 by turns; give their bundle's name."""
    values = {"account_id": pet.account_id, "n": n, "born": born, "bundle": str(pet.id)}
    with transaction() as session:
        session.execute(text(LIKE), values)
    return str(pet.id)


def compare(pet: Pet, mean: float | None, bundle: str) -> norms.Norm | None:
    usual = None if mean is None else {"mean": mean}
    answer = json.loads(json.dumps({"negative": {"usual": usual}, "bundle_id": bundle}))
    with transaction() as session:
        return norms.norm(session, pet, answer, today=TODAY)


@pytest.mark.parametrize(("mean", "score"), [(0.2, 50), (0.1, 60), (0.3, 40)])
def test_fifty_is_the_average_and_more_is_calmer(pet, mean, score):
    found = compare(pet, mean, populate(pet, norms.MIN_PETS))
    assert found.score == pytest.approx(score, abs=0.1)
    assert (found.species, found.age_group, found.n_pets) == ("dog", AgeGroup.ADULT, 200)


def test_too_few_like_pets_give_no_norm(pet):
    assert compare(pet, 0.2, populate(pet, norms.MIN_PETS - 1)) is None


def test_pets_of_another_age_do_not_count(pet):
    assert compare(pet, 0.2, populate(pet, norms.MIN_PETS, born=date(2010, 1, 1))) is None


def test_a_pet_of_unknown_age_or_baseline_has_no_norm(pet):
    bundle = populate(pet, norms.MIN_PETS)
    assert compare(pet, None, bundle) is None
    pet.birth_date = None
    assert compare(pet, 0.2, bundle) is None


@pytest.mark.parametrize(
    ("species", "born", "group"),
    [
        (Species.DOG, date(2025, 9, 1), AgeGroup.YOUNG),
        (Species.DOG, date(2020, 1, 1), AgeGroup.ADULT),
        (Species.DOG, date(2018, 1, 1), AgeGroup.SENIOR),
        (Species.CAT, date(2018, 1, 1), AgeGroup.ADULT),
    ],
)
def test_age_groups_hold_their_own_members(species, born, group):
    found, (after, until) = norms.age_group(species, born, TODAY)
    assert found is group
    assert after < born <= until
