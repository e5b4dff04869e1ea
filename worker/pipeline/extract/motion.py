"""Measures how the pet moves apart from the camera, in body lengths a second."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import Box
from worker.pipeline.extract.flow import Flow, flow_size, steady

MAX_STEP_S = 0.5
CENTRE_WIDTH = 0.33  # of the picture: the centre prior where no box is known


@dataclass(frozen=True, slots=True)
class Motion:
    """The movement series of the analysed span, one value per step of the grey stream.

    times_s (t,) middle of a step; energy (t,) residual speed of the pet in body lengths/s;
    travel (t, 2) its coherent velocity in body lengths/s; field (t, rows, columns, 2) residual
    velocity of each block in body lengths/s; weight (rows, columns) how much of the pet a block
    holds; camera_speed (t,) in picture widths/s; fit 0..1 share of background that obeys the fit;
    noise: median residual speed of the background in body lengths/s.
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
    size: tuple[int, int],
    times_s: NDArray[np.float64],
    boxes: Sequence[Box | None],
    box_times_s: NDArray[np.float64],
) -> Motion:
    """Measure movement from the flow of m pictures of a (width, height) at times (m,).

    Boxes are shares of the picture; without any a centre prior stands in for the pet.
    """
    steps = np.diff(times_s)
    middles = times_s[:-1] + steps / 2
    pet = pet_weight(flow.texture.shape, boxes, box_times_s, middles)
    background = flow.texture * (1 - pet) ** 2
    steadied = steady(flow.blocks, background)
    per_s = (1 / np.clip(steps, 1e-3, MAX_STEP_S)).astype(np.float32)
    scale = per_s / np.float32(body_length(boxes, size))
    field = steadied.residual * scale[:, None, None, None]
    speed = np.hypot(field[..., 0], field[..., 1])
    shown = pet * flow.texture
    noise = weighted(speed, background)
    energy = weighted(speed, shown)
    return Motion(
        times_s=middles,
        energy=np.asarray(energy - np.minimum(noise, energy / 2), np.float32),
        travel=np.stack([weighted(field[..., k], shown) for k in (0, 1)], axis=1),
        field=field,
        weight=pet.mean(axis=0),
        camera_speed=steadied.camera_px * per_s / np.float32(flow.width_px),
        fit=round(steadied.fit, 4),
        fps=round(float(1 / np.median(steps)), 3),
        noise=round(float(np.median(noise)), 5),
    )


def pet_weight(
    shape: tuple[int, ...],
    boxes: Sequence[Box | None],
    box_times_s: NDArray[np.float64],
    times_s: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return per step how much each block belongs to the pet, 0..1 (t, rows, columns)."""
    _, rows, columns = shape
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    known = [(t, b) for t, b in zip(box_times_s, boxes, strict=True) if b is not None]
    if not known:
        far = ((y[:, None] - 0.5) ** 2 + (x - 0.5) ** 2) / (2 * CENTRE_WIDTH**2)
        return np.broadcast_to(np.exp(-far), shape).astype(np.float32)
    at = np.array([t for t, _ in known])
    edges = np.array([b for _, b in known])
    x0, y0, x1, y1 = (np.interp(times_s, at, edges[:, k])[:, None] for k in range(4))
    across = np.clip(np.minimum(x - x0, x1 - x) * columns + 0.5, 0, 1)  # (t, columns)
    down = np.clip(np.minimum(y - y0, y1 - y) * rows + 0.5, 0, 1)  # (t, rows)
    return np.asarray(down[:, :, None] * across[:, None, :], np.float32)


def body_length(boxes: Sequence[Box | None], size: tuple[int, int]) -> float:
    """Return the median longer side of the box in flow pixels; half the picture if unknown."""
    across, down = flow_size(*size)
    sides = [max((b[2] - b[0]) * across, (b[3] - b[1]) * down) for b in boxes if b is not None]
    return max(4.0, float(np.median(sides))) if sides else max(across, down) / 2


def weighted(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weighted mean over the blocks of each step; 0 where no block counts."""
    total = weight.sum(axis=(1, 2))
    mean = np.zeros(len(total), np.float32)
    np.divide((values * weight).sum(axis=(1, 2)), total, out=mean, where=total > 1e-3)
    return mean
