"""How a rate went: each day, week or month is told by its own clips and, less, by its neighbours.

A pet's rate walks, by SD 0.5 logits a week, as the CUSUM takes it to wander. A week that is told by
its few clips alone, under what holds for all pets, looks like the average pet's week: of pets at
60 %, intervals that promise 90 % hold the true rate in 41 % of the weeks, of this walk in 91 %
(docs/trend.md). Forward-backward over the grid of rates (Rabiner 1989, section III.A).
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from shared.trend.cusum import WEEK, WEEK_SD
from shared.trend.rate import LOGIT_GRID, Array, Ints, RatePrior, log_prior

LONGEST_GAP_DAYS = 28  # after a longer one no less is known of a pet
MOST_NATS = 200.0  # that one period says; a double holds three times as many


def course(evidence: Array, days: Ints, priors: Sequence[RatePrior]) -> Array:
    """Return posterior masses (rates, n, 39) of rates in n periods, which begin on `days` (n,).

    evidence (rates, n, 39): what each period's clips say, log likelihoods on the grid, clips'
    likeness already taken off. The priors, one a rate, hold for the first period only.
    """
    by_period = np.ascontiguousarray(evidence.swapaxes(0, 1))
    least = np.maximum(by_period - by_period.max(axis=2, keepdims=True), -MOST_NATS)
    likelihood = np.exp(least)
    tired = scaled_at(-least.min(axis=(1, 2)))
    steps = [walked(gap) for gap in np.minimum(np.diff(days), LONGEST_GAP_DAYS).tolist()]
    before = np.empty_like(likelihood)  # what earlier periods say of each
    after = np.ones_like(likelihood)  # what later ones say
    before[0] = np.exp([log_prior(prior) for prior in priors])
    for n, step in enumerate(steps):
        said = before[n] * likelihood[n]
        before[n + 1] = (scaled(said) if n in tired else said) @ step
    for n in range(len(steps) - 1, -1, -1):
        said = likelihood[n + 1] * after[n + 1]
        after[n] = (scaled(said) if n in tired else said) @ steps[n].T
    mass = scaled(before * likelihood * after)
    return np.asarray(mass.swapaxes(0, 1))


def scaled_at(nats: Array) -> set[int]:
    """Return after which periods to scale, so that no product vanishes; scaling all takes long."""
    total = np.cumsum(nats)
    return set(np.flatnonzero(np.diff(total // MOST_NATS, prepend=0.0)).tolist())


@cache
def walked(days: int) -> Array:
    """Return P(grid point | grid point so many days before), rows before. (39, 39)"""
    apart = (LOGIT_GRID[None] - LOGIT_GRID[:, None]) / (WEEK_SD * np.sqrt(days / WEEK))
    mass = np.exp(-0.5 * apart**2)
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def scaled(mass: Array) -> Array:
    """Make masses sum to 1 over the grid."""
    return np.asarray(mass / mass.sum(axis=-1, keepdims=True))
