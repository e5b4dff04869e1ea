"""Pets over HTTP."""

import json

import pytest

from tests.factories import make_account, make_clip, make_job, make_pet, owed_deletions


def test_a_pet_is_made_and_read_again_at_its_location(api):
    made = api.post("/v1/pets", json={"name": " Milo ", "species": "dog"})
    assert made.status_code == 201
    assert made.json["name"] == "Milo"
    assert api.get(made.headers["Location"]).json == made.json


def test_a_patch_changes_what_it_names_and_nothing_else(api, account):
    pet = make_pet(account, breed="Whippet")
    changed = api.patch(f"/v1/pets/{pet.id}", json={"name": "Mila", "birth_date": "2020-02-29"})
    assert changed.status_code == 200
    assert (changed.json["name"], changed.json["breed"]) == ("Mila", "Whippet")
    assert changed.json["birth_date"] == "2020-02-29"


def test_a_patch_may_take_a_breed_away(api, account):
    pet = make_pet(account, breed="Whippet")
    assert api.patch(f"/v1/pets/{pet.id}", json={"breed": None}).json["breed"] is None


@pytest.mark.parametrize(
    "change",
    [
        {},
        None,
        [],
        {"name": None},
        {"species": None},
        {"time_zone": None},
        {"name": " "},
        {"name": "a\0b"},
        {"name": "x" * 201},
        {"name": 5},
        {"name": "\ud800"},
        {"breed": "\0"},
        {"species": "horse"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "localtime"},
        {"time_zone": "Factory"},
        {"time_zone": "posixrules"},
        {"time_zone": "../etc/passwd"},
        {"birth_date": "0001-01-01"},
        {"birth_date": "9999-12-31"},
        {"birth_date": "2020-02-30"},
        {"birth_date": 0},
        {"birth_date": "1600000000"},
        {"owner": "me"},
        {"id": "0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10"},
    ],
)
def test_a_patch_that_makes_no_sense_is_refused_and_changes_nothing(api, account, change):
    pet = make_pet(account)
    before = api.get(f"/v1/pets/{pet.id}").json
    refused = api.patch(f"/v1/pets/{pet.id}", data=json.dumps(change))
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")
    assert api.get(f"/v1/pets/{pet.id}").json == before


def test_deleting_a_pet_takes_its_clips_jobs_and_media_along(api, account):
    pet = make_pet(account)
    clip = make_clip(pet)
    job = make_job(clip, state="succeeded")
    assert api.delete(f"/v1/pets/{pet.id}").status_code == 200
    assert api.get(f"/v1/jobs/{job.id}").status_code == 404
    assert owed_deletions(f"clips/{clip.id}/") == 1
    assert owed_deletions(f"artifacts/{job.id}/") == 1


def test_another_accounts_pet_is_not_there(stranger, account):
    pet = make_pet(account)
    path = f"/v1/pets/{pet.id}"
    answers = [
        stranger.get(path),
        stranger.patch(path, json={"name": "Mine"}),
        stranger.delete(path),
        stranger.get(f"{path}/assessments"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert {answer.json["code"] for answer in answers} == {"not_found"}


def test_a_list_shows_only_the_accounts_own_pets(api, account):
    mine = make_pet(account)
    make_pet(make_account("other"))
    assert [pet["id"] for pet in api.get("/v1/pets").json["items"]] == [str(mine.id)]
