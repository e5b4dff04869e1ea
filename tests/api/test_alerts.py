"""Alerts, notes and verdicts over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.test_history import days_ago
from tests.factories import RESULT, make_clip, make_job, make_pet, succeed
from tests.histories import TENSE, assess

URGENT = RESULT | {
    "recommendation": {"code": "call", "text": "Call a vet today.", "urgency": "call_today"}
}


@pytest.fixture
def pet(account):
    return make_pet(account)


@pytest.fixture
def flagged(api, pet):
    """The open red flag of a clip."""
    succeed(make_job(make_clip(pet)), URGENT)
    (alert,) = api.get(f"/v1/pets/{pet.id}/alerts").json["items"]
    return alert


def later(**how):
    return (datetime.now(UTC) + timedelta(**how)).isoformat()


def test_an_urgent_result_raises_a_red_flag_at_once(flagged):
    assert (flagged["kind"], flagged["state"]) == ("red_flag", "open")
    assert flagged["reason"] == "Call a vet today."
    assert flagged["assessment_id"]


def test_an_alert_is_read_by_its_id_and_only_by_its_owner(api, stranger, flagged):
    path = f"/v1/alerts/{flagged['id']}"
    assert api.get(path).json == flagged
    assert stranger.get(path).status_code == 404


def test_snoozing_says_why_in_a_context_note(api, pet, flagged):
    until = later(days=3)
    said = {"state": "snoozed", "snoozed_until": until, "reason": "Vet has seen it"}
    snoozed = api.patch(f"/v1/alerts/{flagged['id']}", json=said)
    assert (snoozed.status_code, snoozed.json["state"]) == (200, "snoozed")
    (note,) = api.get(f"/v1/pets/{pet.id}/notes").json["items"]
    assert (note["kind"], note["text"]) == ("snooze", "Vet has seen it")
    assert datetime.fromisoformat(note["until"]) == datetime.fromisoformat(until)
    (listed,) = api.get(f"/v1/pets/{pet.id}/alerts?state=snoozed").json["items"]
    assert listed["id"] == flagged["id"]


def test_a_closed_alert_stays_closed(api, flagged):
    path = f"/v1/alerts/{flagged['id']}"
    for _ in range(2):
        closed = api.patch(path, json={"state": "closed"})
        assert (closed.status_code, closed.json["state"]) == (200, "closed")
    said = {"state": "snoozed", "snoozed_until": later(days=1), "reason": "later"}
    refused = api.patch(path, json=said)
    assert (refused.status_code, refused.json["code"]) == (409, "alert_closed")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"state": "open"},
        {"state": "snoozed"},
        {"state": "snoozed", "reason": "x"},
        {"state": "snoozed", "snoozed_until": later(days=1)},
        {"state": "snoozed", "snoozed_until": later(days=-1), "reason": "x"},
        {"state": "snoozed", "snoozed_until": later(days=400), "reason": "x"},
        {"state": "snoozed", "snoozed_until": later(days=1), "reason": " "},
        {"state": "closed", "snoozed_until": later(days=1)},
        {"state": "closed", "owner": "me"},
    ],
)
def test_a_change_that_makes_no_sense_is_refused(api, flagged, said):
    refused = api.patch(f"/v1/alerts/{flagged['id']}", json=said)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")


def test_a_verdict_stands_beside_the_assessment_and_closes_its_red_flag(api, pet, flagged):
    path = f"/v1/assessments/{flagged['assessment_id']}"
    before = api.get(path).json
    owner = api.post(f"{path}/verdicts", json={"label": "Playful", "note": "Waiting for a ball."})
    vet = api.post(f"{path}/verdicts", json={"label": "Distressed", "by": "vet", "author": "Dr X"})
    assert (owner.status_code, vet.status_code) == (201, 201)
    assert api.get(path).json == before
    listed = api.get(f"{path}/verdicts").json["items"]
    assert [one["label"] for one in listed] == ["Distressed", "Playful"]
    (alert,) = api.get(f"/v1/pets/{pet.id}/alerts").json["items"]
    assert alert["state"] == "closed"


def test_a_verdict_that_agrees_leaves_the_red_flag_open(api, pet, flagged):
    path = f"/v1/assessments/{flagged['assessment_id']}/verdicts"
    api.post(path, json={"label": "Distressed"})
    assert api.get(f"/v1/pets/{pet.id}/alerts").json["items"][0]["state"] == "open"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"label": "Happy"},
        {"label": None},
        {"label": "Alert", "by": "me"},
        {"label": "Alert", "x": 1},
    ],
)
def test_a_verdict_names_one_of_the_five_classes(api, flagged, said):
    refused = api.post(f"/v1/assessments/{flagged['assessment_id']}/verdicts", json=said)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")


def test_each_corrected_clip_counts_once_with_the_verdict_that_counts(api, account):
    dog, cat = make_pet(account), make_pet(account, species="cat")
    tense, calm = assess(dog, days_ago(1), TENSE), assess(cat, days_ago(1))
    for assessment, label, by in (
        (tense, "Anxious", "vet"),
        (tense, "Playful", "owner"),
        (calm, "Alert", "owner"),
        (calm, "Relaxed", "owner"),
    ):
        said = {"label": label, "by": by}
        assert api.post(f"/v1/assessments/{assessment}/verdicts", json=said).status_code == 201
    counted = api.get("/v1/account/agreement").json["items"]
    assert [
        (one["species"], one["emotion"], one["label"], one["by"], one["n"]) for one in counted
    ] == [
        ("cat", "Relaxed", "Relaxed", "owner", 1),
        ("dog", "Anxious", "Anxious", "vet", 1),
    ]


def test_notes_are_made_listed_by_time_and_deleted(api, pet):
    path = f"/v1/pets/{pet.id}/notes"
    for at, until in (
        ("2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z"),
        ("2026-02-01T00:00:00", None),
    ):
        said = {"at": at, "until": until, "kind": "visitors", "text": "Aunt"}
        assert api.post(path, json=said).status_code == 201
    newest, oldest = api.get(path).json["items"]
    assert newest["at"] == "2026-02-01T00:00:00Z"
    during = api.get(
        path, query_string={"from": "2026-01-04T00:00:00Z", "to": "2026-01-04T01:00:00Z"}
    )
    assert [one["id"] for one in during.json["items"]] == [oldest["id"]]
    assert api.delete(f"/v1/notes/{newest['id']}").status_code == 204
    assert api.delete(f"/v1/notes/{newest['id']}").status_code == 404
    assert [one["id"] for one in api.get(path).json["items"]] == [oldest["id"]]


@pytest.mark.parametrize(
    "said",
    [
        {"text": "x"},
        {"at": "2026-01-01T00:00:00Z"},
        {"at": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z", "text": "x"},
        {"at": "9999-12-31T23:59:59-05:00", "text": "x"},
        {"at": "2026-01-01T00:00:00Z", "text": "\0"},
        {"at": "2026-01-01T00:00:00Z", "text": "x", "kind": "party"},
    ],
)
def test_a_note_that_makes_no_sense_is_refused(api, pet, said):
    refused = api.post(f"/v1/pets/{pet.id}/notes", json=said)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")


def test_another_accounts_alerts_notes_and_verdicts_are_not_there(api, stranger, pet, flagged):
    said = {"at": "2026-01-01T00:00:00Z", "text": "Aunt"}
    note = api.post(f"/v1/pets/{pet.id}/notes", json=said).json
    verdicts = f"/v1/assessments/{flagged['assessment_id']}/verdicts"
    answers = [
        stranger.patch(f"/v1/alerts/{flagged['id']}", json={"state": "closed"}),
        stranger.delete(f"/v1/notes/{note['id']}"),
        stranger.get(verdicts),
        stranger.post(verdicts, json={"label": "Alert"}),
        stranger.post(f"/v1/pets/{pet.id}/notes", json=said),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
