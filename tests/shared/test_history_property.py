"""Whatever happens to a pet's clips in whatever order: what is stored is a recomputation.

The recomputation here reads the tables by itself, results and all, and knows nothing of versions,
marks, or which days are affected.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from shared import baselines, clips, verdicts
from shared.db import transaction
from shared.models import Assessment, Baseline, Clip, Emotion, Pet, Verdict, VerdictBy
from shared.trend import Anchor, Observation, as_json, summarize, trend
from tests.factories import make_account, make_pet
from tests.histories import CALM, NOW, TENSE, assess, served_trend, stored_summaries

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
# Around the nights in which Berlin's clocks change, and close enough for sessions to chain.
FIRST = datetime(2026, 3, 26, tzinfo=UTC)
MINUTES = st.one_of(
    st.integers(0, 5 * 24 * 60), st.integers(3 * 24 * 60 - 180, 3 * 24 * 60 + 300).map(int)
)
WEEKS = st.integers(0, 8)


def moments():
    return st.builds(lambda m, w: FIRST + timedelta(minutes=m, weeks=w), MINUTES, WEEKS)


RESULTS = st.tuples(
    st.just("result"),
    st.integers(0, 1),
    moments(),
    st.sampled_from([CALM, TENSE, None]),
    st.sampled_from(["routine", "worried"]),
    st.sampled_from(["ethogram 1", "ethogram 2"]),
)
CORRECTIONS = st.tuples(
    st.just("verdict"), st.integers(0, 50), st.sampled_from(Emotion), st.sampled_from(VerdictBy)
)
MOVES = st.tuples(st.just("move"), st.integers(0, 50))
DELETIONS = st.tuples(st.just("delete"), st.integers(0, 50))
ANCHORS = st.tuples(st.just("anchor"), st.integers(0, 1), moments())
ZONE_CHANGES = st.tuples(st.just("zone"), st.integers(0, 1), st.sampled_from(ZONES))
READS = st.tuples(st.just("read"), st.integers(0, 1))
STEPS = st.lists(
    st.one_of(
        RESULTS, RESULTS, RESULTS, CORRECTIONS, MOVES, DELETIONS, ANCHORS, ZONE_CHANGES, READS
    ),
    min_size=3,
    max_size=25,
)


class World:
    """Two pets of one account, and what can happen to them."""

    def __init__(self):
        account = make_account()
        self.pets = [make_pet(account, time_zone=zone).id for zone in ("Europe/Berlin", "UTC")]

    def assessment(self, session, number):
        query = select(Assessment).where(Assessment.pet_id.in_(self.pets)).order_by(Assessment.id)
        found = list(session.scalars(query))
        return found[number % len(found)] if found else None

    def result(self, which, recorded_at, chances, reason, bundle):
        with transaction() as session:
            pet = session.get_one(Pet, self.pets[which])
        assess(pet, recorded_at, chances, reason=reason, bundle=bundle)

    def verdict(self, number, label, by):
        with transaction() as session:
            if assessment := self.assessment(session, number):
                verdicts.create(session, assessment, label=label, by=by)

    def move(self, number):
        with transaction() as session:
            if assessment := self.assessment(session, number):
                clip = session.get_one(Clip, assessment.clip_id)
                other = self.pets[clip.pet_id == self.pets[0]]
                clips.move(session, clip, session.get_one(Pet, other))

    def delete(self, number):
        with transaction() as session:
            if assessment := self.assessment(session, number):
                clips.delete(session, session.get_one(Clip, assessment.clip_id))

    def anchor(self, which, at):
        with transaction() as session:
            pet = session.get_one(Pet, self.pets[which])
            baselines.create(session, pet, anchored_at=at, reason="new normal")

    def zone(self, which, name):
        with transaction() as session:
            session.get_one(Pet, self.pets[which]).time_zone = name

    def read(self, which):
        stored_summaries(self.pets[which])
        served_trend(self.pets[which])

    def check(self):
        for pet_id in self.pets:
            facts, zone, anchor = from_scratch(pet_id)
            assert stored_summaries(pet_id) == {
                bucket: [plain(one) for one in summarize(facts, zone, bucket)]
                for bucket in ("day", "week")
            }
            end = datetime.combine(NOW.astimezone(ZoneInfo(zone)).date(), time.max, ZoneInfo(zone))
            answer = as_json(trend(facts, time_zone=zone, now=end, anchor=anchor))
            assert served_trend(pet_id) == json.loads(json.dumps(answer))


def plain(summary):
    return json.loads(json.dumps(asdict(summary)))


def from_scratch(pet_id):
    """Read a pet's facts from results, clips and verdicts, one at a time."""
    with transaction() as session:
        zone = session.get_one(Pet, pet_id).time_zone
        facts = []
        for one in session.scalars(select(Assessment).where(Assessment.pet_id == pet_id)):
            clip = session.get_one(Clip, one.clip_id)
            said = session.scalars(select(Verdict).where(Verdict.assessment_id == one.id)).all()
            by_vet = [verdict for verdict in said if verdict.by == "vet"]
            counts = max(by_vet or said, key=lambda verdict: verdict.created_at, default=None)
            facts.append(
                Observation(
                    str(clip.id),
                    clip.recorded_at,
                    one.result["probabilities"],
                    "{name} {version}".format(**one.result["bundle"])
                    if one.bundle == "ethogram 1"
                    else one.bundle,
                    one.result["calibrated"],
                    clip.reason,
                    counts and counts.label,
                    counts and counts.by,
                    str(one.id),
                )
            )
        query = select(Baseline).where(Baseline.pet_id == pet_id).order_by(Baseline.created_at)
        anchors = session.scalars(query).all()
    return facts, zone, Anchor(anchors[-1].anchored_at, anchors[-1].reason) if anchors else None


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_summaries_and_trend_equal_a_recomputation_after_any_history(steps):
    world = World()
    for what, *how in steps:
        getattr(world, what)(*how)
    world.check()


