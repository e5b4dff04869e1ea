"""Why it was decided so: which modality, which seconds, and where the state changed.

A modality's part is its exact Shapley value, with missing as the baseline: the ethogram is a sum,
so its part is that sum's; a network is asked about every subset. Seconds are found by leaving them
out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.encode import Encoding
from worker.pipeline.extract import Extract
from worker.pipeline.extract.windows import WINDOW_S
from worker.pipeline.fuse import learned
from worker.pipeline.fuse.decide import Case, Nats
from worker.pipeline.fuse.ethogram import Reading, contribution, evidence, gain, name_of
from worker.pipeline.fuse.occlude import Mask, occluded
from worker.pipeline.fuse.signs import read_signs

MAX_MOMENTS = 3
MIN_MOMENT_NATS = 0.05  # what leaving it out must cost the answer
NEAR_TOP = 0.8  # of the top's cost: neighbours that belong to the same moment
SPOT_WINDOWS = 2  # left out at once: a second and a half
MIN_ODDS = 3.0  # of a state over the one before, on each side of a change (notes/pipeline.md 2.5)


@dataclass(frozen=True, slots=True)
class Moment:
    """A span that drove the answer: what leaving it out costs, and the sign behind it."""

    span_s: tuple[float, float]
    why: str
    gain_nats: float


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of the most probable state, and how sure it is: the lower odds of both sides."""

    t_s: float
    before: str
    after: str
    odds: float


def shapley(values: Mapping[frozenset[str], float]) -> dict[str, float]:
    """Return each player's exact Shapley value from the worth of every coalition."""
    players = max(values, key=len)
    return {one: average_gain(values, players, one) for one in sorted(players)}


def average_gain(
    values: Mapping[frozenset[str], float], players: frozenset[str], one: str
) -> float:
    """Return what one player adds, averaged over all orders in which players may join."""
    n = len(players)
    return sum(
        (values[some | {one}] - values[some])
        * math.factorial(len(some))
        * math.factorial(n - len(some) - 1)
        / math.factorial(n)
        for some in values
        if one not in some
    )


def parts(case: Case, state: int) -> dict[str, tuple[float, float]]:
    """Return each modality's Shapley value in nats, and how much it said in all (>= its size)."""
    signed: dict[str, float] = {}
    said: dict[str, float] = {}
    for reading in case.readings:
        modality: str = case.table.sign(reading.key).modality
        nats = case.trust * gain(contribution(case.table, reading), state)
        signed[modality] = signed.get(modality, 0.0) + nats
        said[modality] = said.get(modality, 0.0) + abs(nats)
    if case.learned is not None:
        worth = {some: gain(nats, state) for some, nats in case.learned.parts.items()}
        for modality, nats in shapley(worth).items():
            signed[modality] = signed.get(modality, 0.0) + nats
            said[modality] = said.get(modality, 0.0) + abs(nats)
    return {m: (signed[m], said[m]) for m in signed}


def find_moments(case: Case, extracted: Extract, encoding: Encoding, state: int) -> list[Moment]:
    """Return up to three spans whose absence costs the answer most, in order of time."""
    n = len(extracted.windows.middles_s)
    spots = [spot(n, i, i + SPOT_WINDOWS) for i in range(max(1, n - SPOT_WINDOWS + 1))]
    costs = costs_of(case, extracted, encoding, state, spots)
    taken = np.zeros(len(spots), bool)
    spans: list[tuple[int, int]] = []
    while len(spans) < MAX_MOMENTS:
        left = np.where(taken, -np.inf, costs)
        top = int(left.argmax())
        if left[top] < MIN_MOMENT_NATS:
            break
        first, last = grown(costs, taken, top)
        taken[max(0, first - SPOT_WINDOWS) : last + SPOT_WINDOWS + 1] = True
        spans.append((first, last + SPOT_WINDOWS))
    masks = [spot(n, *span) for span in sorted(spans)]
    whole = costs_of(case, extracted, encoding, state, masks)
    return [
        moment(case, extracted, state, mask, float(cost))
        for mask, cost in zip(masks, whole, strict=True)
        if cost >= MIN_MOMENT_NATS
    ]


