"""Alerts on a page: seen, kept quiet with a reason, closed."""

import re

import pytest
from sqlalchemy import select

from shared import alerts
from shared.db import transaction
from shared.models import Alert, Note
from tests.factories import RESULT, make_clip, make_job, make_pet, succeed
from tests.pages import send

URGENT = {"code": "call_today", "text": "Call.", "urgency": "call_today"}


@pytest.fixture
def alert(account):
    pet = make_pet(account, name="Maja")
    succeed(make_job(make_clip(pet)), RESULT | {"recommendation": URGENT})
    with transaction() as session:
        return session.scalars(select(Alert).where(Alert.pet_id == pet.id)).one()


def read(alert):
    with transaction() as session:
        return session.get_one(Alert, alert.id)


def test_without_alerts_the_page_says_what_would_be_there(browser):
    assert "No alerts." in browser.get("/alerts").text


def test_an_open_alert_is_shown_counted_and_leads_to_its_clip(browser, alert):
    page = browser.get("/alerts").text
    assert "Maja" in page
    assert "Red flag in a clip" in page
    for id_ in re.search(r'aria-labelledby="(alert-[^"]+)"', page)[1].split():
        assert f'id="{id_}"' in page
    assert 'class="badge">1<' in browser.get("/").text
    with transaction() as session:
        clip_id = session.get_one(type(alert), alert.id).assessment_id
    assert clip_id is not None
    assert 'href="/clips/' in page


def test_a_red_flag_says_when_its_clip_was_filmed_and_not_only_when_it_was_found(browser, alert):
    assert "The clip was filmed on 1 Mar" in browser.get("/alerts").text


def test_an_alert_is_kept_quiet_with_a_reason_that_becomes_a_note(browser, alert):
    answer = send(browser, f"/alerts/{alert.id}/snooze", days="7", reason="Vet informed")
    assert answer.status_code == 303
    assert read(alert).state == "snoozed"
    with transaction() as session:
        note = session.scalars(select(Note).where(Note.pet_id == alert.pet_id)).one()
    assert (note.kind, note.text) == ("snooze", "Vet informed")
    assert "Quiet for now" in browser.get("/alerts").text


def test_nobody_keeps_an_alert_quiet_without_a_reason(browser, alert):
    answer = send(browser, f"/alerts/{alert.id}/snooze", days="7", reason=" ")
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert read(alert).state == "open"


def test_an_alert_is_closed_for_good(browser, alert):
    assert send(browser, f"/alerts/{alert.id}/close").status_code == 303
    assert read(alert).state == "closed"
    assert "badge" not in browser.get("/").text
    again = send(browser, f"/alerts/{alert.id}/snooze", days="7", reason="x")
    assert again.status_code == 409
    assert "closed already" in again.text


@pytest.mark.parametrize("what", ["snooze", "close"])
def test_a_stranger_changes_no_alert_of_ours(other_browser, alert, what):
    answer = send(other_browser, f"/alerts/{alert.id}/{what}", days="7", reason="x")
    assert answer.status_code == 404
    assert read(alert).state == "open"
    assert "Maja" not in other_browser.get("/alerts").text


def test_open_alerts_are_counted_by_account(account, alert):
    with transaction() as session:
        assert alerts.count_open(session, account.id) == 1
