"""The parts of the trend: rates, mood, lines, summaries, household, temperament."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from shared.trend import (
    Observation,
    Priors,
    RatePrior,
    agreement,
    clusters,
    household,
    summarize,
    temperament,
    trend,
)
from shared.trend.context import part_of_day, reason_mix
from shared.trend.evidence import (
    NEGATIVE_SIDE,
    PLAY_SIDE,
    log_ratios,
    score_table,
    session_log_likelihood,
    verdict_log_ratio,
)
from shared.trend.lines import line, mann_kendall_p, theil_sen
from shared.trend.mood import mood
from shared.trend.observations import CLASSES, evidence_weights, sessions
from shared.trend.rate import (
    RATE_GRID,
    clip_log_likelihood,
    log_prior,
    p_rise,
    posterior,
    quantiles,
    rate_of,
)

BEGIN = datetime(2025, 3, 29, 12, tzinfo=UTC)


def make_mix(negative, play=0.5):
    rest = 1 - negative
    return {
        "Relaxed": rest * play / 2,
        "Alert": rest * (1 - play),
        "Anxious": negative / 2,
        "Playful": rest * play / 2,
        "Distressed": negative / 2,
    }


def make_clip(hours, negative=0.1, **given):
    values = {
        "clip_id": f"{hours:09.3f}",
        "recorded_at": BEGIN + timedelta(hours=hours),
        "probabilities": make_mix(negative),
        "calibrated": True,
        "reason": "routine",
    }
    return Observation(**{**values, **given})


def ratios_of(clips, side=NEGATIVE_SIDE):
    return log_ratios(clips, score_table(clips), side)


def test_a_score_at_the_class_prior_says_nothing():
    assert ratios_of([make_clip(0, 0.3)])[0] == pytest.approx(0)


def test_the_bundles_class_prior_is_used():
    clips = [make_clip(24 * day, 0.2) for day in range(40)]
    now = BEGIN + timedelta(days=40)
    rates = [
        trend(
            clips, time_zone="UTC", now=now, priors=Priors(negative_share=share)
        ).negative.now.mean
        for share in (0.1, 0.2, 0.5)
    ]
    assert rates == sorted(rates, reverse=True)


def test_no_clip_says_more_than_twenty_to_one():
    for negative in (0.0, 1e-12, 1.0):
        assert abs(ratios_of([make_clip(0, negative)])[0]) == pytest.approx(np.log(20))


def test_an_uncalibrated_score_counts_half():
    calibrated, not_calibrated = make_clip(0, 0.7), make_clip(0, 0.7, calibrated=False)
    whole, half = ratios_of([calibrated, not_calibrated])
    assert half == pytest.approx(whole / 2)


def test_a_verdict_speaks_through_its_error_rates():
    clips = [make_clip(0, 0.9, verdict="Playful", verdict_by="vet")]
    assert ratios_of(clips)[0] == pytest.approx(np.log(0.10 / 0.95))
    assert ratios_of(clips, PLAY_SIDE)[0] == pytest.approx(np.log(0.90 / 0.05))
    assert verdict_log_ratio(True, "owner") < verdict_log_ratio(True, "vet")


def test_verdicts_tell_the_error_rates_of_the_scores():
    right = [make_clip(n, 0.9, verdict="Anxious", verdict_by="vet") for n in range(18)]
    missed = [make_clip(n + 50, 0.2, verdict="Distressed", verdict_by="vet") for n in range(2)]
    false = [make_clip(n + 90, 0.9, verdict="Alert", verdict_by="owner") for n in range(1)]
    told = agreement(right + missed + false + [make_clip(200, 0.9)])
    assert (told.sensitivity.hits, told.sensitivity.total) == (18, 20)
    assert (told.specificity.hits, told.specificity.total) == (0, 1)
    assert told.sensitivity.low < 0.9 < told.sensitivity.high


def test_perfect_evidence_gives_the_conjugate_posterior():
    clips = [make_clip(100 * n, 1.0 if n < 12 else 0.0) for n in range(40)]
    unclipped = np.where(np.arange(40) < 12, 14.0, -14.0)
    mass = posterior(clip_log_likelihood(unclipped, np.full(40, 1.4)), RatePrior(2, 6))
    exact = stats.beta(2 + 12, 6 + 28)
    rate = rate_of(mass, len(clips), 40)
    assert rate.mean == pytest.approx(exact.mean(), abs=0.01)
    assert rate.low == pytest.approx(exact.ppf(0.05), abs=0.015)
    assert rate.high == pytest.approx(exact.ppf(0.95), abs=0.015)


def test_intervals_cover_the_true_rate():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        truth = rng.beta(2, 6)
        negative = rng.random(30) < truth
        ratio = 1.96 * (rng.normal(size=30) + np.where(negative, 0.98, -0.98))
        mass = posterior(clip_log_likelihood(np.clip(ratio, -3, 3), np.ones(30)), RatePrior(2, 6))
        low, high = (quantiles(mass[None], share).item() for share in (0.05, 0.95))
        covered += low <= truth <= high
    assert covered / 400 > 0.88  # 90 % less 1.3 standard errors; the design effect widens it


def test_the_chance_of_a_rise_is_a_chance():
    low = posterior(clip_log_likelihood(np.full(30, -3.0), np.ones(30)), RatePrior(1, 2))
    high = posterior(clip_log_likelihood(np.full(30, 3.0), np.ones(30)), RatePrior(1, 2))
    assert p_rise(high, low) > 0.99
    assert p_rise(low, high) < 0.01
    assert p_rise(low, low) < 0.5


def test_the_clips_of_a_pet_unlike_the_population_overrule_the_prior():
    always_tense = clip_log_likelihood(np.full(20, 3.0), np.ones(20)).sum(axis=0)
    mass = np.exp(log_prior(RatePrior(2, 6)) + always_tense)
    sure_of_the_prior = (2 + 20) / (2 + 6 + 20)
    assert mass @ RATE_GRID / mass.sum() > sure_of_the_prior + 0.05


def test_sessions_span_at_most_two_hours():
    hours = np.array([0, 1, 1.9, 2.5, 4.4, 30])
    assert sessions(hours * 3600).tolist() == [0, 0, 0, 1, 1, 2]


def evidence_of(ratios, session, day=None):
    """Nats by which each session speaks for a rate of 50 % against 12 %."""
    session = np.array(session)
    day = np.array(session if day is None else day)
    rows = session_log_likelihood(np.array(ratios, dtype=float), session, day)
    return rows[:, 23] - rows[:, 13]


def test_a_session_of_one_clip_says_what_the_clip_says():
    ratios = np.array([2.0, -1.0, 0.3])
    alone = session_log_likelihood(ratios, np.arange(3), np.arange(3))
    assert alone == pytest.approx(clip_log_likelihood(ratios, np.ones(3)))


def test_a_second_clip_that_says_the_same_makes_the_mood_surer_and_is_no_second_moment():
    (one,) = evidence_of([1.5], [0])
    (both,) = evidence_of([1.5, 1.5], [0, 0])
    assert one < both < 2 * one


def test_a_second_clip_that_says_the_opposite_takes_it_back():
    (one,) = evidence_of([1.5], [0])
    (both,) = evidence_of([1.5, -1.5], [0, 0])
    assert both < one


def test_sessions_of_one_day_count_for_less_than_on_two_days():
    apart, together = (evidence_of([1.5, 1.5], [0, 1], day).sum() for day in ([4, 5], [4, 4]))
    assert together == pytest.approx(apart / 1.2)


def test_alike_looks_share_their_weight():
    alone = evidence_weights(np.array([0]), np.array([5]))
    burst = evidence_weights(np.zeros(5, dtype=int), np.full(5, 5))
    assert alone.tolist() == [1.0]
    assert 1 < burst.sum() < 2


def test_mood_spreads_uncertain_clips_over_the_classes():
    clips = [make_clip(24 * n, 0.05) for n in range(40)]
    shares = mood(clips, np.ones(40))
    assert sum(share.mean for share in shares.values()) == pytest.approx(1)
    assert shares["Relaxed"].low <= shares["Relaxed"].mean <= shares["Relaxed"].high
    assert shares["Anxious"].mean < 0.1


def test_a_verdict_moves_the_mood():
    clips = [make_clip(24 * n, 0.05) for n in range(20)]
    judged = [make_clip(24 * n, 0.05, verdict="Anxious", verdict_by="vet") for n in range(20)]
    assert (
        mood(judged, np.ones(20))["Anxious"].mean > mood(clips, np.ones(20))["Anxious"].mean + 0.3
    )


def test_theil_sen_and_mann_kendall_are_those_of_scipy():
    rng = np.random.default_rng(4)
    week = np.arange(40.0)
    rate = 0.2 + 0.004 * week + rng.normal(0, 0.05, 40)
    slope, low, high = theil_sen(week, rate)
    expected = stats.theilslopes(rate, week, alpha=0.90)
    assert slope == pytest.approx(expected[0])
    assert (low, high) == pytest.approx((expected[2], expected[3]), abs=5e-4)
    assert mann_kendall_p(week, rate) == pytest.approx(
        stats.kendalltau(week, rate).pvalue, abs=1e-3
    )


def test_a_line_needs_ten_weeks():
    assert line(np.arange(9.0), np.full(9, 0.2)) is None
    assert line(np.arange(10.0), np.full(10, 0.2)).points_per_week == 0


def test_more_worried_clips_are_noticed_and_few_are_not():
    routine, worried = make_clip(0), make_clip(0, reason="worried")
    usual = [routine] * 30
    assert reason_mix([routine] * 10 + [worried] * 10, usual).has_moved
    assert not reason_mix([routine] * 10 + [worried] * 1, usual).has_moved
    assert not reason_mix([], usual).has_moved


def test_parts_of_the_day_meet_without_gaps():
    assert [part_of_day(hour) for hour in (0, 5.99, 6, 12, 18, 23.99)] == [
        "night",
        "night",
        "morning",
        "afternoon",
        "evening",
        "evening",
    ]


def test_days_are_summed_on_the_owners_calendar():
    clips = [make_clip(hours) for hours in (0, 1, 10.5, 13, 33.9, 36.5)]  # from 29 March, noon
    days = summarize(clips, "Europe/Berlin", "day")
    assert [(day.begins, day.n_clips, day.n_sessions) for day in days] == [
        ("2025-03-29", 3, 2),
        ("2025-03-30", 2, 2),
        ("2025-03-31", 1, 1),
    ]
    weeks = summarize(clips, "Europe/Berlin", "week")
    assert [week.begins for week in weeks] == ["2025-03-24", "2025-03-31"]


def test_a_summary_counts_what_it_cannot_use():
    clips = [make_clip(0), make_clip(0.5, probabilities=None), make_clip(5, reason="cute")]
    (day,) = summarize(clips, "UTC", "day")
    assert (day.n_clips, day.n_abstained, day.negative.n_clips) == (3, 1, 2)
    assert day.reasons["cute"] == pytest.approx(1 / 3)
    (blank,) = summarize([make_clip(0, probabilities=None)], "UTC", "day")
    assert blank.negative is None


def test_a_week_is_told_with_what_its_neighbours_say():
    calm = [make_clip(24 * day, 0.05) for day in range(70)]
    tense = [make_clip(24 * day, 0.9) for day in range(70, 140)]
    weeks = summarize([*calm, *tense], "UTC", "week")
    assert weeks[3].negative.mean < 0.1
    assert weeks[-3].negative.mean > 0.8
    assert [week.n_tense for week in (weeks[3], weeks[-3])] == [0, 7]
    alone = summarize(tense[21:28], "UTC", "week")
    assert alone[0].negative.mean < weeks[-3].negative.mean


def test_one_clip_among_many_of_the_other_kind_moves_its_day_a_little():
    calm = [make_clip(24 * day, 0.05) for day in range(40)]
    tense = [*calm[:20], make_clip(24 * 20, 0.9), *calm[21:]]
    without, with_one = (summarize(clips, "UTC", "day")[20] for clips in (calm, tense))
    assert (without.n_tense, with_one.n_tense) == (0, 1)
    assert without.negative.mean < with_one.negative.mean < 0.2


def test_a_period_without_a_usable_clip_has_no_rate_and_says_nothing_of_others():
    clips = [make_clip(24 * day, 0.9) for day in range(21)]
    blank = [make_clip(24 * 21 + hour, probabilities=None) for hour in range(5)]
    with_blank = summarize([*clips, *blank], "UTC", "day")
    assert with_blank[-1].negative is None
    assert with_blank[:-1] == summarize(clips, "UTC", "day")


def test_two_pets_tense_in_the_same_hours_point_to_the_household():
    tense = {3, 7, 11, 15, 20}
    one = [make_clip(24 * day, 0.9 if day in tense else 0.05) for day in range(25)]
    two = [make_clip(24 * day + 1, 0.9 if day in tense else 0.05) for day in range(25)]
    (shared,) = household({"Mia": one, "Rex": two})
    assert shared.points_to_household
    assert shared.n_both_negative == 5
    assert shared.p_value < 0.001


def test_two_pets_tense_on_different_days_do_not():
    one = [make_clip(24 * day, 0.9 if day % 5 == 0 else 0.05) for day in range(25)]
    two = [make_clip(24 * day + 1, 0.9 if day % 5 == 1 else 0.05) for day in range(25)]
    (shared,) = household({"Mia": one, "Rex": two})
    assert not shared.points_to_household
    assert shared.p_value == pytest.approx(1)


def test_fisher_is_that_of_scipy():
    from shared.trend.summaries import fisher_p

    for cells in ((5, 0, 0, 20), (3, 2, 4, 11), (0, 3, 3, 2), (0, 0, 0, 0)):
        both, first, second, neither = cells
        expected = stats.fisher_exact([[both, first], [second, neither]], "greater").pvalue
        assert fisher_p(*cells) == pytest.approx(expected)


def test_seven_clips_are_no_temperament():
    clips = [make_clip(24 * n) for n in range(8)]
    assert temperament(clips[:7]) is None
    described = temperament(clips)
    assert sum(described.shares.values()) == pytest.approx(1)
    assert sum(described.log_ratios.values()) == pytest.approx(0)


def make_pets(rng, n, centre, spread):
    pets = {}
    for number in range(n):
        shares = np.exp(np.log(centre) + rng.normal(0, spread, 5))
        mix = dict(zip(CLASSES, (shares / shares.sum()).tolist(), strict=True))
        clips = [make_clip(24 * day, probabilities=mix) for day in range(8)]
        pets[f"{centre[0]}-{number}"] = temperament(clips)
    return pets


def test_clear_groups_of_pets_are_found_and_stable():
    rng = np.random.default_rng(3)
    bold = make_pets(rng, 12, (0.2, 0.1, 0.02, 0.65, 0.03), 0.15)
    shy = make_pets(rng, 12, (0.15, 0.3, 0.4, 0.03, 0.12), 0.15)
    found = clusters(bold | shy)
    assert len(found.stability) == 2
    assert min(found.stability.values()) >= 0.75
    assert {found.cluster_of[name] for name in bold}.isdisjoint(
        found.cluster_of[name] for name in shy
    )


def test_pets_without_groups_are_not_grouped():
    rng = np.random.default_rng(3)
    assert clusters(make_pets(rng, 40, (0.3, 0.2, 0.15, 0.25, 0.1), 0.5)) is None
    assert clusters(make_pets(rng, 11, (0.3, 0.2, 0.15, 0.25, 0.1), 0.5)) is None
