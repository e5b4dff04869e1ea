"""At which CUSUM an alarm opens: a table made by simulation, by sessions a week and budget."""

import json
from functools import cache
from importlib.resources import files
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from shared.trend.cusum import MIN_BASELINE_WEEKS
from shared.trend.rate import Array


class Table(TypedDict):
    """`thresholds.json`: thresholds[question][budget][rate], in nats."""

    made_by: str
    sessions_per_week: list[float]
    false_alerts_per_pet_year: list[float]
    thresholds: dict[str, list[list[float]]]


@cache
def table() -> Table:
    """Read the table that `tailtrend evaluate trend --calibrate` wrote."""
    text = (files("shared.trend") / "thresholds.json").read_text(encoding="utf-8")
    loaded: Table = json.loads(text)
    return loaded


def threshold(question: str, sessions_per_week: Array, budget_per_year: float) -> Array:
    """Interpolate the table in the logs of clip rate and budget; outside, its edge counts."""
    made = table()
    rates = np.log(made["sessions_per_week"])
    budgets = np.log(made["false_alerts_per_pet_year"])
    wanted = np.log(np.maximum(sessions_per_week, 1e-3))
    rows = np.array([np.interp(wanted.ravel(), rates, row) for row in made["thresholds"][question]])
    at = np.clip(np.log(budget_per_year), budgets[0], budgets[-1])
    upper = int(np.clip(np.searchsorted(budgets, at), 1, len(budgets) - 1))
    share = (at - budgets[upper - 1]) / (budgets[upper] - budgets[upper - 1])
    between = rows[upper - 1] * (1 - share) + rows[upper] * share
    return np.asarray(between.reshape(wanted.shape))


def sessions_per_week_before(sessions_per_week: NDArray[np.int64]) -> Array:
    """Return the mean rate before each week, over weeks with clips. (n, n_weeks)

    A later clip never moves it, and a pause does not lower the threshold.
    """
    with_clips = (sessions_per_week > 0).astype(np.int64)
    before = np.cumsum(sessions_per_week, axis=1) - sessions_per_week
    weeks: Array = np.cumsum(with_clips, axis=1).astype(np.float64) - with_clips
    return np.asarray(before / np.maximum(weeks, MIN_BASELINE_WEEKS))