def test_a_session_that_a_new_clip_chains_together_is_counted_on_its_first_day():
    world, midnight = World(), datetime(2026, 3, 27, 23, 0, tzinfo=UTC)  # in Berlin
    for minutes in (30, 100, 200, 310):
        world.result(0, midnight + timedelta(minutes=minutes), CALM, "routine", "ethogram 1")
    world.read(0)
    world.result(0, midnight - timedelta(minutes=10), TENSE, "routine", "ethogram 1")
    world.check()
    begins = [day["begins"] for day in stored_summaries(world.pets[0])["day"]]
    assert begins == ["2026-03-27", "2026-03-28"]


@pytest.mark.parametrize("new_at", [-30, -100])
def test_a_late_clip_before_a_week_begins_takes_clips_over_from_it(new_at):
    world, monday = World(), datetime(2026, 3, 22, 23, 0, tzinfo=UTC)  # 0:00 in Berlin
    for minutes in (-300, 10, 80, 150, 1000):
        world.result(0, monday + timedelta(minutes=minutes), CALM, "routine", "ethogram 1")
    world.check()
    world.result(0, monday + timedelta(minutes=new_at), TENSE, "routine", "ethogram 1")
    world.check()
    world.delete(5)
    world.check()


def test_a_vets_verdict_counts_before_an_owners_later_one():
    world = World()
    world.result(0, FIRST, CALM, "routine", "ethogram 1")
    world.verdict(0, Emotion.DISTRESSED, VerdictBy.VET)
    world.check()
    (before,) = stored_summaries(world.pets[0])["day"]
    world.verdict(0, Emotion.PLAYFUL, VerdictBy.OWNER)
    world.check()
    (after,) = stored_summaries(world.pets[0])["day"]
    assert after["negative"] == before["negative"]
    world.verdict(0, Emotion.PLAYFUL, VerdictBy.VET)
    world.check()
    (now,) = stored_summaries(world.pets[0])["day"]
    assert now["negative"]["mean"] < before["negative"]["mean"]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM assessments", "UPDATE assessments SET pet_id = :other"]
)
def test_sql_past_the_product_is_seen_too(statement):
    world = World()
    for day in range(20):
        world.result(0, FIRST + timedelta(days=day), CALM, "routine", "ethogram 1")
    world.read(0)
    with transaction() as session:
        values = {"pet": world.pets[0], "other": world.pets[1]}
        session.execute(
            text(f"{statement} WHERE pet_id = :pet AND recorded_at > '2026-04-01'"), values
        )
    world.check()
