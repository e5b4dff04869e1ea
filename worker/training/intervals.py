"""Intervals over animals and seeds: clips of one animal are not independent."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.training import metrics

RESAMPLES = 2000
SLOW_RESAMPLES = 300  # of a figure that has no closed form over clusters
LEVEL = (2.5, 97.5)

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
FromCounts = Callable[[Array], Array]
Statistic = Callable[[Labels, Array], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval; `sd` is over the seeds."""

    value: float
    low: float
    high: float
    sd: float | None = None
    n: int | None = None


def clustered_counts(labels: Labels, chances: Array, groups: Labels) -> Array:
    """Return each group's confusion counts for every seed: (seeds, groups, 5, 5)."""
    index = np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((len(chances), index.max() + 1, metrics.N, metrics.N))
    chosen = chances.argmax(axis=2)  # (seeds, n)
    for s, row in enumerate(chosen):
        np.add.at(counts[s], (index, labels, row), 1)
    return counts


def weights(groups: int, resamples: int) -> NDArray[np.int64]:
    """Draw groups with replacement: how often each occurs, (resamples, groups)."""
    rng = np.random.default_rng(0)
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples)


def of_counts(measure: FromCounts, labels: Labels, chances: Array, groups: Labels) -> Figure:
    """Return a figure of confusion counts; `chances` (seeds, n, 5). Mean over seeds."""
    counts = clustered_counts(labels, chances, groups)
    drawn = weights(counts.shape[1], RESAMPLES)
    again = np.stack([measure(np.einsum("bg,gij->bij", drawn, one)) for one in counts])
    each = measure(counts.sum(axis=1))
    return figure(each, again.mean(axis=0), len(labels))


def of_statistic(measure: Statistic, labels: Labels, chances: Array, groups: Labels) -> Figure:
    """Return any figure of labels and probabilities (seeds, n, 5), resampling groups."""
    each = np.array([measure(labels, one) for one in chances])
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    again = []
    for drawn in weights(len(members), SLOW_RESAMPLES):
        rows = np.repeat(np.arange(len(members)), drawn)
        taken = np.concatenate([members[g] for g in rows])
        again.append(np.mean([measure(labels[taken], one[taken]) for one in chances]))
    return figure(each, np.array(again), len(labels))


def figure(each: Array, again: Array, n: int) -> Figure:
    """Sum up the seeds' figures and the resampled ones."""
    low, high = np.percentile(again, LEVEL)
    sd = float(each.std(ddof=1)) if len(each) > 1 else None
    return Figure(float(each.mean()), float(low), float(high), sd, n)


def paired(
    measure: FromCounts, labels: Labels, first: Array, second: Array, groups: Labels
) -> Figure:
    """Return by how much the first is above the second, both on the same resampled animals."""
    a, b = (clustered_counts(labels, chances, groups) for chances in (first, second))
    drawn = weights(a.shape[1], RESAMPLES)

    def mean(counts: Array) -> Array:
        rows = [measure(np.einsum("bg,gij->bij", drawn, c)) for c in counts]
        return np.asarray(np.mean(rows, axis=0))

    value = measure(a.sum(axis=1)).mean() - measure(b.sum(axis=1)).mean()
    low, high = np.percentile(mean(a) - mean(b), LEVEL)
    return Figure(float(value), float(low), float(high), None, len(labels))
