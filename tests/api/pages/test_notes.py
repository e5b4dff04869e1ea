"""Notes on a page: added on the owner's clock, shown, deleted."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from shared.db import transaction
from shared.models import Note
from tests.factories import make_pet
from tests.pages import send


@pytest.fixture
def pet(account):
    return make_pet(account, time_zone="Asia/Seoul")


def stored(pet):
    with transaction() as session:
        return list(session.scalars(select(Note).where(Note.pet_id == pet.id)))


def test_a_note_is_kept_at_the_owners_time_and_shown_at_it(browser, pet):
    fields = {"kind": "visitors", "text": "<b>Grandma</b>", "at": "2026-03-01T09:30"}
    assert send(browser, f"/pets/{pet.id}/notes", **fields).status_code == 303
    assert [note.at for note in stored(pet)] == [datetime(2026, 3, 1, 0, 30, tzinfo=UTC)]
    page = browser.get(f"/pets/{pet.id}/notes").text
    assert "&lt;b&gt;Grandma&lt;/b&gt;" in page
    assert "1 Mar, 09:30" in page or "1 Mar 2026, 09:30" in page


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"text": ""}, "Write up to 2000"),
        ({"text": "x" * 2001}, "Write up to 2000"),
        ({"at": "yesterday"}, "Give a day and a time"),
        ({"until": "2026-02-28T09:00"}, "must not lie before the beginning"),
    ],
)
def test_a_note_that_cannot_be_is_asked_about_again(browser, pet, sent, said):
    fields = {"kind": "visitors", "text": "Grandma", "at": "2026-03-01T09:30"} | sent
    answer = send(browser, f"/pets/{pet.id}/notes", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert stored(pet) == []


def test_a_note_is_deleted(browser, pet):
    send(browser, f"/pets/{pet.id}/notes", kind="other", text="x", at="2026-03-01T09:30")
    assert send(browser, f"/notes/{stored(pet)[0].id}/delete").status_code == 303
    assert stored(pet) == []


def test_a_stranger_neither_adds_nor_deletes_a_note(browser, other_browser, pet):
    fields = {"kind": "other", "text": "x", "at": "2026-03-01T09:30"}
    assert send(other_browser, f"/pets/{pet.id}/notes", **fields).status_code == 404
    send(browser, f"/pets/{pet.id}/notes", **fields)
    assert send(other_browser, f"/notes/{stored(pet)[0].id}/delete").status_code == 404
    assert len(stored(pet)) == 1
