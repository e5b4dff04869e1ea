"""What the trend of one pet answers, and what never changes it."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from shared.trend import Anchor, Observation, Reason, State, as_json, texts, trend
from shared.trend.observations import timeline, utc_offsets_s

BEGIN = datetime(2025, 1, 6, 12, tzinfo=UTC)
TENSE = {"Relaxed": 0.02, "Alert": 0.05, "Anxious": 0.7, "Playful": 0.01, "Distressed": 0.22}
CALM = {"Relaxed": 0.6, "Alert": 0.15, "Anxious": 0.04, "Playful": 0.2, "Distressed": 0.01}
WATCHFUL = {"Relaxed": 0.04, "Alert": 0.9, "Anxious": 0.04, "Playful": 0.01, "Distressed": 0.01}


def make_clip(day, probabilities=CALM, **given):
    recorded_at = BEGIN + timedelta(days=day)
    values = {
        "clip_id": f"clip-{day:08.3f}",
        "recorded_at": recorded_at,
        "probabilities": probabilities,
        "bundle_id": "one",
        "calibrated": True,
        "reason": Reason.ROUTINE,
    }
    return Observation(**{**values, **given})


def make_history(n_days, tense_every=5, begin=0, **given):
    """One clip a day, every fifth of them tense."""
    return [
        make_clip(begin + day, TENSE if day % tense_every == 0 else CALM, **given)
        for day in range(n_days)
    ]


def make_worsening(stable_days=70, tense_days=28):
    return make_history(stable_days) + make_history(tense_days, 1, begin=stable_days)


def answer(clips, day=None, **given):
    last = max((clip.recorded_at for clip in clips), default=BEGIN)
    now = last + timedelta(hours=1) if day is None else BEGIN + timedelta(days=day, hours=1)
    return trend(clips, **{"time_zone": "Europe/Berlin", "now": now, **given})


def test_a_stable_pet_is_as_usual():
    said = answer(make_history(100))
    assert said.state is State.AS_USUAL
    assert said.worse.alarms == ()


def test_a_lasting_rise_is_changed_with_its_onset_near_the_truth():
    said = answer(make_worsening())
    assert said.state is State.CHANGED
    onset = datetime.fromisoformat(said.worse.onset).replace(tzinfo=UTC)
    assert abs((onset - (BEGIN + timedelta(days=70))).days) <= 10
    assert said.negative.p_rise > 0.95
    assert said.worse.score >= said.worse.threshold or said.worse.is_open


def test_an_open_alarm_that_the_last_weeks_no_longer_bear_out_says_so():
    calm_again = make_history(25, begin=98)
    said = answer(make_worsening() + calm_again)
    assert said.worse.is_open
    assert said.negative.p_rise < 0.5
    assert (said.state, said.sentence_code) == (State.CHANGED, "changed_unsure")
    assert "leave it open" in said.sentence
    assert answer(make_worsening() + calm_again[:20]).sentence_code == "changed"


def test_a_lasting_fall_is_better():
    said = answer(make_history(70, 2) + make_history(60, 1000, begin=70)[1:])
    assert said.state is State.BETTER
    assert said.negative.p_fall > 0.9


def test_a_loss_of_play_is_said_but_is_no_alert():
    clips = make_history(70, 7) + [make_clip(70 + day, WATCHFUL) for day in range(40)]
    said = answer(clips)
    assert said.less_play.is_open
    assert said.worse.alarms == ()
    assert said.state is State.MAYBE_CHANGED
    assert "Playful" in said.sentence


@pytest.mark.parametrize("seed", range(5))
def test_the_answer_does_not_depend_on_the_order_of_arrival(seed):
    clips = [*make_worsening(), make_clip(33.05, None), make_clip(40.2, TENSE, verdict="Relaxed")]
    shuffled = random.Random(seed).sample(clips, len(clips))
    assert as_json(answer(shuffled)) == as_json(answer(clips))


def test_a_clip_sent_twice_counts_once():
    clips = make_worsening()
    assert as_json(answer(clips + clips[::3])) == as_json(answer(clips))


def test_the_last_assessment_of_a_clip_counts_in_any_order():
    clips = make_history(60)
    old = make_clip(60, TENSE, clip_id="again", assessment_id="1")
    new = make_clip(60, CALM, clip_id="again", assessment_id="2")
    expected = as_json(answer([*clips, new]))
    assert as_json(answer([*clips, old, new])) == as_json(answer([*clips, new, old])) == expected


def test_a_back_dated_clip_gives_what_it_had_given_in_time():
    clips = make_history(80)
    late = [clip for index, clip in enumerate(clips) if index != 11] + [clips[11]]
    assert as_json(answer(late)) == as_json(answer(clips))


def test_what_was_alarmed_yesterday_is_still_said_tomorrow():
    clips = make_worsening(tense_days=40)
    days = [day for day in range(71, 110) if answer(clips, day).worse.alarms]
    first = answer(clips, days[0]).worse.alarms
    assert days == list(range(days[0], 110))
    assert all(answer(clips, day).worse.alarms[:1] == first for day in days)


def test_the_alarm_closes_after_weeks_as_usual():
    clips = make_worsening() + make_history(90, begin=98)
    said = answer(clips)
    assert said.worse.alarms
    assert not said.worse.is_open
    assert said.state is State.AS_USUAL


def test_seven_sessions_are_still_learning():
    said = answer([make_clip(3 * number) for number in range(7)], day=40)
    assert said.state is State.LEARNING
    assert said.sessions_needed == 1
    assert said.negative.p_rise is None
    assert said.worse is None


def test_thirteen_days_are_still_learning():
    said = answer([make_clip(day) for day in range(13)])
    assert said.state is State.LEARNING
    assert (said.sessions_needed, said.days_needed) == (0, 2)


def test_no_clips_are_learning():
    said = answer([], day=0)
    assert said.state is State.LEARNING
    assert said.sessions_needed == 8
    json.dumps(as_json(said))


def test_three_recent_sessions_are_refused_and_four_are_not():
    clips = make_history(60)
    recent = [make_clip(120 + 2 * number) for number in range(4)]
    refused = answer(clips + recent[:3], day=127)
    assert refused.state is State.TOO_FEW_CLIPS
    assert refused.sessions_needed == 1
    assert refused.negative.p_rise is None
    assert "1 more" in refused.sentence
    assert answer(clips + recent, day=127).state is not State.TOO_FEW_CLIPS


def test_clips_of_one_session_are_one_look():
    burst = [make_clip(60 + minute / 1440, TENSE) for minute in range(0, 100, 10)]
    spread = [make_clip(60 + day, TENSE) for day in range(10)]
    clips = make_history(60)
    assert answer(clips + burst, day=70).worse.score < answer(clips + spread, day=70).worse.score
    assert answer(clips + burst, day=70).worse.alarms == ()


def test_abstained_clips_are_counted_and_nothing_else():
    clips = make_history(60)
    said = answer([*clips, make_clip(59.01, None)], day=60)
    expected = answer(clips, day=60)
    assert said.n_abstained == 1
    assert as_json(replace(said, n_abstained=0)) == as_json(expected)


def test_one_extreme_clip_never_alarms():
    certain = {**dict.fromkeys(CALM, 0.0), "Distressed": 1.0}
    assert answer([*make_history(60, 1000), make_clip(60, certain)]).worse.alarms == ()


def test_a_verdict_replaces_the_score():
    clips = make_worsening()
    calmed = [
        replace(clip, verdict="Relaxed", verdict_by="vet") if clip.probabilities is TENSE else clip
        for clip in clips
    ]
    assert answer(clips).state is State.CHANGED
    assert answer(calmed).worse.alarms == ()
    assert answer(calmed).negative.now.mean < answer(clips).negative.now.mean / 2


def test_a_vets_verdict_weighs_more_than_an_owners():
    clips = make_history(60)
    rates = [
        answer(
            clips + [make_clip(60 + d, CALM, verdict="Anxious", verdict_by=by) for d in range(8)]
        ).negative.now.mean
        for by in ("owner", "vet")
    ]
    assert rates[0] < rates[1]


def test_a_verdict_on_an_abstained_clip_counts():
    clips = make_history(60)
    said = answer([*clips, make_clip(60, None, verdict="Anxious", verdict_by="owner")])
    assert said.n_abstained == 0
    assert said.n_verdicts == 1
    assert said.n_clips == 61


def test_a_new_bundle_with_higher_scores_never_makes_a_trend():
    clips = make_history(70) + make_history(70, 1, begin=70, bundle_id="two")
    states = [answer(clips, day).state for day in range(20, 140)]
    assert State.CHANGED not in states
    assert State.MAYBE_CHANGED not in states
    assert states[-1] is State.AS_USUAL


def test_history_scored_again_by_the_new_bundle_is_compared_at_once():
    old = make_worsening()
    new = [replace(clip, bundle_id="two") for clip in old]
    said = answer(old + new)
    assert said.bundle_id == "two"
    assert said.n_other_bundles == len(old)
    assert said.state is State.CHANGED


def test_anchoring_anew_learns_anew():
    clips = make_worsening()
    anchor = Anchor(BEGIN + timedelta(days=90), "new normal after surgery")
    said = answer(clips, anchor=anchor)
    assert said.state is State.LEARNING
    assert said.anchor == anchor
    later = answer(clips + make_history(60, 1, begin=98), anchor=anchor)
    assert later.state is State.AS_USUAL
    assert later.usual_from == "2025-04-06"


def test_the_usual_rate_does_not_drift_with_the_illness():
    clips = make_worsening(tense_days=300)
    assert answer(clips).negative.usual.mean < 0.3
    assert answer(clips).state is State.CHANGED


@pytest.mark.parametrize("day", [75, 83, 97])
def test_a_tenser_clip_never_lowers_the_answer(day):
    clips = make_worsening()
    scores, rates = [], []
    for negative in (0.01, 0.1, 0.3, 0.5, 0.8, 0.99):
        mix = {"Relaxed": (1 - negative) / 2, "Alert": (1 - negative) / 2, "Playful": 0.0}
        mix |= {"Anxious": negative / 2, "Distressed": negative / 2}
        changed = [c if c is not clips[day] else replace(c, probabilities=mix) for c in clips]
        said = answer(changed)
        scores.append(said.worse.score)
        rates.append(said.negative.now.mean)
    assert scores == sorted(scores)
    assert rates == sorted(rates)


def test_a_smaller_budget_asks_for_more_evidence():
    clips = make_history(90)
    limits = [answer(clips, budget_per_year=b).worse.threshold for b in (0.1, 0.25, 0.5, 1, 2)]
    assert limits == sorted(limits, reverse=True)


def test_uncalibrated_scores_say_less():
    clips = make_worsening()
    doubted = [replace(clip, calibrated=False) for clip in clips]
    assert answer(doubted).worse.score < answer(clips).worse.score
    assert not answer(doubted).is_calibrated


def test_filming_out_of_worry_makes_routine_clips_decide():
    worry = [
        make_clip(70 + day + hour, TENSE, reason=Reason.WORRIED)
        for day in range(28)
        for hour in (0.15, 0.3)
    ]
    clips = make_history(98) + worry
    assert answer([replace(clip, reason=Reason.ROUTINE) for clip in clips]).state is State.CHANGED
    said = answer(clips)
    assert said.mix.has_moved
    assert said.routine_decides
    assert said.state is State.AS_USUAL
    assert any("routine" in note for note in said.notes)


def test_worried_clips_without_routine_ones_are_at_most_maybe():
    worry = [make_clip(70 + day, TENSE, reason=Reason.WORRIED) for day in range(28)]
    said = answer(make_history(70) + worry)
    assert said.mix.has_moved
    assert not said.routine_decides
    assert said.state is State.MAYBE_CHANGED
    assert said.next_best_clip.reason == "routine"


def test_the_next_clip_is_asked_for_at_the_usual_time_of_day():
    said = answer([make_clip(day + 0.25) for day in range(30)], time_zone="UTC")
    assert said.next_best_clip.part_of_day == "evening"
    assert said.next_best_clip.n_clips == 1


def test_missing_weeks_are_said():
    said = answer(make_history(40) + make_history(20, begin=75), day=98)
    assert said.longest_gap_days == 35
    assert said.days_since_last_clip == 4


def test_an_old_clip_alone_is_no_baseline():
    clips = [make_clip(-700), *make_history(60)]
    said = answer(clips)
    assert said.state is State.AS_USUAL
    assert said.negative.usual.n_clips > 8


def test_the_line_is_drawn_from_ten_weeks_and_tested_from_thirty():
    assert answer(make_history(60)).line is None
    assert answer(make_history(80)).line.kendall_p is None
    assert answer(make_history(230)).line.kendall_p > 0.05


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "UTC"])
def test_local_time_is_that_of_the_zone_on_every_day_of_the_year(zone):
    rng = np.random.default_rng(1)
    time_s = np.sort(rng.uniform(1.70e9, 1.77e9, 4000))
    offsets = utc_offsets_s(time_s, ZoneInfo(zone))
    expected = [
        datetime.fromtimestamp(s, UTC).astimezone(ZoneInfo(zone)).utcoffset().total_seconds()
        for s in time_s
    ]
    assert offsets.tolist() == expected


@pytest.mark.parametrize(
    ("recorded_at", "day"),
    [
        ("2025-03-30T00:30:00+00:00", "2025-03-30"),  # before clocks go forward in Berlin
        ("2025-03-29T22:59:00+00:00", "2025-03-29"),  # 23:59, winter time
        ("2025-03-30T21:59:00+00:00", "2025-03-30"),  # 23:59, summer time
        ("2025-03-30T22:01:00+00:00", "2025-03-31"),
        ("2025-10-26T22:59:00+00:00", "2025-10-26"),  # 23:59, the 25-hour day
        ("2025-10-25T22:01:00+00:00", "2025-10-26"),
    ],
)
def test_a_day_is_the_owners_day_when_clocks_change(recorded_at, day):
    clip = make_clip(0, recorded_at=datetime.fromisoformat(recorded_at))
    line = timeline([clip], ZoneInfo("Europe/Berlin"))
    assert str(np.datetime64(int(line.day[0]), "D")) == day


def test_clips_at_the_midnight_that_happens_twice_keep_their_order():
    begin = datetime(2025, 11, 2, 3, 30, tzinfo=UTC)  # Havana sets 1:00 back to 0:00
    clips = make_history(60) + [
        make_clip(n, clip_id=f"dst-{n}", recorded_at=begin + timedelta(hours=n)) for n in range(6)
    ]
    now = begin + timedelta(days=2)
    assert trend(clips, time_zone="America/Havana", now=now).n_clips == 66


def test_the_same_moments_in_another_zone_are_other_days_but_the_same_change():
    clips = make_worsening()
    assert answer(clips, time_zone="Pacific/Auckland").state is answer(clips).state


def test_an_answer_is_plain_json():
    said = json.loads(json.dumps(as_json(answer(make_worsening()))))
    assert said["state"] == "changed"
    assert said["error_rate"]["figures"]["false_alerts_per_pet_year"] <= 0.5


def test_no_text_diagnoses_or_says_that_no_vet_is_needed():
    said = " ".join(texts.TEXTS.values()).lower()
    for word in ("disease", "illness", "pain", "disorder", "no vet", "no need", "healthy", "sick"):
        assert word not in said
    assert said.count("diagnos") == said.count("is not a diagnosis")
