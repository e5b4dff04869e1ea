"""The mood of a period over the five classes: a Dirichlet posterior from uncertain scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, digamma

from shared.trend.evidence import LARGEST_RATIO, UNCALIBRATED_TEMPER, VERDICT_ERRORS, score_table
from shared.trend.observations import CLASSES, Observation, VerdictBy
from shared.trend.rate import DESIGN_EFFECT, INTERVAL, Array

PRIOR_PER_CLASS = 0.5  # Jeffreys
ROUNDS = 30


@dataclass(frozen=True, slots=True)
class ClassShare:
    """The share of one class in a period, with its 90 % interval."""

    mean: float
    low: float
    high: float


def mood(clips: Sequence[Observation], weight: Array) -> dict[str, ClassShare]:
    """Estimate the share of each class by variational Bayes for a mixture with known likelihoods.

    Every clip is spread over the classes that it may show, instead of counted for the likeliest
    (Bishop 2006, 10.2, with fixed components).
    """
    likelihood = _class_likelihoods(clips)
    counts = np.full(len(CLASSES), PRIOR_PER_CLASS)
    for _ in range(ROUNDS):
        expected = np.exp(digamma(counts) - digamma(counts.sum()))
        belongs = likelihood * expected
        belongs /= belongs.sum(axis=1, keepdims=True)
        counts = PRIOR_PER_CLASS + weight @ belongs / DESIGN_EFFECT
    total, tail = counts.sum(), (1 - INTERVAL) / 2
    low = betaincinv(counts, total - counts, tail)
    high = betaincinv(counts, total - counts, 1 - tail)
    return {
        name: ClassShare(float(counts[i] / total), float(low[i]), float(high[i]))
        for i, name in enumerate(CLASSES)
    }


def _class_likelihoods(clips: Sequence[Observation]) -> Array:
    """Return the likelihood of each clip under each class, the largest 1, none below 1/20. (n, 5)

    A verdict replaces the score.
    """
    scores = score_table(clips)
    calibrated = np.array([clip.calibrated for clip in clips], dtype=bool)[:, None]
    chance = np.maximum(scores / scores.max(axis=1, keepdims=True), 1e-9)
    chance = np.where(calibrated, chance, chance**UNCALIBRATED_TEMPER)
    for index, clip in enumerate(clips):
        if clip.verdict is not None:
            right = VERDICT_ERRORS[VerdictBy(clip.verdict_by or VerdictBy.OWNER)].sensitivity
            chance[index] = (1 - right) / (len(CLASSES) - 1) / right
            chance[index, CLASSES.index(clip.verdict)] = 1.0
    return np.asarray(np.maximum(chance, 1 / LARGEST_RATIO))
