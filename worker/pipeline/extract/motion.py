"""Measures how the pet moves apart from the camera, in body lengths a second."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.flow import BLOCK_PX, Flow, steady
from worker.pipeline.extract.guess import centre_prior
from worker.pipeline.extract.outline import Outline, body_length, boxes_at, shares_at
from worker.pipeline.extract.travel import Shifts, against

MAX_STEP_S = 0.5


@dataclass(frozen=True, slots=True)
class Motion:
    """The movement series of the analysed span, one value per step of the grey stream.

    times_s (t,) middle of a step; energy (t,) residual speed of the pet in body lengths/s;
    travel (t, 2) its body's velocity in body lengths/s; field (t, rows, columns, 2) residual
    velocity of each block in body lengths/s; weight (rows, columns) how much of the pet's
    box a block holds; camera_speed (t,) in picture widths/s; fit 0..1 share of
    background that obeys the fit; noise: median residual speed of the background in body lengths/s.
    """

    times_s: NDArray[np.float64]
    energy: NDArray[np.float32]
    travel: NDArray[np.float32]
    field: NDArray[np.float32]
    weight: NDArray[np.float32]
    camera_speed: NDArray[np.float32]
    fit: float
    fps: float
    noise: float


def measure_motion(
    flow: Flow,
    times_s: NDArray[np.float64],
    outline: Outline,
    body: Callable[[], Shifts | None],
) -> Motion:
    """Measure movement from the flow between frames at times (m,).

    `body` tells how the body shifted and is asked last: it may still be followed meanwhile.
    Without a known pet a centre prior and half the picture stand in for it and its length.
    """
    steps = np.diff(times_s)
    middles = times_s[:-1] + steps / 2
    _, rows, columns = flow.texture.shape
    pet, around = pet_weights(outline, middles, (rows, columns))
    background = flow.texture * (1 - around) ** 2
    steadied = steady(flow.blocks, background)
    per_s = (1 / np.clip(steps, 1e-3, MAX_STEP_S)).astype(np.float32)
    length_px = length_of(outline, flow)
    scale = (per_s / np.float32(length_px))[:, None, None, None]
    field = steadied.residual * scale
    speed = np.hypot(field[..., 0], field[..., 1])
    shown = pet * flow.texture
    noise = weighted(speed, background)
    energy = weighted(speed, shown)
    inside = np.stack([weighted(field[..., k], shown) for k in (0, 1)], axis=1)
    camera = (flow.blocks - steadied.residual) * per_s[:, None, None, None]
    return Motion(
        times_s=middles,
        energy=np.asarray(energy - np.minimum(noise, energy / 2), np.float32),
        travel=travel_of(body(), camera, middles, inside, length_px),
        field=field,
        weight=around.mean(axis=0),
        camera_speed=steadied.camera_px * per_s / np.float32(flow.width_px),
        fit=round(steadied.fit, 4),
        fps=round(float(1 / np.median(steps)), 3),
        noise=round(float(np.median(noise)), 5),
    )


def travel_of(
    body: Shifts | None,
    camera: NDArray[np.float32],
    middles_s: NDArray[np.float64],
    inside: NDArray[np.float32],
    length_px: float,
) -> NDArray[np.float32]:
    """Return the body's velocity (t, 2) in body lengths/s; the mean flow `inside` the pet where its
    body is not known or never found again."""
    if body is None:
        return inside
    moved = against(body, camera, middles_s)
    return inside if np.isnan(moved).any() else moved / np.float32(length_px)


def pet_weights(
    outline: Outline, times_s: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how much of the pet each block holds at moments (t,), and how much of its box.

    Both (t, rows, columns), 0..1. The box counts for what is no background: a swinging tail leaves
    its silhouette.
    """
    if not outline.known:
        prior = np.broadcast_to(centre_prior(shape), (len(times_s), *shape))
        return prior, prior
    rows, columns = shape
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    x0, y0, x1, y1 = (edge[:, None] for edge in boxes_at(outline, times_s).T)
    across = np.clip(np.minimum(x - x0, x1 - x) * columns + 0.5, 0, 1)  # (t, columns)
    down = np.clip(np.minimum(y - y0, y1 - y) * rows + 0.5, 0, 1)  # (t, rows)
    box = np.asarray(down[:, :, None] * across[:, None, :], np.float32)
    return shares_at(outline, times_s, shape), box


def length_of(outline: Outline, flow: Flow) -> float:
    """Return the body's length in flow pixels; half the picture where the pet is not known."""
    if not outline.known:
        rows, columns = flow.texture.shape[1:]
        return BLOCK_PX * float(max(rows, columns)) / 2
    return max(4.0, body_length(outline) * flow.width_px)


def weighted(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weighted mean over the blocks of each step; 0 where no block counts."""
    total = weight.sum(axis=(1, 2))
    mean = np.zeros(len(total), np.float32)
    np.divide((values * weight).sum(axis=(1, 2)), total, out=mean, where=total > 1e-3)
    return mean
