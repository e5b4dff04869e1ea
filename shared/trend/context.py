"""How the clips came about: why and when they were filmed, now against the baseline, and gaps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.trend.observations import Observation, Reason
from shared.trend.rate import RATE_GRID, Array, p_rise

PARTS_OF_DAY = {"night": (0, 6), "morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24)}
MOVED_SHARE = 0.15  # a shift of the share of worried clips by 15 points ...
MOVED_SURE = 0.90  # ... of which this sure


@dataclass(frozen=True, slots=True)
class ReasonMix:
    """Shares of the filming reasons; `has_moved` when worried clips have clearly become more."""

    now: dict[str, float]
    usual: dict[str, float]
    has_moved: bool
    p_moved: float


def reason_shares(clips: Sequence[Observation]) -> dict[str, float]:
    """Return the share of each filming reason, 0 for all when there are no clips."""
    counts = Counter(str(clip.reason) for clip in clips)
    return {str(reason): counts[str(reason)] / max(len(clips), 1) for reason in Reason}


def reason_mix(now: Sequence[Observation], usual: Sequence[Observation]) -> ReasonMix:
    """Compare why clips were filmed lately with why they were filmed in the baseline."""
    sure = p_rise(_worried_posterior(now), _worried_posterior(usual), MOVED_SHARE)
    moved = bool(now) and bool(usual) and sure > MOVED_SURE
    return ReasonMix(reason_shares(now), reason_shares(usual), moved, sure)


def _worried_posterior(clips: Sequence[Observation]) -> Array:
    """Return the posterior of the share of worried clips on the rate grid. (39,)"""
    worried = sum(clip.reason == Reason.WORRIED for clip in clips)
    mass = (worried + 0.5) * np.log(RATE_GRID)
    mass = mass + (len(clips) - worried + 0.5) * np.log1p(-RATE_GRID)
    return np.asarray(np.exp(mass - np.logaddexp.reduce(mass)))


def part_of_day(hour: float) -> str:
    """Name the part of the day of a local hour in [0, 24)."""
    return next(name for name, (begin, end) in PARTS_OF_DAY.items() if begin <= hour < end)


def part_shares(hours: Array) -> dict[str, float]:
    """Return the share of clips in each part of the owner's day."""
    counts = Counter(part_of_day(hour) for hour in hours.tolist())
    return {part: counts[part] / max(len(hours), 1) for part in PARTS_OF_DAY}


def usual_part_of_day(hours: Array) -> str:
    """Return the part of the day most filmed in the baseline; the evening when there is none."""
    shares = part_shares(hours)
    return max(shares, key=lambda part: (shares[part], part == "evening"))
