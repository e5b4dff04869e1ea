"""Sending a clip by one plain form, as a browser without scripts does."""

import io

import pytest

from tests.api.pages.test_clip import page_of
from tests.factories import MP4, make_pet
from tests.pages import form_token


@pytest.fixture
def pet(account):
    return make_pet(account, time_zone="Asia/Seoul")


def send(browser, pet, **fields):
    path = f"/pets/{pet.id}/film"
    told = {"csrf": form_token(browser, path), "reason": "worried"} | fields
    return browser.post(path, data=told, content_type="multipart/form-data")


def film(content=MP4):
    return io.BytesIO(content), "film.mp4"


@pytest.mark.parametrize("place", ["file", "recorded"])
def test_a_sent_clip_leads_to_its_page(browser, api, pet, place):
    answer = send(browser, pet, **{place: film()})
    assert answer.status_code == 303
    assert "Looking and listening" in page_of(browser, answer.headers["Location"])
    clip = api.get("/v1/clips").json["items"][0]
    assert (clip["pet_id"], clip["reason"]) == (str(pet.id), "worried")


def test_what_is_told_of_a_clip_arrives_on_the_owners_clock(browser, api, pet):
    told = {"recorded_at": "2026-03-01T18:30", "tags": "evening, visitors,", "note": "Bell rang"}
    send(browser, pet, file=film(), retention="days", **told)
    clip = api.get("/v1/clips").json["items"][0]
    assert clip["recorded_at"].startswith("2026-03-01T09:30")
    assert clip["tags"] == ["evening", "visitors"]
    assert (clip["note"], clip["retention"]) == ("Bell rang", "days")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "There was no file"),
        ({"file": (io.BytesIO(b"<html>" * 99), "film.mp4")}, "not a video"),
        ({"file": (io.BytesIO(MP4), "a.mp4"), "recorded_at": "2999-01-01T00:00"}, "2000"),
    ],
)
def test_what_cannot_be_taken_is_said_in_words_and_the_form_stays(browser, pet, fields, said):
    answer = send(browser, pet, note="kept words", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert "kept words" in answer.text


def test_nobody_sends_clips_of_anothers_pet(other_browser, pet):
    path = f"/pets/{pet.id}/film"
    assert other_browser.get(path).status_code == 404
    told = {"csrf": form_token(other_browser), "file": film()}
    assert other_browser.post(path, data=told).status_code == 404


def test_a_browser_that_is_not_signed_in_cannot_send_a_large_body(app, pet):
    client = app.test_client()
    told = {"csrf": form_token(client), "file": film(MP4 + bytes(300_000))}
    answer = client.post(f"/pets/{pet.id}/film", data=told)
    assert answer.status_code in (303, 413)
    assert answer.status_code == 413
