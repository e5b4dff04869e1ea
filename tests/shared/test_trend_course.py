"""A course's intervals hold the true rate, also of pets unlike the average."""

import numpy as np
import pytest

from shared.trend.course import course
from shared.trend.rate import DESIGN_EFFECT, NEGATIVE_PRIOR, PLAY_PRIOR, RATE_GRID, quantiles
from shared.trend.simulator import Scenario, daily_rates, day_evidence, simulate

N_PETS, SEED = 60, 5


def weekly(scenario):
    """Every pet's true weekly rates, what its clips say, and the weeks that have clips."""
    rates = daily_rates(scenario, N_PETS, np.random.default_rng(SEED))
    evidence, n = day_evidence(simulate(scenario, N_PETS, np.random.default_rng(SEED)))
    truth = rates.reshape(N_PETS, scenario.n_weeks, 7).mean(axis=2)
    return truth, evidence.sum(axis=2) / DESIGN_EFFECT, n.sum(axis=2) > 0


def errors(scenario):
    """Mean error, and the share of weeks whose 90 % interval holds the truth."""
    told, held = [], []
    for truth, evidence, filmed in zip(*weekly(scenario), strict=True):
        (mass,) = course(evidence[None, filmed], 7 * np.flatnonzero(filmed), [NEGATIVE_PRIOR])
        low, high = quantiles(mass, 0.05), quantiles(mass, 0.95)
        told.append(mass @ RATE_GRID - truth[filmed])
        held.append((low <= truth[filmed]) & (truth[filmed] <= high))
    return np.concatenate(told).mean(), np.concatenate(held).mean()


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(),
        Scenario(base_rate=0.6),
        Scenario(clips_per_week=1.5),
        Scenario(rise_week=18, rise_to=0.6),
        Scenario(base_rate=(2, 6), wander="walk"),
    ],
    ids=["usual", "always tense", "few clips", "rise", "walk"],
)
def test_intervals_hold_the_true_rate_of_a_week(scenario):
    bias, held = errors(scenario)
    assert abs(bias) < 0.04
    assert held > 0.87


def test_the_day_of_the_first_clip_does_not_matter():
    evidence = weekly(Scenario())[1][:1]
    days = 7 * np.arange(evidence.shape[1])
    later = course(evidence, days + 10_000, [NEGATIVE_PRIOR])
    np.testing.assert_allclose(course(evidence, days, [NEGATIVE_PRIOR]), later)


def test_rates_know_nothing_of_each_other():
    first, second = weekly(Scenario())[1][:2]
    days = 7 * np.arange(len(first))
    both = course(np.stack([first, second]), days, [NEGATIVE_PRIOR, PLAY_PRIOR])
    (alone,) = course(second[None], days, [PLAY_PRIOR])
    np.testing.assert_allclose(both[1], alone)


def test_a_long_gap_leaves_less_than_a_short_one():
    tense = np.tile(np.log(RATE_GRID), (2, 1)) * 5
    tense[1] = 0  # nothing is said of the second week
    near, far, farther = (
        course(tense[None], np.array([0, gap]), [NEGATIVE_PRIOR])[0, 1] @ RATE_GRID
        for gap in (7, 28, 700)
    )
    assert near > far
    assert far == farther