def spot(n: int, first: int, end: int) -> Mask:
    """Return a mask over n windows that hides [first, end)."""
    mask = np.zeros(n, bool)
    mask[first:end] = True
    return mask


def costs_of(
    case: Case, extracted: Extract, encoding: Encoding, state: int, masks: list[Mask]
) -> NDArray[np.float64]:
    """Return what leaving out the windows of each mask takes from the answer, in nats."""
    network: Nats | None = None
    whole = None
    if case.learned is not None:
        network = learned.without(case.bundle, case.learned, extracted, encoding, masks)
        whole = case.learned.added
    before = gain(case.added(evidence(case.table, case.readings), whole), state)
    costs = []
    for i, mask in enumerate(masks):
        signs = evidence(case.table, readings_without(case, extracted, mask))
        after = case.added(signs, None if network is None else network[i])
        costs.append(before - gain(after, state))
    return np.array(costs)


def readings_without(case: Case, extracted: Extract, mask: Mask) -> list[Reading]:
    """Return the signs read without the windows that a mask hides; none where they do not count."""
    if case.trust == 0:
        return []
    return read_signs(case.table, occluded(extracted, mask))[0]


def grown(costs: NDArray[np.float64], taken: Mask, top: int) -> tuple[int, int]:
    """Return the first and last spot around the top that reach four fifths of it."""
    first = last = top
    while first > 0 and not taken[first - 1] and costs[first - 1] >= NEAR_TOP * costs[top]:
        first -= 1
    while (
        last + 1 < len(costs) and not taken[last + 1] and costs[last + 1] >= NEAR_TOP * costs[top]
    ):
        last += 1
    return first, last


def moment(case: Case, extracted: Extract, state: int, mask: Mask, cost: float) -> Moment:
    """Name a span and the sign that is lost most without it."""
    middles = extracted.windows.middles_s[mask]
    span = (round(float(middles[0]) - WINDOW_S / 2, 2), round(float(middles[-1]) + WINDOW_S / 2, 2))
    name = lost_most(case, extracted, state, mask, cost)
    why = f"{name} (+{cost:.2f} nats towards {case.table.classes[state]})"
    return Moment(span, why, round(cost, 4))


def lost_most(case: Case, extracted: Extract, state: int, mask: Mask, cost: float) -> str:
    """Return the name of the sign whose absence costs most, or that the network alone saw it."""
    after = {r.key: r for r in readings_without(case, extracted, mask)}
    losses = {}
    for reading in case.readings if case.trust else []:
        now = gain(contribution(case.table, reading), state)
        later = (
            gain(contribution(case.table, after[reading.key]), state)
            if reading.key in after
            else 0.0
        )
        losses[reading.key] = case.trust * (now - later)
    top = max(losses, key=lambda key: losses[key], default=None)
    if top is None or (case.learned is not None and losses[top] < cost / 2):
        return "what the network saw and heard"
    return name_of(case.table, next(r for r in case.readings if r.key == top))


def transitions(
    classes: tuple[str, ...], times_s: NDArray[np.float64], chances: Nats
) -> list[Transition]:
    """Return the changes of state that the smoothed probabilities (n, 5) support on both sides."""
    found: list[Transition] = []
    states = chances.argmax(axis=1)
    edges = [0, *(np.flatnonzero(np.diff(states)) + 1), len(states)]
    for start, change, end in zip(edges, edges[1:], edges[2:], strict=False):
        old, new = int(states[start]), int(states[change])
        was = float((chances[start:change, old] / chances[start:change, new]).max())
        became = float((chances[change:end, new] / chances[change:end, old]).max())
        if min(was, became) >= MIN_ODDS:
            t_s = round(float(times_s[change - 1] + times_s[change]) / 2, 2)
            odds = round(min(was, became), 2)
            found.append(Transition(t_s, classes[old], classes[new], odds))
    return found
