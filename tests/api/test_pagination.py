"""Keyset pages."""

import base64
import json
from datetime import timedelta

import pytest

from tests.factories import FILMED_AT, make_assessments, make_pet


def walk(api, path, **query):
    """Read all pages; give the items and the number of pages."""
    items, pages, after = [], 0, None
    while pages == 0 or after:
        answer = api.get(path, query_string=query | ({"after": after} if after else {}))
        assert answer.status_code == 200, answer.json
        items, pages, after = [*items, *answer.json["items"]], pages + 1, answer.json["next"]
    return items, pages


def test_pages_join_to_the_whole_list_newest_first(api, account):
    pets = [make_pet(account, name=str(number)) for number in range(5)]
    items, pages = walk(api, "/v1/pets", limit=2)
    assert [item["id"] for item in items] == [str(pet.id) for pet in reversed(pets)]
    assert pages == 3


def test_the_last_full_page_has_no_next(api, account):
    for _ in range(4):
        make_pet(account)
    assert walk(api, "/v1/pets", limit=2)[1] == 2


def test_rows_added_meanwhile_neither_repeat_nor_skip_an_item(api, account):
    pets = [make_pet(account) for _ in range(4)]
    first = api.get("/v1/pets?limit=2").json
    make_pet(account, name="newcomer")
    second = api.get("/v1/pets", query_string={"limit": 2, "after": first["next"]}).json
    seen = [item["id"] for item in first["items"] + second["items"]]
    assert seen == [str(pet.id) for pet in reversed(pets)]


def test_a_cursor_survives_the_row_that_it_names(api, account):
    pets = [make_pet(account) for _ in range(3)]
    first = api.get("/v1/pets?limit=1").json
    api.delete(f"/v1/pets/{first['items'][0]['id']}")
    second = api.get("/v1/pets", query_string={"limit": 1, "after": first["next"]}).json
    assert second["items"][0]["id"] == str(pets[1].id)


def test_assessments_filmed_at_the_same_time_are_told_apart_by_id(api, account):
    pet = make_pet(account)
    make_assessments(pet, [FILMED_AT, FILMED_AT, FILMED_AT - timedelta(days=1)])
    items, pages = walk(api, f"/v1/pets/{pet.id}/assessments", limit=1)
    assert len({item["id"] for item in items}) == 3
    assert pages == 3
    assert items[2]["recorded_at"] == "2026-02-28T18:30:00Z"


def cursor(values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    ["0", "é", "%00", cursor([]), cursor([5]), cursor(5), cursor([["x"]]), cursor(["x", "y"])],
)
def test_a_cursor_that_nobody_issued_is_refused(api, after):
    answer = api.get("/v1/pets", query_string={"after": after})
    assert (answer.status_code, answer.json["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "9" * 5000, ""])
def test_a_limit_out_of_range_is_refused(api, limit):
    answer = api.get("/v1/pets", query_string={"limit": limit})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_a_cursor_of_brackets_cannot_exhaust_the_stack(api):
    deep = base64.urlsafe_b64encode(b"[" * 3000).decode()
    assert api.get("/v1/pets", query_string={"after": deep}).status_code == 422


@pytest.mark.parametrize("what", ["clips", "jobs"])
def test_a_list_of_a_pet_that_is_not_there_is_not_there(api, account, what):
    gone, foreign = make_pet(account), make_pet()
    api.delete(f"/v1/pets/{gone.id}")
    answers = [api.get(f"/v1/{what}?pet_id={pet.id}").status_code for pet in (gone, foreign)]
    assert answers == [404, 404]
