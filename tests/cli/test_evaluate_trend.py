"""`tailtrend evaluate trend`: what it measures, what it writes, when it fails."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from cli import evaluate_trend, naive_trend_rules
from shared.trend.evidence import NEGATIVE_SHARE
from shared.trend.simulator import Scenario, day_evidence, simulate


def test_beta_scores_are_calibrated_exactly():
    rng = np.random.default_rng(4)
    clips = simulate(Scenario(beta_spread=1.15, base_rate=0.3, wander_sd=0.0), 400, rng)
    chance = expit(clips.log_ratio + logit(NEGATIVE_SHARE))
    for low in (0.1, 0.3, 0.6, 0.8):
        within = (chance >= low) & (chance < low + 0.1)
        n = within.sum()
        expected = chance[within].mean()
        error = np.sqrt(expected * (1 - expected) / n)
        assert abs(clips.negative[within].mean() - expected) < 4 * error


def test_a_burst_is_one_session_and_the_clip_rate_stays():
    rng = np.random.default_rng(4)
    clips = simulate(Scenario(burst=0.8), 200, rng)
    per_week = len(clips.pet) / clips.n_pets / clips.n_weeks
    assert per_week == pytest.approx(5.0, rel=0.04)
    assert day_evidence(clips)[1].sum() < 0.65 * len(clips.pet)


def make_row(scenario, clips_per_week, alerts=0.3, caught=0.8):
    return {
        "scenario": scenario,
        "clips_per_week": clips_per_week,
        "false_alerts_per_pet_year": {"rate": alerts},
        "caught_within_4_weeks": {"rate": 0.4},
        "caught_within_8_weeks": {"rate": caught},
    }


def make_rows(**given):
    return [
        make_row(name, rate, **given)
        for name in evaluate_trend.SCENARIOS
        for rate in evaluate_trend.RATES
    ]


def make_card():
    naive = [
        {**make_row("", rate), "rule": name}
        for name in naive_trend_rules.RULES
        for rate in evaluate_trend.RATES
    ]
    return {"rule": make_rows(), "naive_rules": naive, "holds": True}


def test_the_card_holds_within_budget_and_fails_over_it():
    assert evaluate_trend.holds(make_rows())
    assert not evaluate_trend.holds(make_rows(alerts=0.51))
    assert not evaluate_trend.holds(make_rows(caught=0.74))


def test_a_rise_that_only_bursts_hide_fails_the_card():
    rows = make_rows()
    bursts = next(row for row in rows if row["scenario"].startswith("bursts (0.8"))
    assert evaluate_trend.holds(rows)
    rows[rows.index(bursts) + 1]["caught_within_8_weeks"]["rate"] = 0.49
    assert not evaluate_trend.holds(rows)


def test_a_scenario_that_is_only_reported_does_not_decide():
    rows = make_rows()
    rows[-1]["false_alerts_per_pet_year"]["rate"] = 5.0
    assert evaluate_trend.holds(rows)


def test_the_card_the_short_form_and_the_plot_are_written(tmp_path):
    evaluate_trend.write_card(make_card(), tmp_path)
    written = json.loads((tmp_path / "trend-card.json").read_text())
    assert written["holds"] is True
    assert (tmp_path / "trend-card.svg").read_text().startswith("<?xml")


def test_the_short_form_quotes_the_worst_required_false_alert_rate():
    card = make_card()
    card["rule"][4]["false_alerts_per_pet_year"]["rate"] = 0.44
    assert evaluate_trend.short_figures(card)[1]["false_alerts_per_pet_year"] == 0.44


def test_measuring_twice_with_one_seed_gives_the_same():
    scenario = Scenario(clips_per_week=5.0)
    once, again = (evaluate_trend.measure("x", scenario, 20, seed=3) for _ in range(2))
    assert once == again
    assert once["caught_within_8_weeks"]["total"] <= 20


def test_a_confusion_matrix_must_be_five_by_five(tmp_path):
    path = tmp_path / "matrix.json"
    path.write_text("[[1, 2], [3, 4]]")
    with pytest.raises(Exception, match="five rows"):
        evaluate_trend._read_confusion(path)


def test_naive_rules_alert_when_they_say_so():
    total = np.full((1, 12), 10.0)
    flat, jump = np.full((1, 12), 2.0), np.full((1, 12), 2.0)
    jump[0, 10:] = 8.0
    climb = np.arange(12.0)[None] / 2
    for name, rule in naive_trend_rules.RULES.items():
        assert not rule(total, flat).any(), name
    for name in ("any rise on last week", "20 points over last week", "z > 2.5 against 4 weeks"):
        assert naive_trend_rules.RULES[name](total, jump)[0].tolist().index(True) == 10
    assert naive_trend_rules.mann_kendall_8_weeks(total, climb)[0, 7]
    assert naive_trend_rules.ewma(total, jump)[0, 11]


def test_a_run_of_alerting_weeks_is_one_alert():
    alerts = np.array([[False, True, True, False, True]])
    assert naive_trend_rules.new_alerts(alerts).sum() == 2
