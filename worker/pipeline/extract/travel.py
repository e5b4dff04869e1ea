"""Measures how the body as a whole moves: its upper part is found again 2/15 of a second later.

Flow inside a silhouette is slower than the animal: at its edge it mixes with the background, and a
plain coat has none. The outline itself is what tells.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.outline import Outline, boxes_at, shares_at

STEP_S = 2 / 15
ASIDE = 0.1  # of the box's width that is left out at each side: nose and tail
UPPER = 0.7  # of its height: below it are legs, which go their own ways
SEARCH = 0.5  # of the pattern's width, to each side: nearly four body lengths a second
MIN_SEARCH_PX = 6
WIDENED_PX = 3  # a strip of background around the silhouette makes its edge part of the pattern
MIN_LIKENESS = 0.4  # normalised correlation
MIN_SIDE_PX, MIN_PET_PX = 5, 20
TOGETHER = 64  # steps whose silhouettes are held at once
LEAST_VARIANCE = 0.25  # grey levels squared; what is plainer is like nothing

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shifts:
    """The body's shift (t, 2) in grey pixels over steps of `steps_s` (t,) at times (t,), and where
    in the picture (t, 2) as shares; NaN where the pattern was not found again."""

    px: NDArray[np.float64]
    times_s: NDArray[np.float64]
    steps_s: NDArray[np.float64]
    places: NDArray[np.float64]


def follow_body(
    grey: NDArray[np.uint8], times_s: NDArray[np.float64], outline: Outline
) -> Shifts | None:
    """Follow the body through grey (m, h, w) uint8; the camera's movement is still in it.

    None where the pet is not known.
    """
    if not outline.known:
        return None
    every = max(1, round(STEP_S / float(np.median(np.diff(times_s)))))
    chosen, at = grey[::every], times_s[::every]
    if len(chosen) < 2:
        chosen, at = grey[[0, -1]], times_s[[0, -1]]
    boxes = boxes_at(outline, at[:-1])
    px = np.concatenate(
        [
            shifts_of(chosen[k:], at[k : min(k + TOGETHER, len(boxes))], boxes[k:], outline)
            for k in range(0, len(boxes), TOGETHER)
        ]
    )
    middle = np.stack(
        [(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 1] + (boxes[:, 3] - boxes[:, 1]) * UPPER / 2], 1
    )
    return Shifts(px, (at[:-1] + at[1:]) / 2, np.diff(at), middle)


def shifts_of(
    grey: NDArray[np.uint8],
    times_s: NDArray[np.float64],
    boxes: NDArray[np.float64],
    outline: Outline,
) -> NDArray[np.float64]:
    """Return the body's shifts (t, 2) from the frames at some times to the ones after them."""
    pets = shares_at(outline, times_s, (grey.shape[1], grey.shape[2]))
    steps = zip(grey, grey[1:], boxes, pets, strict=False)
    return np.array([shift(before, after, box, pet) for before, after, box, pet in steps])


def shift(
    before: NDArray[np.uint8], after: NDArray[np.uint8], box: NDArray[np.float64], pet: Field
) -> tuple[float, float]:
    """Return how far (x, y px) the upper body has moved, NaN where it is not found again."""
    lost = (float("nan"), float("nan"))
    height, width = before.shape
    across, down = box[2] - box[0], box[3] - box[1]
    x0, x1 = within(box[0] + ASIDE * across, box[2] - ASIDE * across, width)
    y0, y1 = within(box[1], box[1] + UPPER * down, height)
    wide = cv2.dilate(pet[y0:y1, x0:x1], np.ones((WIDENED_PX, WIDENED_PX), np.uint8))
    if min(x1 - x0, y1 - y0) < MIN_SIDE_PX or float((wide > 0.5).sum()) < MIN_PET_PX:
        return lost
    room = max(MIN_SEARCH_PX, round(SEARCH * (x1 - x0)))
    left, top = max(0, x0 - room), max(0, y0 - room)
    around = after[top : y1 + room, left : x1 + room].astype(np.float32)
    likeness = likeness_of(
        around, before[y0:y1, x0:x1].astype(np.float32), (wide > 0.5).astype(np.float32)
    )
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    if best < MIN_LIKENESS:
        return lost
    aside, below = top_of(likeness[y, :], x), top_of(likeness[:, x], y)
    return left + x + aside - x0, top + y + below - y0


def likeness_of(around: Field, pattern: Field, mask: Field) -> Field:
    """Return the normalised correlation of a pattern with each place, where a mask (0, 1) is 1.

    As OpenCV's TM_CCOEFF_NORMED with a mask, which takes nearly twice as long.
    """
    level, pixels = around - around.mean(), float(mask.sum())
    own = (pattern - float((pattern * mask).sum()) / pixels) * mask
    product, total, squares = (
        cv2.matchTemplate(image, kernel, cv2.TM_CCORR)
        for image, kernel in ((level, own), (level, mask), (level * level, mask))
    )
    spread = np.maximum(squares - total * total / pixels, LEAST_VARIANCE * pixels)
    strength = float(np.sqrt((own * own).sum())) + 1e-6
    return np.asarray(product / (np.sqrt(spread) * strength), np.float32)


def within(first: float, last: float, length: int) -> tuple[int, int]:
    """Return two shares of a length in whole pixels inside it."""
    return round(length * min(1.0, max(0.0, first))), round(length * min(1.0, max(0.0, last)))


def top_of(values: NDArray[np.generic], at: int) -> float:
    """Return how far a peak lies from its highest sample, by a parabola, -0.5..0.5."""
    if not 0 < at < len(values) - 1:
        return 0.0
    a, b, c = (float(v) for v in values[at - 1 : at + 2])
    bend = a - 2 * b + c
    return float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def against(shifts: Shifts, camera: NDArray[np.float32], times_s: NDArray[np.float64]) -> Field:
    """Return the body's velocity (len(times_s), 2) in grey pixels a second against the scene.

    camera (t, rows, columns, 2): its own flow of each block in grey pixels a second, at `times_s`.
    """
    _, rows, columns, _ = camera.shape
    r = np.clip((shifts.places[:, 1] * rows).astype(int), 0, rows - 1)
    c = np.clip((shifts.places[:, 0] * columns).astype(int), 0, columns - 1)
    own = np.empty_like(shifts.px)
    for k, (time_s, step_s) in enumerate(zip(shifts.times_s, shifts.steps_s, strict=True)):
        inside = np.abs(times_s - time_s) <= step_s / 2
        mean = camera[inside, r[k], c[k]].mean(axis=0) if inside.any() else 0.0
        own[k] = shifts.px[k] / step_s - mean
    found = np.isfinite(own[:, 0])
    if not found.any():
        return np.full((len(times_s), 2), np.nan, np.float32)
    return np.stack(
        [np.interp(times_s, shifts.times_s[found], own[found, k]) for k in (0, 1)], axis=1
    ).astype(np.float32)
