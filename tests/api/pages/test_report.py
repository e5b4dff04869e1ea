"""The page on which an owner takes a report along, and lends a link to it."""

import re

import pytest
from sqlalchemy import text

from shared.db import transaction
from tests.factories import make_pet
from tests.pages import form_token

URL = re.compile(r'id="link-url">([^<]+)<')


@pytest.fixture
def pet(account):
    return make_pet(account)


def share(browser, pet, **fields):
    path = f"/pets/{pet.id}/report"
    told = {"csrf": form_token(browser, path), "name": "Dr. Weber", "days": "7"} | fields
    return browser.post(path, data=told)


def test_a_link_is_shown_once_and_leads_to_the_report(browser, app, pet):
    made = share(browser, pet, question="Is she in pain?", language="de")
    path = "/" + URL.search(made.text)[1].split("/", 3)[3]
    seen = app.test_client().get(path)
    assert "Is she in pain?" in seen.text
    assert "Gestellte Frage" in seen.text
    again = browser.get(f"/pets/{pet.id}/report").text
    assert path.rsplit("/", 1)[1] not in again
    assert "1 look" in again


def test_the_page_and_the_link_name_the_same_last_day(browser, app, account):
    pet = make_pet(account, time_zone="Pacific/Kiritimati")  # UTC+14: for most of a day, tomorrow
    path = "/" + URL.search(share(browser, pet).text)[1].split("/", 3)[3]
    with transaction() as session:
        session.execute(text("UPDATE report_links SET expires_at = '2099-12-27T12:00Z'"))
    assert "until 28 Dec 2099" in browser.get(f"/pets/{pet.id}/report").text
    assert "works until 28 Dec 2099" in app.test_client().get(path).text


def test_a_revoked_link_says_so_and_leads_nowhere(browser, app, api, pet):
    path = "/" + URL.search(share(browser, pet).text)[1].split("/", 3)[3]
    link = api.get(f"/v1/pets/{pet.id}/report-links").json["items"][0]
    token = form_token(browser, f"/pets/{pet.id}/report")
    answer = browser.post(f"/report-links/{link['id']}/revoke", data={"csrf": token})
    assert answer.status_code == 303
    assert "The link was revoked." in browser.get(answer.headers["Location"]).text
    assert app.test_client().get(path).status_code == 404


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"days": "91"}, {"from": "2026-01-02", "to": "x"}]
)
def test_what_cannot_be_made_is_refused_on_the_page(browser, pet, fields):
    assert share(browser, pet, **fields).status_code == 422


def test_days_in_the_wrong_order_are_refused_in_words(browser, pet):
    answer = share(browser, pet, **{"from": "2026-02-01", "to": "2026-01-01"})
    assert answer.status_code == 422
    assert 'role="alert">The first day must not lie after the last' in answer.text
    assert 'value="2026-02-01"' in answer.text


def test_a_pdf_is_asked_for_on_the_page_and_led_to(browser, pet):
    asked = {"from": "2026-01-01", "to": "2026-02-01", "question": "", "language": "de"}
    answer = browser.get(f"/pets/{pet.id}/report/pdf", query_string=asked)
    assert answer.status_code == 303
    there = answer.headers["Location"]
    assert there == f"/v1/pets/{pet.id}/report.pdf?from=2026-01-01&to=2026-02-01&language=de"
    assert browser.get(there).mimetype == "application/pdf"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"from": "2026-02-01", "to": "2026-01-01"}, "Der erste Tag"),
        ({"from": "2024-02-01", "to": "2026-01-01"}, "höchstens ein Jahr"),
        ({"from": "x"}, "Der erste Tag"),
        ({"question": "?" * 301}, "Fragen Sie mit höchstens 300 Zeichen."),
    ],
)
def test_a_pdf_that_cannot_be_made_is_refused_on_the_page_in_words(browser, pet, asked, said):
    german = {"Accept-Language": "de"}
    answer = browser.get(f"/pets/{pet.id}/report/pdf", query_string=asked, headers=german)
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert said in answer.text


def test_nobody_is_led_to_the_pdf_of_anothers_pet(other_browser, pet):
    assert other_browser.get(f"/pets/{pet.id}/report/pdf").status_code == 404


def test_nobody_shares_anothers_pet(other_browser, pet):
    token = form_token(other_browser)
    assert other_browser.get(f"/pets/{pet.id}/report").status_code == 404
    told = {"csrf": token, "name": "me"}
    assert other_browser.post(f"/pets/{pet.id}/report", data=told).status_code == 404
