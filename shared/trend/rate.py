"""How often, with its uncertainty: a posterior over the rate on a fixed grid of logits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

LOGIT_GRID: Array = np.linspace(-4.6, 3.0, 39)  # 1 % .. 95 %, in steps of 0.2
RATE_GRID: Array = np.asarray(expit(LOGIT_GRID))
DESIGN_EFFECT = 1.4  # clips of one pet resemble each other beyond sessions and days
INTERVAL = 0.9
TINY = 1e-300
IMPORTANT_RISE = 0.10  # the smallest change worth a word: 10 points


@dataclass(frozen=True, slots=True)
class RatePrior:
    """Beta prior of the rate over the population: `a / (a + b)` is its mean."""

    a: float
    b: float


NEGATIVE_PRIOR = RatePrior(2.0, 6.0)
PLAY_PRIOR = RatePrior(1.5, 1.5)
UNIFORM = RatePrior(1.0, 1.0)
UNLIKE_SHARE = 0.01  # of pets that the prior does not describe


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate between 0 and 1 with its 90 % interval, from `n_clips` clips in `n_sessions`."""

    mean: float
    low: float
    high: float
    n_clips: int
    n_sessions: int


def log_prior(prior: RatePrior) -> Array:
    """Return the log prior mass of each grid point; the Jacobian of the logit is in it. (39,)

    One pet in a hundred is taken for unlike the population, with any rate as likely as another,
    so that the clips of a pet that is always tense overrule a prior that is sure of 25 %
    (robust mixture prior, Schmidli et al. 2014).
    """
    of_population = _log_beta(prior) + np.log(1 - UNLIKE_SHARE)
    return np.asarray(np.logaddexp(of_population, _log_beta(UNIFORM) + np.log(UNLIKE_SHARE)))


def _log_beta(prior: RatePrior) -> Array:
    mass = prior.a * np.log(RATE_GRID) + prior.b * np.log1p(-RATE_GRID)
    return np.asarray(mass - np.logaddexp.reduce(mass))


def clip_log_likelihood(log_ratio: Array, weight: Array) -> Array:
    """Return log(rate * r + 1 - rate) per clip and grid point, times the clip's weight. (n, 39)"""
    return np.asarray(weight[:, None] * np.log1p(RATE_GRID * np.expm1(log_ratio)[:, None]))


def posterior(log_likelihood: Array, prior: RatePrior) -> Array:
    """Return the posterior mass on the grid from clips' log likelihoods (n, 39). (39,)"""
    mass = log_prior(prior) + log_likelihood.sum(axis=0) / DESIGN_EFFECT
    return np.asarray(np.exp(mass - np.logaddexp.reduce(mass)))


def rate_of(mass: Array, n_clips: int, n_sessions: int) -> Rate:
    """Summarise a posterior on the grid."""
    mean, low, high = intervals(mass[None])[0].tolist()
    return Rate(mean, low, high, n_clips, n_sessions)


def intervals(mass: Array) -> Array:
    """Return mean, low and high of posteriors on the grid (n, 39). (n, 3)"""
    tail = (1 - INTERVAL) / 2
    return np.stack([mass @ RATE_GRID, quantiles(mass, tail), quantiles(mass, 1 - tail)], axis=1)


def quantiles(mass: Array, share: float) -> Array:
    """Return a quantile of each posterior (n, 39), interpolated between points in logits. (n,)"""
    middle = np.cumsum(mass, axis=1) - mass / 2
    above = np.clip((middle < share).sum(axis=1), 1, len(LOGIT_GRID) - 1)
    rows = np.arange(len(mass))
    low, high = middle[rows, above - 1], middle[rows, above]
    on = np.clip((share - low) / np.maximum(high - low, TINY), 0, 1)
    return np.asarray(expit(LOGIT_GRID[above - 1] + on * np.diff(LOGIT_GRID)[above - 1]))


def p_rise(now: Array, usual: Array, points: float = IMPORTANT_RISE) -> float:
    """Return P(rate now - usual rate > points) of two independent posteriors."""
    apart = RATE_GRID[:, None] - RATE_GRID[None, :] > points
    return float(now @ apart @ usual)
