"""How often the scores agree with people: sensitivity and specificity from verdicts. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import betaincinv

from shared.trend.observations import NEGATIVE, Observation
from shared.trend.rate import INTERVAL


@dataclass(frozen=True, slots=True)
class Share:
    """A share `hits / total` with its 90 % Jeffreys interval."""

    hits: int
    total: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """The scores against verdicts taken as the truth, for tense signs."""

    sensitivity: Share
    specificity: Share


def agreement(observations: Iterable[Observation]) -> Agreement:
    """Compare the likelier side of each score with its verdict.

    Give it the clips of one species: the rates are those of whatever it is given. Verdicts are
    not a random sample, people judge what surprises them: both rates are lower bounds at best.
    """
    pairs = [
        (_is_negative(clip), clip.verdict in NEGATIVE)
        for clip in observations
        if clip.verdict is not None and clip.probabilities is not None
    ]
    truly, truly_not = (
        [score for score, verdict in pairs if verdict],
        [score for score, verdict in pairs if not verdict],
    )
    return Agreement(_share(sum(truly), len(truly)), _share(truly_not.count(False), len(truly_not)))


def _is_negative(clip: Observation) -> bool:
    assert clip.probabilities is not None
    return sum(clip.probabilities.get(name, 0.0) for name in NEGATIVE) > 0.5


def _share(hits: int, total: int) -> Share:
    a, b, tail = hits + 0.5, total - hits + 0.5, (1 - INTERVAL) / 2
    low, high = float(betaincinv(a, b, tail)), float(betaincinv(a, b, 1 - tail))
    return Share(hits, total, a / (a + b), low, high)
