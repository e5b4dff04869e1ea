"""When in the week a pet is tense; this week and month against last."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared import patterns, verdicts
from shared.db import transaction
from shared.models import Assessment, Emotion, VerdictBy
from tests.factories import make_account, make_pet
from tests.histories import CALM, TENSE, assess

SUNDAY = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # Monday morning in Seoul
SPAN = (date(2026, 1, 1), date(2026, 6, 30))
BUNDLE = "ethogram 1"


@pytest.fixture
def pet(servers):
    return make_pet(make_account(), time_zone="Asia/Seoul")


def read(pet, span=SPAN):
    with transaction() as session:
        return patterns.pattern(session, pet, span, bundle=BUNDLE)


def periods(pet, today):
    with transaction() as session:
        return patterns.periods(session, pet, today, BUNDLE)


def test_a_clip_counts_in_the_owners_weekday_and_part_of_day(pet):
    assess(pet, SUNDAY, TENSE)
    assess(pet, SUNDAY + timedelta(weeks=1), CALM)
    (cell,) = read(pet)
    assert (cell.weekday, cell.part, cell.n) == (1, 1, 2)
    assert cell.tense == pytest.approx((0.8 + 0.1) / 2)


def test_a_verdict_counts_in_place_of_the_scores(pet):
    assessment_id = assess(pet, SUNDAY, TENSE)
    with transaction() as session:
        found = session.get_one(Assessment, assessment_id)
        verdicts.create(session, found, label=Emotion.PLAYFUL, by=VerdictBy.OWNER)
    assert [cell.tense for cell in read(pet)] == [0]


def test_other_bundles_days_and_what_nobody_could_tell_are_left_out(pet):
    assess(pet, SUNDAY, TENSE, bundle="ethogram 2")
    assess(pet, SUNDAY, None)
    assess(pet, SUNDAY - timedelta(days=365), TENSE)
    assert read(pet) == []


def test_weeks_and_months_are_the_owners_calendars(pet):
    assess(pet, datetime(2026, 2, 28, 16, 0, tzinfo=UTC), CALM)  # Sunday, 1 March in Seoul
    assess(pet, SUNDAY, TENSE)
    found = periods(pet, date(2026, 3, 2))
    assert (found.this_week.n_clips, found.last_week.n_clips) == (1, 1)
    assert (found.this_month.n_clips, found.last_month) == (2, None)
    assert found.this_week.negative.mean > found.last_week.negative.mean


def test_the_month_before_january_is_december(pet):
    assess(pet, datetime(2025, 12, 31, 3, 0, tzinfo=UTC), CALM)
    found = periods(pet, date(2026, 1, 1))
    assert (found.this_month, found.last_month.begins) == (None, "2025-12-01")
    assert found.this_week.n_clips == 1
