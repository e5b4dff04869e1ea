"""Is this getting worse? A trend of one pet's clips with a stated error rate.

Pure: numpy and scipy, no database, no settings, no clock.
"""

from shared.trend.agreement import Agreement, agreement
from shared.trend.answer import BUDGET_PER_YEAR, NextClip, Sentence, State, Trend, as_json, trend
from shared.trend.context import ReasonMix
from shared.trend.history import Comparison, Cusum, Priors
from shared.trend.observations import Anchor, Observation, Reason, VerdictBy
from shared.trend.rate import Rate, RatePrior
from shared.trend.summaries import (
    Counted,
    SharedHours,
    Summary,
    count,
    household,
    rates,
    summarize,
)
from shared.trend.temperament import Clusters, Temperament, clusters, temperament

__all__ = [
    "BUDGET_PER_YEAR",
    "Agreement",
    "Anchor",
    "Clusters",
    "Comparison",
    "Counted",
    "Cusum",
    "NextClip",
    "Observation",
    "Priors",
    "Rate",
    "RatePrior",
    "Reason",
    "ReasonMix",
    "Sentence",
    "SharedHours",
    "State",
    "Summary",
    "Temperament",
    "Trend",
    "VerdictBy",
    "agreement",
    "as_json",
    "clusters",
    "count",
    "household",
    "rates",
    "summarize",
    "temperament",
    "trend",
]
