"""Krippendorff's alpha: how far the raters agree beyond chance, with an interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError

RESAMPLES = 2000
CONCLUSIVE = 0.667  # Krippendorff 2004: below, not even tentative conclusions


class TooFewVotes(InputError):
    """Agreement needs two raters who both voted in two rows or more; training needs one rater."""

    code = "too_few_votes"


@dataclass(frozen=True, slots=True)
class Alpha:
    """Alpha and its 95 % interval; `items` have at least two votes."""

    value: float
    low: float
    high: float
    items: int


def nominal(classes: int) -> NDArray[np.float64]:
    """Return the difference function of labels without an order: 0 same, 1 other."""
    return 1 - np.eye(classes)


def with_interval(votes: NDArray[np.int64], squared_distance: NDArray[np.float64]) -> Alpha:
    """Return alpha of votes (n, raters), with a percentile interval over resampled items.

    -1 is nobody's vote. Alpha is NaN where nothing can disagree. Source: Krippendorff 2011,
    Computing Krippendorff's Alpha-Reliability, section E.
    """
    each = pairings(votes, len(squared_distance))
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(each), np.full(len(each), 1 / len(each)), size=RESAMPLES)
    drawn = alphas_of(np.einsum("bn,njl->bjl", weights, each), squared_distance)
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return Alpha(float(alphas(each, squared_distance)), float(low), float(high), len(each))


def pairings(votes: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return each item's coincidences (items with two votes or more, c, c)."""
    counts = (votes[:, :, None] == np.arange(classes)).sum(axis=1).astype(float)
    counts = counts[counts.sum(axis=1) >= 2]
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs -= counts[:, :, None] * np.eye(classes)
    return np.asarray(pairs / (counts.sum(axis=1) - 1)[:, None, None])


def alphas(each: NDArray[np.float64], squared_distance: NDArray[np.float64]) -> np.float64:
    """Return alpha of all items together."""
    return np.float64(alphas_of(each.sum(axis=0)[None], squared_distance)[0])


def alphas_of(
    coincidences: NDArray[np.float64], squared_distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return alpha of each coincidence matrix (b, c, c)."""
    values = coincidences.sum(axis=2)
    total = values.sum(axis=1)
    observed = (coincidences * squared_distance).sum(axis=(1, 2))
    expected = np.einsum("bj,bl,jl->b", values, values, squared_distance) / np.maximum(total - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan))
