"""What can be changed about a pet: its data, what is usual, its end."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from shared.db import transaction
from shared.models import Baseline, Pet
from tests.factories import make_clip, make_pet
from tests.pages import send


@pytest.fixture
def pet(account):
    return make_pet(account, time_zone="Europe/Berlin")


def stored(pet):
    with transaction() as session:
        return session.get(Pet, pet.id)


def test_what_is_known_of_a_pet_is_changed_and_an_empty_field_forgets(browser, pet):
    fields = {"name": "Luna", "species": "cat", "time_zone": "Asia/Seoul", "breed": ""}
    assert send(browser, f"/pets/{pet.id}/settings", **fields).status_code == 303
    found = stored(pet)
    assert (found.name, found.species, found.time_zone, found.breed) == (
        *("Luna", "cat", "Asia/Seoul"),
        None,
    )
    assert send(browser, f"/pets/{pet.id}/settings", name="", species="cat").status_code == 422


def test_what_is_usual_is_started_anew_with_a_reason(browser, pet):
    path = f"/pets/{pet.id}/baseline"
    assert send(browser, path, reason="").status_code == 422
    assert send(browser, path, reason="x", anchored_at="2999-01-01T00:00").status_code == 422
    fields = {"reason": "after surgery", "anchored_at": "2026-03-01T09:30"}
    assert send(browser, path, **fields).status_code == 303
    with transaction() as session:
        made = session.scalars(select(Baseline).where(Baseline.pet_id == pet.id)).one()
    assert made.anchored_at == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert "after surgery" in browser.get(f"/pets/{pet.id}/settings").text


def test_a_pet_is_deleted_when_somebody_means_it_and_a_receipt_says_what_went(browser, pet):
    clip = make_clip(pet)
    assert send(browser, f"/pets/{pet.id}/delete").status_code == 422
    assert stored(pet) is not None
    answer = send(browser, f"/pets/{pet.id}/delete", sure="yes")
    assert f"clips/{clip.id}/" in answer.text
    assert "Everything about Milo was deleted." in answer.text
    assert stored(pet) is None


def test_exports_open_with_the_cookie(browser, pet):
    page = browser.get(f"/pets/{pet.id}/settings").text
    assert f"/v1/pets/{pet.id}/export.csv" in page
    assert browser.get(f"/v1/pets/{pet.id}/export.csv").text.startswith("clip_id,")


@pytest.mark.parametrize("what", ["settings", "baseline", "delete"])
def test_a_stranger_changes_nothing_of_ours(other_browser, pet, what):
    fields = {"name": "Stolen", "species": "dog", "reason": "x", "sure": "yes"}
    assert send(other_browser, f"/pets/{pet.id}/{what}", **fields).status_code == 404
    assert stored(pet).name == "Milo"
