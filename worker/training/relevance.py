"""Says from the rows how loudly each modality's linear expert may speak: its prior, in nats.

Automatic relevance determination: a prior's deviation is most probable where the expert's squared
weights equal its square times the number of directions that the rows determine (MacKay 1992,
10.1162/neco.1992.4.3.415). One prior for all would let posture's 32 numbers, most of which tell
nothing of the classes, speak as loudly as a picture's 576.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from worker.training.metrics import ABSENT

ROUNDS = 5  # a further one changes little
STEPS = 60  # of a fit; each begins where the one before ended
LEAST_NATS, MOST_NATS = 0.05, 4.0  # one that is as good as silent, one that says what it likes
LEAST_DIRECTIONS = 1e-9

Array = NDArray[np.float64]


def nats_of(blocks: Sequence[Array], wanted: Array, nats: float) -> list[float]:
    """Return how far each block's logit deviates over the rows beforehand, beginning at `nats`.

    blocks (n, d) hold standardised numbers over the root of d, 0 where a row has none; wanted
    (n, k) what each class counts in each row, n in all.
    """
    wanted = wanted[:, wanted.mean(axis=0) > ABSENT]
    others = wanted.shape[1] - 1
    found = np.full(len(blocks), nats)
    if not others:
        return found.tolist()
    rows = np.concatenate(blocks, axis=1)
    owner = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    weights, bias = np.zeros((rows.shape[1], others + 1)), np.zeros(others + 1)
    for _ in range(ROUNDS):
        weights, bias = fitted(rows, wanted, found[owner], weights, bias)
        said = softmax(rows @ weights + bias, axis=1)
        doubt = (said * (1 - said)).sum(axis=1) / others * wanted.sum(axis=1)
        for i, block in enumerate(blocks):
            curvature = np.linalg.eigvalsh(block.T @ (block * doubt[:, None])).clip(min=0)
            directions = others * (curvature / (curvature + found[i] ** -2)).sum()
            squares = np.square(weights[owner == i]).sum()
            found[i] = np.sqrt(squares / max(directions, LEAST_DIRECTIONS))
        found = found.clip(LEAST_NATS, MOST_NATS)
    return found.tolist()


def fitted(
    rows: Array, wanted: Array, nats: Array, weights: Array, bias: Array
) -> tuple[Array, Array]:
    """Return the most probable weights (d, k) and bias (k,) of a softmax regression.

    Beforehand each row of weights is normal with its deviation of `nats` (d,).
    """
    shape, counted = weights.shape, wanted.sum(axis=1, keepdims=True)
    precision = nats[:, None] ** -2

    def cost(parts: Array) -> tuple[float, Array]:
        w, b = parts[: -shape[1]].reshape(shape), parts[-shape[1] :]
        logits = rows @ w + b
        loss = (w**2 * precision).sum() / 2 - (wanted * log_softmax(logits, axis=1)).sum()
        wrong = softmax(logits, axis=1) * counted - wanted
        slope = rows.T @ wrong + w * precision
        return float(loss), np.concatenate([slope.ravel(), wrong.sum(axis=0)])

    begun = np.concatenate([weights.ravel(), bias])
    ended = minimize(cost, begun, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return ended[: -shape[1]].reshape(shape), ended[-shape[1] :]
