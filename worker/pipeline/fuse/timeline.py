"""How the state's probabilities move through the clip: windows of a second, sticky smoothing."""

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract import Extract
from worker.pipeline.extract.windows import HOP_S, WINDOW_S
from worker.pipeline.fuse.ethogram import Ethogram, Reading, evidence, softmax
from worker.pipeline.fuse.signs import window_readings


def window_evidence(
    table: Ethogram, extracted: Extract, readings: list[Reading]
) -> NDArray[np.float64]:
    """Return each window's evidence (n, 5)."""
    rows = [
        evidence(table, window_readings(table, extracted, readings, i))
        for i in range(len(extracted.windows.middles_s))
    ]
    return np.array(rows).reshape(len(rows), len(table.classes))


def smoothed(
    table: Ethogram, rows: NDArray[np.float64], base: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return probabilities (n, 5) by the forward-backward pass of a sticky chain.

    rows: each window's nats (n, 5) over `base` (5,), with which the chain starts. Windows overlap
    by half, so each counts for half its evidence.
    """
    n, states = rows.shape
    stay = table.timeline.stay
    step = np.full((states, states), (1 - stay) / (states - 1)) + np.eye(states) * (
        stay - (1 - stay) / (states - 1)
    )
    halved = rows * (HOP_S / WINDOW_S)
    likelihood = np.exp(halved - halved.max(axis=1, keepdims=True))
    forward = np.empty((n, states))
    backward = np.ones((n, states))
    state = softmax(base)
    for i in range(n):
        state = state * likelihood[i]
        state = state / state.sum()
        forward[i] = state
        state = state @ step
    for i in range(n - 2, -1, -1):
        back = step @ (likelihood[i + 1] * backward[i + 1])
        backward[i] = back / back.sum()
    both = forward * backward
    return np.asarray(both / both.sum(axis=1, keepdims=True))
