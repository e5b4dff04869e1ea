"""Measures how movement is spread over time: bursts, turns, bounces, and stopping dead."""

import numpy as np
from numpy.typing import NDArray

BURST_RATIO = 2.5  # times the clip's median
BURST_SPEED = 0.15  # body lengths a second, at least
TURN_SPEED = 0.06  # body lengths a second: twice stillness
INTERMITTENT = 3.0  # 90th over 10th percentile of the energy; a steady run or trembling has 1.2-2
MIN_FREEZE_S = 2.0
BEFORE_S = 1.5  # of which the animal must have moved, on average at BURST_SPEED, before it freezes


def bursts(energy: NDArray[np.float32]) -> int:
    """Count rises above 2.5 times the clip's median (and above 0.15 body lengths a second)."""
    high = energy > max(BURST_RATIO * float(np.median(energy)), BURST_SPEED)
    return int((np.diff(high.astype(int)) == 1).sum())


def reversals(across: NDArray[np.float32]) -> int:
    """Count changes of horizontal direction of the body's velocity (t,), ignoring what is slow."""
    sign = np.sign(across[np.abs(across) > TURN_SPEED])
    return int((np.diff(sign) != 0).sum())


def bounce(velocity: NDArray[np.float32], energy: NDArray[np.float32]) -> float:
    """Return how fast (RMS, body lengths/s) the body goes up and down *and* to and fro, else 0.

    velocity (2, t) across and down; the slower of the two counts: a head that nods over food or
    with each bark goes nowhere. Movement must come and go: an even gait is no bouncing.
    """
    low, high = np.percentile(energy, [10, 90])
    if high < BURST_SPEED / 2 or high < INTERMITTENT * low:
        return 0.0
    return float(velocity.std(axis=1).min())


def freeze(
    energy: NDArray[np.float32], times_s: NDArray[np.float64], still_s: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Return the longest still span if it lasts two seconds and movement stopped dead before it."""
    if still_s is None or still_s[1] - still_s[0] < MIN_FREEZE_S:
        return None
    before = (times_s >= still_s[0] - BEFORE_S) & (times_s < still_s[0])
    lasted_s = still_s[0] - max(float(times_s[0]), still_s[0] - BEFORE_S)
    if lasted_s < BEFORE_S / 2 or float(energy[before].mean()) < BURST_SPEED:
        return None
    return still_s
