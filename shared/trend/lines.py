"""Lines for the picture, not tests: Theil-Sen from ten weeks, Mann-Kendall from thirty points.

Mann-Kendall on ten points detects little and alarms often (NOAA-EDAB tech-doc, Hardison 2019),
so the CUSUM decides and these are drawn.
"""

from dataclasses import dataclass

import numpy as np

from shared.trend.rate import Array

MIN_LINE_WEEKS = 10
MAX_LINE_WEEKS = 52
MIN_MANN_KENDALL_POINTS = 30
Z_90 = 1.645


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through weekly rates: points (of 100) per week, with a 90 % interval."""

    points_per_week: float
    low: float
    high: float
    n_weeks: int
    kendall_p: float | None  # two-sided; None below 30 weeks


def _kendall_sd(n: int) -> float:
    """Return the SD of Kendall's S without ties."""
    return float(np.sqrt(n * (n - 1) * (2 * n + 5) / 18))


def theil_sen(week: Array, rate: Array) -> tuple[float, float, float]:
    """Return the median of the slopes between all pairs with Sen's 90 % interval (Sen 1968)."""
    first, second = np.triu_indices(len(week), k=1)
    slopes = np.sort((rate[second] - rate[first]) / (week[second] - week[first]))
    half = Z_90 * _kendall_sd(len(week)) / 2
    low = int(np.clip(len(slopes) / 2 - half, 0, len(slopes) - 1))
    high = int(np.clip(len(slopes) / 2 + half, 0, len(slopes) - 1))
    return float(np.median(slopes)), float(slopes[low]), float(slopes[high])


def mann_kendall_p(week: Array, value: Array) -> float:
    """Return the two-sided p-value of no monotone trend, by the normal approximation."""
    from scipy.special import erfc

    order = np.argsort(week)
    first, second = np.triu_indices(len(week), k=1)
    s = float(np.sign(value[order][second] - value[order][first]).sum())
    z = max(0.0, abs(s) - 1) / _kendall_sd(len(week))
    return float(erfc(z / np.sqrt(2)))


def line(week: Array, rate: Array) -> Line | None:
    """Draw a line through the weeks that have clips, the last 52 at most."""
    if len(week) < MIN_LINE_WEEKS:
        return None
    week, rate = week[-MAX_LINE_WEEKS:], rate[-MAX_LINE_WEEKS:]
    slope, low, high = (100 * value for value in theil_sen(week, rate))
    enough = len(week) >= MIN_MANN_KENDALL_POINTS
    return Line(slope, low, high, len(week), mann_kendall_p(week, rate) if enough else None)
