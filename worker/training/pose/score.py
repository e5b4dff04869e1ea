"""How right found points are: PCK, tails, joint by joint. Knows no files and no network.

Left and right are not asked for: of a pair's two assignments, whole leg or ear at once, the better
one counts (the protocol of the targets in docs/pose-card.md).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.keypoints import NAMES, PAIRS, POINTS, SURE
from worker.training.pose.sample import GROUPS

NEAR, NEARBY = 0.1, 0.15  # of the box's longer side
CONFIDENT_SHARE = 0.6
TAIL_WITHIN_DEG = 30.0
JOINTS = ("nose", "chin", "withers", "mid_back", "tail_base", "tail_mid", "tail_tip", *PAIRS)


@dataclass(frozen=True, slots=True)
class Look:
    """One animal: found (25, 2) and true (25, 2) in the same unit, `asked` where there is a truth.

    `side` is the longer side of its box in that unit.
    """

    found: NDArray[np.float64]
    confidence: NDArray[np.float64]
    true: NDArray[np.float64]
    asked: NDArray[np.bool_]
    side: float


@dataclass(frozen=True, slots=True)
class Share:
    """How many, and the share right within 0.1 and 0.15 of the longer side; None of none."""

    n: int
    pck_10: float | None
    pck_15: float | None


@dataclass(frozen=True, slots=True)
class Tails:
    """Tails with a true base and tip; the angle's error where both were found with confidence."""

    n: int
    confident: int
    within_30: float | None
    median_deg: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """All of it. `sure` are points from confidence SURE on."""

    animals: int
    every: Share
    confident_60: Share
    sure: Share
    tails: Tails
    joints: Mapping[str, Share]


def score(looks: Iterable[Look]) -> Scores:
    """Sum up many animals."""
    every = list(looks)
    if not every:
        nothing = share_of(np.zeros(0))
        return Scores(0, nothing, nothing, nothing, Tails(0, 0, None, None), {})
    errors = np.stack([errors_of(look) for look in every])
    asked = np.stack([look.asked for look in every])
    confidence = np.stack([look.confidence for look in every])
    bar = np.quantile(confidence[asked], 1 - CONFIDENT_SHARE) if asked.any() else 1.0
    return Scores(
        animals=len(every),
        every=share_of(errors[asked]),
        confident_60=share_of(errors[asked & (confidence >= bar)]),
        sure=share_of(errors[asked & (confidence >= SURE)]),
        tails=tails_of(every),
        joints={
            joint: share_of(errors[:, columns][asked[:, columns]])
            for joint in JOINTS
            if (columns := columns_of(joint))
        },
    )


def columns_of(joint: str) -> list[int]:
    """Return where a joint stands among the points, both sides of a pair."""
    return [i for i, n in enumerate(NAMES) if n in (joint, f"{joint}_a", f"{joint}_b")]


def share_of(errors: NDArray[np.float64]) -> Share:
    """Return the shares right among errors."""
    if not len(errors):
        return Share(0, None, None)
    near, nearby = (round(float((errors <= bar).mean()), 4) for bar in (NEAR, NEARBY))
    return Share(len(errors), near, nearby)


def errors_of(look: Look) -> NDArray[np.float64]:
    """Return each point's distance as a share of the longer side (25,), pairs as they fit best."""
    order = np.arange(POINTS)
    for group in GROUPS:
        a = [NAMES.index(f"{pair}_a") for pair in group]
        b = [NAMES.index(f"{pair}_b") for pair in group]
        both = a + b
        straight = off(look, both, both)
        crossed = off(look, b + a, both)
        if crossed[look.asked[both]].sum() < straight[look.asked[both]].sum():
            order[both] = b + a
    return off(look, order, np.arange(POINTS))


def off(
    look: Look, found: "list[int] | NDArray[np.int64]", true: "list[int] | NDArray[np.int64]"
) -> NDArray[np.float64]:
    """Return distances of found from true points as shares of the longer side."""
    return np.asarray(np.hypot(*(look.found[found] - look.true[true]).T) / look.side)


def tails_of(looks: list[Look]) -> Tails:
    """Compare the direction from the tail's base to its tip."""
    ends = [NAMES.index("tail_base"), NAMES.index("tail_tip")]
    whole = [look for look in looks if look.asked[ends].all()]
    sure = [look for look in whole if (look.confidence[ends] >= SURE).all()]
    if not sure:
        return Tails(len(whole), 0, None, None)
    turned = np.array([turn(look, *ends) for look in sure])
    within = float((turned <= TAIL_WITHIN_DEG).mean())
    return Tails(len(whole), len(sure), round(within, 4), round(float(np.median(turned)), 2))


def turn(look: Look, base: int, tip: int) -> float:
    """Return the angle between the found and the true tail in degrees."""
    (fx, fy), (tx, ty) = look.found[tip] - look.found[base], look.true[tip] - look.true[base]
    return float(np.degrees(abs(np.arctan2(fx * ty - fy * tx, fx * tx + fy * ty))))
