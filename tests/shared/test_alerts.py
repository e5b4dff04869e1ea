"""Alerts follow the trend and the results, and push once a week unless a step higher."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from shared import alerts, baselines, endpoints, history
from shared.db import transaction
from shared.models import Alert, Event, Pet
from tests.factories import RESULT, make_account, make_clip, make_job, make_pet, succeed
from tests.histories import CALM, TENSE, assess
from worker.sweep import follow_histories

TODAY = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=1)
URGENT = RESULT | {
    "recommendation": {"code": "call", "text": "Call a vet today.", "urgency": "call_today"}
}

pytestmark = pytest.mark.usefixtures("empty")


@pytest.fixture
def pet(setting):
    """A pet whose account listens to events."""
    setting(webhook_allow_private=True)
    account = make_account()
    with transaction() as session:
        endpoints.create(session, account.id, url="http://127.0.0.1:1/hook")
    return make_pet(account)


def worsen(pet, *, since=40):
    for day in range(181, -1, -2):
        assess(pet, TODAY - timedelta(days=day), TENSE if day < since or day % 10 == 1 else CALM)


def kinds(pet, state="open"):
    with transaction() as session:
        found = session.scalars(select(Alert).where(Alert.pet_id == pet.id, Alert.state == state))
        return sorted(alert.kind for alert in found)


def told(type_):
    with transaction() as session:
        events = session.scalars(select(Event).where(Event.type == type_).order_by(Event.id))
        return [event.data["kind"] for event in events]


def owed():
    with transaction() as session:
        return session.execute(text("SELECT count(*) FROM trends_owed")).scalar_one()


def calm_down(pet):
    with transaction() as session:
        values = {"pet": pet.id, "since": TODAY - timedelta(days=41)}
        session.execute(
            text("DELETE FROM assessments WHERE pet_id = :pet AND recorded_at > :since"), values
        )


def test_the_sweep_opens_what_the_trend_says_and_owes_nothing_after(pet):
    worsen(pet)
    assert (kinds(pet), owed()) == ([], 1)
    follow_histories()
    assert "trend_worse" in kinds(pet)
    assert owed() == 0
    assert "trend_worse" in told("alert.opened")


def test_an_alarm_that_is_over_closes_its_alert_and_tells_so(pet):
    worsen(pet)
    follow_histories()
    calm_down(pet)
    follow_histories()
    assert "trend_worse" not in kinds(pet)
    assert "trend_worse" in told("alert.closed")


def test_an_alert_that_the_owner_closed_opens_again_only_after_the_alarm_was_over(pet):
    worsen(pet)
    follow_histories()
    with transaction() as session:
        for alert in session.scalars(select(Alert)):
            alerts.close(session, alert)
    assess(pet, TODAY, TENSE)
    follow_histories()
    assert kinds(pet) == []
    calm_down(pet)
    follow_histories()
    for day in range(40, -1, -2):
        assess(pet, TODAY - timedelta(days=day), TENSE)
    follow_histories()
    assert "trend_worse" in kinds(pet)


def test_a_new_start_of_the_baseline_ends_the_alarm(pet):
    worsen(pet)
    follow_histories()
    with transaction() as session:
        baselines.create(session, pet, anchored_at=TODAY, reason="after surgery")
    follow_histories()
    assert kinds(pet) == []


def test_a_red_flag_is_part_of_its_results_transaction(pet):
    job = make_job(make_clip(pet))
    succeed(job, URGENT)
    assert kinds(pet) == ["red_flag"]
    assert told("alert.opened") == ["red_flag"]


def test_the_second_red_flag_of_a_week_is_shown_and_not_pushed(pet):
    for _ in range(2):
        succeed(make_job(make_clip(pet)), URGENT)
    assert kinds(pet) == ["red_flag", "red_flag"]
    assert told("alert.opened") == ["red_flag"]


def test_a_step_higher_is_pushed_in_the_same_week_and_a_lower_one_waits(pet):
    worsen(pet)
    follow_histories()
    assert told("alert.opened")[0] in ("trend_less_play", "trend_worse")
    succeed(make_job(make_clip(pet, recorded_at=TODAY)), URGENT)
    assert told("alert.opened")[-1] == "red_flag"
    pushed = told("alert.opened")
    with transaction() as session:
        alerts.push_due(session)
    assert told("alert.opened") == pushed


def test_a_trend_alert_that_waited_is_pushed_when_the_week_is_over(pet):
    succeed(make_job(make_clip(pet, recorded_at=TODAY - timedelta(days=300))), URGENT)
    worsen(pet)
    follow_histories()
    assert told("alert.opened") == ["red_flag"]
    with transaction() as session:
        session.execute(text("UPDATE alerts SET pushed_at = pushed_at - interval '8 days'"))
    follow_histories()
    assert told("alert.opened")[1] == "trend_worse"


def test_a_snoozed_alert_wakes_by_itself(pet):
    succeed(make_job(make_clip(pet)), URGENT)
    with transaction() as session:
        alert = session.scalars(select(Alert)).one()
        until = datetime.now(UTC) + timedelta(days=1)
        alerts.snooze(session, alert, until=until, reason="vet informed")
    follow_histories()
    assert kinds(pet, "snoozed") == ["red_flag"]
    with transaction() as session:
        session.execute(text("UPDATE alerts SET snoozed_until = now()"))
    follow_histories()
    assert kinds(pet) == ["red_flag"]


def test_a_red_flag_follows_its_clip_to_another_pet(pet):
    from shared import clips

    luna = make_pet(make_account())
    clip = make_clip(pet)
    succeed(make_job(clip), URGENT)
    with transaction() as session:
        clips.move(session, session.merge(clip), session.merge(luna))
    assert (kinds(pet), kinds(luna)) == ([], ["red_flag"])


def test_a_change_while_the_trend_is_computed_stays_owed(pet, monkeypatch):
    worsen(pet)
    compute = history.recompute

    def and_meanwhile(*args, **kwargs):
        answer = compute(*args, **kwargs)
        assess(pet, TODAY, TENSE)
        return answer

    monkeypatch.setattr(history, "recompute", and_meanwhile)
    with transaction() as session:
        assert alerts.follow(session, pet.id, now=datetime.now(UTC))
    monkeypatch.undo()
    assert owed() == 1
    with transaction() as session:
        kept = session.execute(text("SELECT count(*) FROM pet_trends")).scalar_one()
    assert kept == 0
    follow_histories()
    assert owed() == 0


def test_two_sweeps_do_not_follow_one_pet_at_once(pet):
    worsen(pet)
    with transaction() as first, transaction() as second:
        assert first.scalar(alerts.TAKE, {"pet_id": pet.id}) == pet.id
        assert not alerts.follow(second, pet.id, now=datetime.now(UTC))


def test_a_pet_that_is_gone_is_not_followed(pet):
    assess(pet, TODAY, CALM)
    with transaction() as session:
        session.delete(session.get_one(Pet, pet.id))
    assert owed() == 0
    follow_histories()


def test_a_pet_whose_trend_fails_holds_up_no_other_pet():
    broken, sound = make_pet(time_zone="No/Where"), make_pet()
    for pet in (broken, sound):  # in this order, from the one that has waited longest
        assess(pet, TODAY, CALM)
    follow_histories()
    with transaction() as session:
        assert session.scalars(text("SELECT pet_id FROM trends_owed")).all() == [broken.id]
