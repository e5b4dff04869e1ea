"""The published error rates of the rule by clip rate: `card.json`, from `docs/trend-card.json`."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np


@dataclass(frozen=True, slots=True)
class Figures:
    """What the rule does in simulation with the default budget, at one clip rate."""

    clips_per_week: float
    false_alerts_per_pet_year: float
    caught_within_4_weeks: float  # share of 20 % -> 50 % rises
    caught_within_8_weeks: float


@cache
def card() -> tuple[Figures, ...]:
    """Read the figures that `tailtrend evaluate trend` wrote."""
    text = (files("shared.trend") / "card.json").read_text(encoding="utf-8")
    return tuple(Figures(**row) for row in json.loads(text)["figures"])


def figures_for(clips_per_week: float) -> Figures:
    """Return the figures of the nearest simulated clip rate, on a scale of ratios."""
    wanted = np.log(max(clips_per_week, 1e-3))
    return min(card(), key=lambda row: abs(float(np.log(row.clips_per_week)) - wanted))
