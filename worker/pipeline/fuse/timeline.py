"""How the state's probabilities move through the clip: windows of a second, sticky smoothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract import Extract
from worker.pipeline.extract.windows import HOP_S, WINDOW_S
from worker.pipeline.fuse.ethogram import (
    Ethogram,
    Reading,
    contribution,
    evidence,
    gain,
    posterior,
    prior,
)
from worker.pipeline.fuse.signs import window_readings

MAX_MOMENTS = 3
MIN_MOMENT_NATS = 0.3


@dataclass(frozen=True, slots=True)
class Moment:
    """A span that drove the answer, and the sign behind it."""

    span_s: tuple[float, float]
    why: str
    gain_nats: float


def window_evidence(
    table: Ethogram, extracted: Extract, readings: list[Reading]
) -> NDArray[np.float64]:
    """Return each window's evidence (n, 5)."""
    rows = [
        evidence(table, window_readings(table, extracted, readings, i))
        for i in range(len(extracted.windows.middles_s))
    ]
    return np.array(rows).reshape(len(rows), len(table.classes))


def smoothed(table: Ethogram, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities (n, 5) by the forward-backward pass of a sticky chain.

    Windows overlap by half, so each counts for half its evidence.
    """
    n, states = rows.shape
    stay = table.timeline.stay
    step = np.full((states, states), (1 - stay) / (states - 1)) + np.eye(states) * (
        stay - (1 - stay) / (states - 1)
    )
    likelihood = np.exp(rows * (HOP_S / WINDOW_S))
    forward = np.empty((n, states))
    backward = np.ones((n, states))
    state = prior(table)
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


def find_moments(
    table: Ethogram,
    extracted: Extract,
    readings: list[Reading],
    rows: NDArray[np.float64],
    state: int,
) -> list[Moment]:
    """Return up to three spans whose windows speak most for a state, in order of time."""
    gains = np.array([gain(row, state) for row in rows])
    taken = np.zeros(len(rows), bool)
    moments: list[Moment] = []
    while len(moments) < MAX_MOMENTS:
        gains_left = np.where(taken, -np.inf, gains)
        top = int(gains_left.argmax()) if len(gains) else 0
        if not len(gains) or gains_left[top] < MIN_MOMENT_NATS:
            break
        first, last = grown(gains, taken, top)
        taken[max(0, first - 2) : last + 3] = True
        found = window_readings(table, extracted, readings, top)
        moments.append(moment(table, extracted, found, (first, last), state, float(gains[top])))
    return sorted(moments, key=lambda m: m.span_s)


def grown(gains: NDArray[np.float64], taken: NDArray[np.bool_], top: int) -> tuple[int, int]:
    """Return the first and last window around the top that reach four fifths of it."""
    first = last = top
    while first > 0 and not taken[first - 1] and gains[first - 1] >= 0.8 * gains[top]:
        first -= 1
    while last + 1 < len(gains) and not taken[last + 1] and gains[last + 1] >= 0.8 * gains[top]:
        last += 1
    return first, last


def moment(
    table: Ethogram,
    extracted: Extract,
    readings: list[Reading],
    windows: tuple[int, int],
    state: int,
    gain_nats: float,
) -> Moment:
    """Name the strongest sign of a span."""
    best = max(readings, key=lambda r: gain(contribution(table, r), state))
    middles = extracted.windows.middles_s
    start, end = middles[windows[0]] - WINDOW_S / 2, middles[windows[1]] + WINDOW_S / 2
    name = name_of(table, best)
    why = f"{name} (+{gain_nats:.2f} nats towards {table.classes[state]})"
    return Moment((round(float(start), 2), round(float(end), 2)), why, round(gain_nats, 4))


def name_of(table: Ethogram, reading: Reading) -> str:
    """Return a sign's name for the side on which its value lies."""
    from worker.pipeline.fuse.ethogram import standardised

    sign = table.sign(reading.key)
    low = standardised(table, sign, reading.value) < 0 and "low" in sign.names
    return sign.names["low" if low else "high"]


def timeline_of(
    table: Ethogram, extracted: Extract, rows: NDArray[np.float64]
) -> list[tuple[float, NDArray[np.float64]]]:
    """Return (time, probabilities) per window; one point from the prior for a clip without any."""
    if not len(rows):
        return [(0.0, posterior(table, np.zeros(len(table.classes))))]
    middles = (float(m) for m in extracted.windows.middles_s)
    return list(zip(middles, smoothed(table, rows), strict=True))
