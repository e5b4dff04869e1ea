"""Which clips a report shows, and which days it is about."""

import uuid
from datetime import UTC, date, datetime, timedelta

from shared import reports
from shared.reports import Candidate
from tests.factories import make_pet

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def candidate(hours, tense):
    return Candidate(uuid.uuid4(), NOON + timedelta(hours=hours), tense)


def test_the_tensest_clips_of_two_sessions_and_the_calmest_are_shown():
    calm, calmer, worst = candidate(0, 0.2), candidate(24, 0.1), candidate(48, 0.9)
    same_session, second = candidate(48.5, 0.8), candidate(72, 0.7)
    chosen = reports.choose([calm, calmer, worst, same_session, second], NOON)
    assert chosen == [(worst, "tense"), (second, "tense"), (calmer, "calm")]


def test_only_calm_clips_show_no_tense_one():
    clips = [candidate(hours, 0.3) for hours in range(0, 30, 3)]
    assert [role for _, role in reports.choose(clips, NOON)] == ["calm"]


def test_of_equally_tense_clips_the_latest_is_shown_first():
    early, late = candidate(0, 0.9), candidate(24, 0.9)
    assert reports.choose([early, late], NOON)[0] == (late, "tense")


def test_recent_tense_clips_are_shown_before_tenser_old_ones():
    old, recent = candidate(-48, 0.99), candidate(24, 0.6)
    shown = [one for one, _ in reports.choose([old, recent], NOON)]
    assert shown == [recent, old]


def test_clips_that_do_not_tell_are_not_shown():
    assert reports.choose([candidate(0, None)], NOON) == []


def test_a_report_is_about_twelve_weeks_until_the_owners_today():
    pet = make_pet(time_zone="Asia/Seoul")
    late = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)  # already the 2nd in Seoul
    first, last = reports.span_of(pet, late, first=None, last=None)
    assert (first, last) == (date(2025, 12, 9), date(2026, 3, 2))
    assert (last - first).days + 1 == 84
