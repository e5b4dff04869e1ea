"""What clips say: a likelihood ratio for "negative" (or for "play") per clip, clipped, in nats,
and the likelihood of a session's clips under each rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from shared.trend.observations import (
    CLASSES,
    NEGATIVE,
    PLAY,
    Observation,
    VerdictBy,
    first_of,
    session_weights,
)
from shared.trend.rate import RATE_GRID, Array, clip_log_likelihood

LARGEST_RATIO = 20.0  # one clip never says more than 20 to 1, whatever its score
# The share of each side in the classes that the scores were trained or calibrated on, where the
# bundle does not say. Two of five would be 0.4; tense signs are rarer in most collections. The
# value below is between: scores made for 0.2 .. 0.5 keep the error rates (docs/trend.md).
NEGATIVE_SHARE = 0.3
PLAY_SHARE = 0.4
UNCALIBRATED_TEMPER = 0.5  # an uncalibrated score counts half of its log odds (docs/trend.md)
P_SMALLEST = 1e-6
SAME_MOOD = 0.6  # chance that a clip shows its session's mood: two clips' moods correlate by 0.36
SAME_ERROR = 0.4  # correlation of the errors of two scores of one session: same scene, same light


@dataclass(frozen=True, slots=True)
class VerdictErrors:
    """How often a person's verdict names the side that a careful panel would name."""

    sensitivity: float
    specificity: float


# Owners see less than trained people (Mariti 2012 on stress signs; Arena 2019, Kendall's W .6-.8
# between observers, bounds both): working values, replaced when this product's verdicts allow it.
VERDICT_ERRORS = {
    VerdictBy.OWNER: VerdictErrors(sensitivity=0.75, specificity=0.90),
    VerdictBy.VET: VerdictErrors(sensitivity=0.90, specificity=0.95),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One question asked of each clip: which classes count as yes, and their share in the prior."""

    classes: tuple[str, ...]
    class_prior: float


NEGATIVE_SIDE = Side(NEGATIVE, NEGATIVE_SHARE)
PLAY_SIDE = Side(PLAY, PLAY_SHARE)


def score_table(clips: Sequence[Observation]) -> NDArray[np.float64]:
    """Return the five probabilities of each clip, NaN where the assessment abstained. (n, 5)"""
    blank = dict.fromkeys(CLASSES, np.nan)
    rows = [_in_order(blank if c.probabilities is None else c.probabilities) for c in clips]
    return np.array(rows, dtype=np.float64).reshape(-1, len(CLASSES))


_in_order = itemgetter(*CLASSES)


def log_ratios(
    clips: Sequence[Observation], scores: NDArray[np.float64], side: Side
) -> NDArray[np.float64]:
    """Return log P(clip | yes) / P(clip | no) per clip, in nats, within +-log 20.

    A verdict replaces the score; an uncalibrated score is tempered. NaN where the assessment
    abstained and nobody gave a verdict.
    """
    columns = [CLASSES.index(name) for name in side.classes]
    chance = np.clip(scores[:, columns].sum(axis=1), P_SMALLEST, 1 - P_SMALLEST)
    calibrated = np.array([clip.calibrated for clip in clips], dtype=bool)
    ratio = logit(chance) - logit(side.class_prior)
    ratio = np.where(calibrated, ratio, UNCALIBRATED_TEMPER * ratio)
    for index, clip in enumerate(clips):
        if clip.verdict is not None:
            ratio[index] = verdict_log_ratio(clip.verdict in side.classes, clip.verdict_by)
    limit = np.log(LARGEST_RATIO)
    return np.asarray(np.clip(ratio, -limit, limit))


def verdict_log_ratio(says_yes: bool, by: str | None) -> float:
    """Return the log likelihood ratio of a verdict from the error rates of who gave it."""
    errors = VERDICT_ERRORS[VerdictBy(by or VerdictBy.OWNER)]
    if says_yes:
        return float(np.log(errors.sensitivity / (1 - errors.specificity)))
    return float(np.log((1 - errors.sensitivity) / errors.specificity))


def session_log_likelihood(
    log_ratio: Array, session: NDArray[np.int64], day: NDArray[np.int64]
) -> Array:
    """Return log P(a session's clips | rate) by session and grid point. (n,) -> (n_sessions, 39)

    A session has one mood, tense at the rate; each of its clips shows that mood with probability
    SAME_MOOD, else a moment drawn anew at the rate. So a second clip that says the same makes the
    mood surer and is not a second moment. n scores err alike and count as n / (1 + (n - 1) * rho)
    (Kish 1965), rho = SAME_ERROR; so do sessions of one day. `session` numbers sessions in order.
    """
    in_session = np.bincount(session)
    ratio = log_ratio / (1 + (in_session[session] - 1) * SAME_ERROR)
    likelihood = np.empty((len(in_session), len(RATE_GRID)))
    alone = (in_session == 1)[session]
    likelihood[session[alone]] = clip_log_likelihood(ratio[alone], np.ones(alone.sum()))
    if not alone.all():
        number = session[~alone]
        likelihood[np.unique(number)] = _of_bursts(ratio[~alone], number)
    return likelihood * session_weights(day[first_of(session)])[:, None]


def _of_bursts(log_ratio: Array, session: NDArray[np.int64]) -> Array:
    """Sum over the mood of each session, tense or not. (n,) -> (sessions with clips, 39)"""
    r = np.exp(log_ratio)[:, None]
    anew = (1 - SAME_MOOD) * (1 + RATE_GRID * (r - 1))
    first = first_of(session)
    if_tense = np.add.reduceat(np.log(SAME_MOOD * r + anew), first, axis=0)
    if_not = np.add.reduceat(np.log(SAME_MOOD + anew), first, axis=0)
    return np.asarray(np.logaddexp(np.log(RATE_GRID) + if_tense, np.log1p(-RATE_GRID) + if_not))
