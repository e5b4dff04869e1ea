"""Fits each modality's linear expert to the rows, and tells from them how loudly it may speak.

Automatic relevance determination: a prior's deviation is most probable where the expert's squared
weights equal its square times the number of directions that the rows determine (MacKay 1992,
10.1162/neco.1992.4.3.415). One prior for all would let posture's 32 numbers, most of which tell
nothing of the classes, speak as loudly as a picture's 576.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from threadpoolctl import threadpool_limits

from worker.training.metrics import ABSENT

ROUNDS = 5  # a further one changes little
STEPS = 60  # of a fit; each begins where the one before ended
LEAST_NATS, MOST_NATS = 0.05, 4.0  # one that is as good as silent, one that says what it likes
LEAST_DIRECTIONS = 1e-9

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expert:
    """What one modality says by itself: its weights (d, k) of what it shows, and its bias (k,).

    `nats` is how far its logit deviates over the rows beforehand, and its bias from none.
    """

    nats: float
    weights: Array
    bias: Array


@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
def experts_of(
    blocks: Sequence[Array], shown: NDArray[np.bool_], wanted: Array, nats: float
) -> tuple[list[Expert], Array]:
    """Return the most probable experts of all blocks together, each beginning at `nats`, and the
    bias (k,) of all rows.

    blocks (n, d) hold standardised numbers over the root of d, 0 where a row has none; shown (n, b)
    tells where it has; wanted (n, k) what each class counts in each row, n in all. On one thread:
    more would round otherwise, and a search ends elsewhere by that.
    """
    others = int((wanted.mean(axis=0) > ABSENT).sum()) - 1
    found = np.full(len(blocks), nats)
    rows = np.concatenate([*blocks, shown, np.ones((len(wanted), 1))], axis=1)
    widths = [block.shape[1] for block in blocks]
    weights = np.zeros((rows.shape[1], wanted.shape[1]))  # of each block, then biases, then for all
    for _ in range(ROUNDS if others else 0):
        weights = fitted(rows, wanted, deviations(found, widths), weights)
        said = softmax(rows @ weights, axis=1)
        doubt = (said * (1 - said)).sum(axis=1) / others * wanted.sum(axis=1)
        for i, (block, mine) in enumerate(zip(blocks, parts(weights, widths), strict=False)):
            curvature = np.linalg.eigvalsh(block.T @ (block * doubt[:, None])).clip(min=0)
            directions = others * (curvature / (curvature + found[i] ** -2)).sum()
            found[i] = np.sqrt(np.square(mine).sum() / max(directions, LEAST_DIRECTIONS))
        found = found.clip(LEAST_NATS, MOST_NATS)
    weights = fitted(rows, wanted, deviations(found, widths), weights)
    *told, (*biases, bias) = parts(weights, widths)
    experts = [Expert(float(n), w, b) for n, w, b in zip(found, told, biases, strict=True)]
    return experts, bias


def deviations(found: Array, widths: list[int]) -> Array:
    """Return each weight's deviation beforehand: a block's, its bias' the same, all rows' bias'."""
    return np.concatenate([np.repeat(found, widths), found, [MOST_NATS]])


def parts(weights: Array, widths: list[int]) -> list[Array]:
    """Return each block's weights, and behind them all biases."""
    return np.split(weights, np.cumsum(widths))


def fitted(rows: Array, wanted: Array, nats: Array, weights: Array) -> Array:
    """Return the most probable weights (d, k) of a softmax regression, beginning at others.

    Beforehand each row of weights is normal with its deviation of `nats` (d,).
    """
    counted = wanted.sum(axis=1, keepdims=True)
    precision = nats[:, None] ** -2

    def cost(flat: Array) -> tuple[float, Array]:
        w = flat.reshape(weights.shape)
        logits = rows @ w
        loss = (w**2 * precision).sum() / 2 - (wanted * log_softmax(logits, axis=1)).sum()
        slope = rows.T @ (softmax(logits, axis=1) * counted - wanted) + w * precision
        return float(loss), slope.ravel()

    ended = minimize(cost, weights.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.asarray(ended.x).reshape(weights.shape)
