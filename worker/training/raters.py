"""How far each rater can be trusted: Dawid and Skene's model, fitted by EM."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEW_ITEMS = 30  # of a rater: below, one number stands for their whole table of errors
MAX_ROUNDS = 200
CLOSE_ENOUGH = 1e-6


@dataclass(frozen=True, slots=True)
class Consensus:
    """What is true of each item (n, c), how common each class is (c,), and who errs how (r, c, c).

    `errors[r, j, l]` is the probability that rater r says l where j is true.
    """

    posterior: NDArray[np.float64]
    marginals: NDArray[np.float64]
    errors: NDArray[np.float64]


def dawid_skene(votes: NDArray[np.int64], classes: int) -> Consensus:
    """Fit votes (n, raters), -1 where nobody voted.

    Source: Dawid & Skene 1979, Applied Statistics 28, 20-28, equations 2.3-2.5. A rater with few
    items has one error rate only (the one-coin model).
    """
    counts = (votes[:, :, None] == np.arange(classes)).astype(float)
    return fit_counts(counts, few=counts.sum(axis=(0, 2)) < FEW_ITEMS)


def fit_counts(counts: NDArray[np.float64], few: NDArray[np.bool_]) -> Consensus:
    """Fit counts (n, raters, classes) of what was said; somebody may have voted more than once."""
    summed = counts.sum(axis=1)
    posterior = summed / summed.sum(axis=1, keepdims=True)
    for _ in range(MAX_ROUNDS):
        marginals, errors = estimate(counts, posterior, few)
        before, posterior = posterior, expect(counts, marginals, errors)
        if np.abs(posterior - before).max() < CLOSE_ENOUGH:
            break
    return Consensus(posterior, marginals, errors)


def estimate(
    counts: NDArray[np.float64], posterior: NDArray[np.float64], few: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimate marginals and error tables from what is believed to be true."""
    said = np.einsum("nj,nrl->rjl", posterior, counts)
    total = said.sum(axis=2, keepdims=True)
    classes = counts.shape[2]
    full = np.divide(said, total, out=np.full_like(said, 1 / classes), where=total > 0)
    right = np.trace(said, axis1=1, axis2=2) / np.maximum(said.sum(axis=(1, 2)), 1e-12)
    coin = np.clip(right, 1 / classes, 1 - 1e-3)[:, None, None]
    eye = np.eye(classes)
    one_coin = coin * eye + (1 - coin) / (classes - 1) * (1 - eye)
    return posterior.mean(axis=0), np.where(few[:, None, None], one_coin, full)


def expect(
    counts: NDArray[np.float64], marginals: NDArray[np.float64], errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how probable each class is for each item."""
    log = np.log(np.maximum(marginals, 1e-300)) + np.einsum(
        "nrl,rjl->nj", counts, np.log(np.maximum(errors, 1e-300))
    )
    log -= log.max(axis=1, keepdims=True)
    chances = np.exp(log)
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))
