"""The rules that other products use, run on the same simulated pets for comparison.

They see hard labels (negative or not) by week, as those products do. Each returns, per pet and
week, whether it would alert; a run of alerting weeks is one alert.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.trend.cusum import WEEK
from shared.trend.observations import DAY_S
from shared.trend.simulator import Clips

Array = NDArray[np.float64]
Alerts = NDArray[np.bool_]  # (n_pets, n_weeks)
WEEK_S = WEEK * DAY_S
EWMA_SMOOTHING = 0.2
EWMA_BASELINE_WEEKS = 8


def weekly_counts(clips: Clips) -> tuple[Array, Array]:
    """Return clips and clips labelled negative per pet and week. (n_pets, n_weeks) each"""
    cell = clips.pet * clips.n_weeks + (clips.time_s // WEEK_S).astype(np.int64)
    size = clips.n_pets * clips.n_weeks
    total = np.bincount(cell, minlength=size).astype(np.float64)
    negative = np.bincount(cell[clips.log_ratio > 0], minlength=size).astype(np.float64)
    return total.reshape(clips.n_pets, -1), negative.reshape(clips.n_pets, -1)


def any_rise(total: Array, negative: Array) -> Alerts:
    """Alert when this week's share is higher than last week's."""
    return _difference(total, negative) > 0


def rise_of_20_points(total: Array, negative: Array) -> Alerts:
    """Alert when this week's share is at least 20 points over last week's."""
    return _difference(total, negative) >= 0.2


def _difference(total: Array, negative: Array) -> Array:
    share = np.divide(negative, total, out=np.full_like(total, np.nan), where=total > 0)
    return np.nan_to_num(np.diff(share, axis=1, prepend=np.nan))


def z_against_4_weeks(total: Array, negative: Array) -> Alerts:
    """Alert when this week is over 2.5 standard errors above the last four weeks."""
    before_n, before_k = _last_4(total), _last_4(negative)
    usual = (before_k + 0.5) / (before_n + 1)
    spread = np.sqrt(usual * (1 - usual) / np.maximum(total, 1))
    share = negative / np.maximum(total, 1)
    return np.asarray((share - usual > 2.5 * spread) & (total >= 3) & (before_n >= 8))


def _last_4(values: Array) -> Array:
    padded = np.pad(np.cumsum(values, axis=1), ((0, 0), (5, 0)))
    return np.asarray(padded[:, 4:-1] - padded[:, :-5])


def mann_kendall_8_weeks(total: Array, negative: Array) -> Alerts:
    """Alert when eight weekly shares rise with a one-sided p below 0.05."""
    share = negative / np.maximum(total, 1)
    alerts = np.zeros(share.shape, dtype=np.bool_)
    first, second = np.triu_indices(8, k=1)
    sd = np.sqrt(8 * 7 * 21 / 18)
    for week in range(7, share.shape[1]):
        window = share[:, week - 7 : week + 1]
        s = np.sign(window[:, second] - window[:, first]).sum(axis=1)
        alerts[:, week] = (s - 1) / sd > 1.645
    return alerts


def ewma(total: Array, negative: Array) -> Alerts:
    """Alert when an EWMA (0.2) of weekly shares leaves the first 8 weeks' mean by 2.5 SD."""
    share = negative / np.maximum(total, 1)
    base_n = np.maximum(total[:, :EWMA_BASELINE_WEEKS].sum(axis=1), 1)
    usual = (negative[:, :EWMA_BASELINE_WEEKS].sum(axis=1) + 0.5) / (base_n + 1)
    mean_n = np.maximum(total.mean(axis=1), 1)
    shrink = EWMA_SMOOTHING / (2 - EWMA_SMOOTHING)
    limit = usual + 2.5 * np.sqrt(usual * (1 - usual) / mean_n * shrink)
    level, alerts = usual, np.zeros(share.shape, dtype=np.bool_)
    for week in range(EWMA_BASELINE_WEEKS, share.shape[1]):
        level = level + EWMA_SMOOTHING * (share[:, week] - level)
        alerts[:, week] = level > limit
    return alerts


RULES: dict[str, Callable[[Array, Array], Alerts]] = {
    "any rise on last week": any_rise,
    "20 points over last week": rise_of_20_points,
    "z > 2.5 against 4 weeks": z_against_4_weeks,
    "Mann-Kendall, 8 weeks": mann_kendall_8_weeks,
    "EWMA 0.2, first 8 weeks": ewma,
}


def new_alerts(alerts: Alerts) -> Alerts:
    """Return the weeks in which an alert begins."""
    before = np.pad(alerts[:, :-1], ((0, 0), (1, 0)))
    return np.asarray(alerts & ~before)
