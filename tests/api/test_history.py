"""History, trend, baseline and temperament over HTTP."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from shared.db import transaction
from tests.factories import make_account, make_pet
from tests.histories import CALM, TENSE, assess

TODAY = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=1)


def days_ago(days, hours=0):
    return TODAY - timedelta(days=days, hours=hours)


@pytest.fixture
def worsened(account):
    """A pet that was calm for 20 weeks and has been tense for six."""
    pet = make_pet(account, time_zone="Europe/Berlin")
    for day in range(0, 182, 2):
        assess(pet, days_ago(181 - day), TENSE if day > 140 or day % 10 == 0 else CALM)
    return pet


def get(api, pet, what, **query):
    answer = api.get(f"/v1/pets/{pet.id}/{what}", query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json


def test_a_day_of_the_history_tells_rates_with_intervals_and_how_it_came_about(api, account):
    pet = make_pet(account)
    assess(pet, days_ago(3), TENSE, reason="worried")
    assess(pet, days_ago(3, hours=-4), None)
    (day,) = get(api, pet, "history")["items"]
    assert day["begins"] == days_ago(3).date().isoformat()
    assert (day["n_clips"], day["n_abstained"], day["n_sessions"]) == (2, 1, 2)
    assert day["negative"]["low"] < day["negative"]["mean"] < day["negative"]["high"]
    assert day["reasons"]["worried"] == 0.5
    assert sum(day["parts_of_day"].values()) == pytest.approx(1)
    assert day["bundles"] == {"ethogram 1": 2}


def test_weeks_begin_on_mondays_and_count_what_their_days_count(api, worsened):
    span = {"from": days_ago(70).date(), "to": days_ago(0).date()}
    weeks = get(api, worsened, "history", bucket="week", **span)["items"]
    assert all(datetime.fromisoformat(week["begins"]).weekday() == 0 for week in weeks)
    first = datetime.fromisoformat(weeks[0]["begins"])
    span = {"from": first.date(), "to": (first + timedelta(days=6)).date()}
    days = get(api, worsened, "history", **span)["items"]
    assert sum(day["n_clips"] for day in days) == weeks[0]["n_clips"] > 1


def test_a_day_is_the_owners_day_and_moves_with_the_time_zone(api, account):
    pet = make_pet(account, time_zone="UTC")
    assess(pet, days_ago(3).replace(hour=23, minute=30))
    (before,) = get(api, pet, "history")["items"]
    api.patch(f"/v1/pets/{pet.id}", json={"time_zone": "Europe/Berlin"})
    (after,) = get(api, pet, "history")["items"]
    assert before["begins"] == days_ago(3).date().isoformat()
    assert after["begins"] == days_ago(2).date().isoformat()


def test_notes_anchors_and_bundle_changes_stand_in_the_history(api, account):
    pet = make_pet(account)
    for days, bundle in ((5, "ethogram 1"), (4, "ethogram 1"), (3, "fusion 2")):
        assess(pet, days_ago(days), bundle=bundle)
    note = {"at": days_ago(4).isoformat(), "kind": "fireworks", "text": "New Year"}
    anchor = {"anchored_at": days_ago(2).isoformat(), "reason": "after surgery"}
    assert api.post(f"/v1/pets/{pet.id}/notes", json=note).status_code == 201
    assert api.post(f"/v1/pets/{pet.id}/baseline", json=anchor).status_code == 201
    found = get(api, pet, "history")
    assert [one["text"] for one in found["notes"]] == ["New Year"]
    assert [one["reason"] for one in found["baselines"]] == ["after surgery"]
    changed = {"begins": days_ago(3).date().isoformat(), "bundle": "fusion 2"}
    assert found["bundle_changes"] == [changed]
    assert (found["from"] < found["to"], found["alerts"]) == (True, [])


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-02-01", "to": "2026-01-01"},
        {"from": "2001-01-01", "to": "2026-01-01"},
        {"to": "9999-12-31"},
        {"from": "0001-01-01"},
        {"bucket": "year"},
        {"from": "yesterday"},
    ],
)
def test_a_range_that_makes_no_sense_is_refused(api, account, query):
    refused = api.get(f"/v1/pets/{make_pet(account).id}/history", query_string=query)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")


def test_a_worsening_is_answered_with_its_error_rate_and_what_would_settle_it(api, worsened):
    answer = get(api, worsened, "trend")
    assert answer["state"] == "changed"
    assert "more frequent" in answer["sentence"]
    assert answer["worse"]["is_open"]
    assert answer["error_rate"]["budget_per_year"] == 0.5
    assert answer["next_best_clip"]["reason"] == "routine"
    assert answer["negative"]["p_rise"] > 0.9


def test_a_smaller_budget_asks_for_more(api, worsened):
    threshold = [
        get(api, worsened, "trend", budget_per_year=budget)["worse"]["threshold"]
        for budget in (0.1, 0.5, 2)
    ]
    assert threshold == sorted(threshold, reverse=True)
    assert len(set(threshold)) == 3


@pytest.mark.parametrize("budget", ["0", "-1", "100", "nan", "inf", "many"])
def test_a_budget_outside_of_what_was_simulated_is_refused(api, account, budget):
    path = f"/v1/pets/{make_pet(account).id}/trend"
    refused = api.get(path, query_string={"budget_per_year": budget})
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")


def test_a_note_in_the_compared_period_stands_beside_the_trend(api, worsened):
    note = {"at": days_ago(3).isoformat(), "kind": "medication", "text": "New pills"}
    api.post(f"/v1/pets/{worsened.id}/notes", json=note)
    assert [one["text"] for one in get(api, worsened, "trend")["context"]] == ["New pills"]


@pytest.mark.parametrize(("minutes", "is_in"), [(10, True), (-10, False)])
def test_the_compared_period_begins_with_the_owners_day(api, worsened, minutes, is_in):
    begins = get(api, worsened, "trend")["period_from"]
    midnight = datetime.fromisoformat(begins).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    note = {"at": (midnight + timedelta(minutes=minutes)).isoformat(), "text": "Fireworks"}
    assert api.post(f"/v1/pets/{worsened.id}/notes", json=note).status_code == 201
    assert bool(get(api, worsened, "trend")["context"]) == is_in


def test_an_unchanged_trend_is_read_from_one_row(api, worsened):
    first = get(api, worsened, "trend")
    with transaction() as session:
        mark = text("UPDATE pet_trends SET answer = jsonb_set(answer, '{sentence}', '\"stored\"')")
        session.execute(mark)
    assert get(api, worsened, "trend")["sentence"] == "stored"
    assess(worsened, days_ago(0))
    assert get(api, worsened, "trend")["sentence"] not in ("stored", first["sentence"], "")


def test_verdicts_turn_the_trend_at_once(api, worsened):
    before = get(api, worsened, "trend")
    listed = api.get(f"/v1/pets/{worsened.id}/assessments?limit=40").json["items"]
    for one in listed:
        said = {"label": "Relaxed", "by": "vet"}
        assert api.post(f"/v1/assessments/{one['id']}/verdicts", json=said).status_code == 201
    after = get(api, worsened, "trend")
    assert after["n_verdicts"] == 40
    assert after["negative"]["now"]["mean"] < before["negative"]["now"]["mean"]


def test_a_new_start_lets_the_usual_be_learned_anew(api, worsened):
    assert get(api, worsened, "baseline")["is_learned"]
    said = {"reason": "new normal after surgery", "anchored_at": days_ago(5).isoformat()}
    assert api.post(f"/v1/pets/{worsened.id}/baseline", json=said).status_code == 201
    usual = get(api, worsened, "baseline")
    assert not usual["is_learned"]
    assert usual["sessions_needed"] > 0
    assert usual["anchors"][0]["reason"] == "new normal after surgery"
    assert get(api, worsened, "trend")["state"] == "learning"


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "x", "anchored_at": "2100-01-01T00:00:00Z"}, "anchored_at"),
        ({"reason": "x", "anchored_at": "1970-01-01T00:00:00Z"}, "anchored_at"),
        ({"reason": "x", "pet_id": "y"}, "pet_id"),
    ],
)
def test_a_new_start_says_why_and_a_plausible_when(api, account, said, wrong):
    refused = api.post(f"/v1/pets/{make_pet(account).id}/baseline", json=said)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")
    assert set(refused.json["errors"]) == {wrong}


@pytest.mark.parametrize(
    ("what", "wrong"),
    [("history", "from"), ("report.pdf", "from"), ("assessments", "to"), ("notes", "to")],
)
def test_a_range_that_ends_before_it_begins_is_refused(api, account, what, wrong):
    path = f"/v1/pets/{make_pet(account).id}/{what}"
    time = "" if wrong == "from" else "T00:00:00Z"
    refused = api.get(f"{path}?from=2026-02-02{time}&to=2026-02-01{time}")
    assert (refused.status_code, set(refused.json["errors"])) == (422, {wrong})


def test_a_range_may_mix_times_with_and_without_an_offset(api, account):
    path = f"/v1/pets/{make_pet(account).id}/assessments"
    assert api.get(f"{path}?from=2026-02-01T00:00:00&to=2026-02-02T00:00:00Z").status_code == 200


def test_a_temperament_needs_eight_clips(api, account):
    pet = make_pet(account)
    for day in range(7):
        assess(pet, days_ago(day))
    few = get(api, pet, "temperament")
    assert (few["status"], few["clips_needed"], few["temperament"]) == ("not_enough_data", 8, None)
    assess(pet, days_ago(8))
    enough = get(api, pet, "temperament")
    assert enough["status"] == "described"
    assert enough["temperament"]["shares"]["Relaxed"] == pytest.approx(0.7)
    assert enough["cluster"] is None


def test_two_kinds_of_pets_are_told_apart(api, account):
    kinds = {"calm": [], "tense": []}
    for number in range(14):
        kind, mix = ("calm", CALM) if number % 2 else ("tense", TENSE)
        pet = make_pet(account)
        kinds[kind].append(str(pet.id))
        for day in range(8):
            assess(pet, days_ago(day), mix)
    cluster = get(api, pet, "temperament")["cluster"]
    assert sorted(cluster["pet_ids"]) == sorted(kinds["calm"])


def test_pets_that_are_tense_in_the_same_hours_point_to_the_household(api, account):
    milo, luna = make_pet(account), make_pet(account)
    for day in range(12):
        mix = TENSE if day % 2 else CALM
        assess(milo, days_ago(day), mix)
        assess(luna, days_ago(day) + timedelta(minutes=20), mix)
    (pair,) = api.get("/v1/household").json["pairs"]
    assert set(pair["pets"]) == {str(milo.id), str(luna.id)}
    assert (pair["n_joint"], pair["n_both_negative"]) == (12, 6)
    assert pair["points_to_household"]


def test_another_accounts_history_is_not_there(stranger, account):
    pet = make_pet(account)
    for what in ("history", "trend", "baseline", "temperament", "notes", "alerts", "export.csv"):
        assert stranger.get(f"/v1/pets/{pet.id}/{what}").status_code == 404, what
    said = {"reason": "mine"}
    assert stranger.post(f"/v1/pets/{pet.id}/baseline", json=said).status_code == 404
    assert stranger.get("/v1/household").json["pairs"] == []


def test_assessments_are_listed_by_reason_tag_and_bundle(api, account):
    pet, other = make_pet(account), make_pet(make_account())
    worried = assess(pet, days_ago(1), reason="worried")
    tagged = assess(pet, days_ago(2), tags=("evening", "visitor"))
    newer = assess(pet, days_ago(3), bundle="fusion 2")
    assess(other, days_ago(1), reason="worried")
    for query, wanted in (
        ({"reason": "worried"}, worried),
        ({"tag": "visitor"}, tagged),
        ({"bundle": "fusion 2"}, newer),
        ({"from": days_ago(1).isoformat()}, worried),
        ({"to": days_ago(2).isoformat()}, newer),
    ):
        found = get(api, pet, "assessments", **query)["items"]
        assert [one["id"] for one in found] == [str(wanted)], query
    assert get(api, pet, "assessments", tag="evening", reason="worried")["items"] == []
