"""Says where a pet may be when no detector can look: where something moves, near the middle.

What lies there is unverified; a cushion that falls is found as well as a cat.
"""

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import Box, as_box
from worker.pipeline.extract.flow import Flow, steady

CENTRE_WIDTH = 0.33  # of the picture: standard deviation of the centre prior
AROUND_S = 1.0  # movement this long before and after a picture counts for it
MOVEMENT = 0.7  # of what is known; the rest is the centre prior
REACH = 1.6  # standard deviations to each side
LEAST_SIDE = 0.3  # of the picture
MIN_STEP_PX = 0.08  # mean residual a step below which nothing moves


def guess_boxes(
    flow: Flow, flow_times_s: NDArray[np.float64], times_s: NDArray[np.float64]
) -> tuple[Box, ...]:
    """Return one box a picture from flow (t, rows, columns, 2) at its steps' times (t,).

    The camera's movement is taken out as far as the picture's border shows it.
    """
    prior = centre_prior(flow.texture.shape[1:])
    residual = steady(flow.blocks, flow.texture * (1 - prior) ** 2).residual
    speed = np.hypot(residual[..., 0], residual[..., 1]) * flow.texture * prior  # (t, r, c)
    heats = [around(speed, flow_times_s, t) for t in times_s]
    return tuple(box_of(heat, prior) for heat in heats)


def centre_prior(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return how likely each block is the pet's when nothing is known: 1 in the middle."""
    rows, columns = shape
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    far = ((y[:, None] - 0.5) ** 2 + (x - 0.5) ** 2) / (2 * CENTRE_WIDTH**2)
    return np.exp(-far).astype(np.float32)


def around(
    speed: NDArray[np.float32], speed_times_s: NDArray[np.float64], time_s: float
) -> NDArray[np.float32]:
    """Return the mean movement around a moment, what half of the picture has taken off."""
    near = np.abs(speed_times_s - time_s) <= AROUND_S
    heat = speed[near].mean(axis=0) if near.any() else np.zeros(speed.shape[1:], np.float32)
    return np.asarray(np.maximum(heat - max(MIN_STEP_PX, float(np.median(heat))), 0), np.float32)


def box_of(heat: NDArray[np.float32], prior: NDArray[np.float32]) -> Box:
    """Return the box around the middle of movement and centre prior."""
    rows, columns = heat.shape
    moving = heat / heat.sum() if heat.any() else np.zeros_like(heat)
    weight = MOVEMENT * moving + (1 - MOVEMENT * float(heat.any())) * prior / prior.sum()
    weight /= weight.sum()
    edges: list[tuple[float, float]] = []
    for axis, n in ((0, columns), (1, rows)):
        share = weight.sum(axis=axis)
        places = (np.arange(n) + 0.5) / n
        middle = float((share * places).sum())
        spread = float(np.sqrt((share * (places - middle) ** 2).sum()))
        half = max(REACH * spread, LEAST_SIDE / 2)
        edges.append((max(0.0, middle - half), min(1.0, middle + half)))
    (x0, x1), (y0, y1) = edges
    return as_box(np.array([x0, y0, x1, y1]))
