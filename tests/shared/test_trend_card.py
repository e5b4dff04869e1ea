"""The published error rates, measured again in short form: worse than the card fails.

Bound: a share (or a rate per year) measured here on n pets may be worse than the card's, itself
measured on N, by 3.1 standard errors of the difference, sqrt(p (1 - p) (1 / n + 1 / N)) for a
share and sqrt(rate (1 / years + 1 / Years)) for alerts: one honest change in a thousand fails.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.trend import simulator
from shared.trend.card import card, figures_for
from shared.trend.cusum import Walk
from shared.trend.simulator import Scenario
from shared.trend.thresholds import table, threshold

PUBLISHED = json.loads(
    (Path(__file__).parents[2] / "docs" / "trend-card.json").read_text(encoding="utf-8")
)
PETS = 300
SEED = 61
Z_BOUND = 3.1
QUIET = {
    "weekly wander (SD 0.5 logits)": Scenario(),
    "and a worried owner (0.5 further clips per tense moment, half labelled)": Scenario(
        daily_sd=0.5, worry=0.5
    ),
    "bursts (0.8 further clips within minutes)": Scenario(wander_sd=0.0, burst=0.8),
}
OF_OTHER_MAKE = {
    "bursts (0.8 further clips within minutes)": Scenario(wander_sd=0.0, burst=0.8),
    "Beta scores, calibrated exactly": Scenario(beta_spread=1.15),
}


def published(scenario, clips_per_week):
    return next(
        row
        for row in PUBLISHED["rule"]
        if (row["scenario"], row["clips_per_week"]) == (scenario, clips_per_week)
    )


def stable(scenario, **given) -> Walk:
    clips = simulator.simulate(replace(scenario, n_weeks=52), PETS, np.random.default_rng(SEED))
    return simulator.run(clips, **given)


def rising(scenario) -> Walk:
    scenario = replace(scenario, n_weeks=18, rise_week=10)
    return simulator.run(simulator.simulate(scenario, PETS, np.random.default_rng(SEED + 1)))


def too_many_alerts(result, row):
    measured, known = simulator.false_alerts(result), row["false_alerts_per_pet_year"]
    error = np.sqrt(known["rate"] * (1 / measured.total + 1 / known["total"]))
    return measured.rate > known["rate"] + Z_BOUND * error


def caught_too_few(result, row):
    measured, known = simulator.caught(result, 10, 8), row["caught_within_8_weeks"]
    p = known["rate"]
    error = np.sqrt(p * (1 - p) * (1 / measured.total + 1 / known["total"]))
    return measured.rate < p - Z_BOUND * error


@pytest.mark.parametrize("name", QUIET)
def test_stable_pets_are_not_alerted_more_often_than_published(name):
    scenario = replace(QUIET[name], clips_per_week=5.0)
    assert not too_many_alerts(stable(scenario), published(name, 5.0))


@pytest.mark.parametrize("clips_per_week", [5.0, 10.0])
def test_rises_are_caught_as_often_as_published(clips_per_week):
    name = next(iter(QUIET))
    scenario = replace(QUIET[name], clips_per_week=clips_per_week)
    assert not caught_too_few(rising(scenario), published(name, clips_per_week))


@pytest.mark.parametrize("name", OF_OTHER_MAKE)
def test_rises_are_caught_as_often_as_published_in_bursts_and_by_other_scores(name):
    scenario = replace(OF_OTHER_MAKE[name], clips_per_week=10.0)
    assert not caught_too_few(rising(scenario), published(name, 10.0))


def test_a_careless_rule_would_fail_these_bounds():
    name = next(iter(QUIET))
    row = published(name, 5.0)
    assert too_many_alerts(stable(QUIET[name], budget_per_year=2.0), row)
    weaker = replace(QUIET[name], d_prime=1.2)
    assert caught_too_few(rising(weaker), row)


def test_the_published_card_holds_what_it_must():
    required = list(dict.fromkeys(row["scenario"] for row in PUBLISHED["rule"]))[:4]
    for row in PUBLISHED["rule"]:
        if row["scenario"] in required:
            assert row["false_alerts_per_pet_year"]["rate"] <= 0.5
    assert PUBLISHED["holds"]
    for name in (required[0], *OF_OTHER_MAKE):
        assert published(name, 5.0)["caught_within_8_weeks"]["rate"] >= 0.5
        assert published(name, 10.0)["caught_within_8_weeks"]["rate"] >= 0.75


def test_the_answers_quote_the_published_figures():
    for figures in card():
        row = published(next(iter(QUIET)), figures.clips_per_week)
        assert figures.caught_within_8_weeks == pytest.approx(
            row["caught_within_8_weeks"]["rate"], abs=1e-3
        )
    assert figures_for(4.6).clips_per_week == 5.0
    assert figures_for(0.0).clips_per_week == 3.0


def test_every_naive_rule_alerts_more_often_than_ours_or_catches_less():
    for rule in PUBLISHED["naive_rules"]:
        ours = published(next(iter(QUIET)), rule["clips_per_week"])
        louder = (
            rule["false_alerts_per_pet_year"]["rate"] > ours["false_alerts_per_pet_year"]["rate"]
        )
        blinder = rule["caught_within_8_weeks"]["rate"] < ours["caught_within_8_weeks"]["rate"]
        assert louder or blinder


def test_thresholds_rise_as_the_budget_shrinks_and_stop_at_the_tables_edges():
    pace = np.array([0.2, 1.0, 4.0, 20.0, 90.0])
    for question in table()["thresholds"]:
        loose, strict = (threshold(question, pace, budget) for budget in (2.0, 0.1))
        assert (strict > loose).all()
        assert threshold(question, pace, 0.01) == pytest.approx(strict)
        assert strict[0] == strict[1]
        assert strict[3] == strict[4]


def test_the_simulator_and_the_product_agree_pet_by_pet():
    scenario = Scenario(clips_per_week=6, n_weeks=30, rise_week=12)
    clips = simulator.simulate(scenario, 12, np.random.default_rng(5))
    result = simulator.run(clips)
    differ = 0
    for pet in range(12):
        first_day = int(clips.time_s[clips.pet == pet][0] // 86_400)
        said = simulator.weekly_states(clips, pet, [30])[0]
        alarmed = result.alarm_onset_week[pet, -1] >= 0
        # The simulator counts weeks from its first Monday, the product from the first clip.
        differ += first_day == 0 and (said == "changed") != alarmed
    assert differ == 0
