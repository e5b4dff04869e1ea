"""Lays the pet's silhouettes over other grids and moments than the pictures they came from."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.crop import square_of
from worker.pipeline.extract.detect import Box

Array = NDArray[np.float32]

# A body is as long as this many of each, from nose to tail base: medians over 75 generated clips of
# seven programmes (spread 20 to 30 % each); their median is taken, so that one may be far off.
LENGTHS_A_SPREAD = 3.69  # of the silhouette along its longer axis, its legs and tail worn away
LENGTHS_A_ROOT = 1.77  # of the square root of that area
LENGTHS_A_SIDE = 0.72  # of the box's longer side
WORN_PX = 7
LEAST_AREA = 20


@dataclass(frozen=True, slots=True)
class Outline:
    """The pet in n pictures of a (width, height): boxes, masks (n, k, k) uint8 over their squares,
    and when (n,) in seconds. Boxes are None and masks 0 where nothing is known."""

    boxes: tuple[Box | None, ...]
    masks: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    size: tuple[int, int]

    @property
    def known(self) -> list[int]:
        """Indices of the pictures in which the pet is known."""
        return [i for i, b in enumerate(self.boxes) if b is not None and self.masks[i].any()]


def boxes_at(outline: Outline, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the box at moments (t,) as shares (t, 4); the ends keep the nearest one."""
    known = outline.known
    at = outline.times_s[known]
    edges = np.array([outline.boxes[i] for i in known], float)
    return np.stack([np.interp(times_s, at, edges[:, k]) for k in range(4)], axis=1)


def shares_at(outline: Outline, times_s: NDArray[np.float64], shape: tuple[int, int]) -> Array:
    """Return how much of the pet each cell of a (rows, columns) grid holds at moments (t,), 0..1.

    Silhouettes move with their squares between two pictures' moments.
    """
    known = outline.known
    at = outline.times_s[known]
    sides = np.array([square_of_known(outline, i) for i in known])
    squares = np.stack([np.interp(times_s, at, sides[:, k]) for k in range(4)], axis=1)
    after = np.clip(np.searchsorted(at, times_s), 0, len(at) - 1)
    before = np.maximum(after - 1, 0)
    gap = np.maximum(at[after] - at[before], 1e-6)
    share = np.clip((times_s - at[before]) / gap, 0, 1)
    grids = np.empty((len(times_s), *shape), np.float32)
    for t, (i, j) in enumerate(zip(before, after, strict=True)):
        masks = outline.masks[known[i]], outline.masks[known[j]]
        blended = cv2.addWeighted(masks[0], 1 - float(share[t]), masks[1], float(share[t]), 0)
        grids[t] = laid(np.asarray(blended, np.uint8), squares[t], shape)
    return grids


def square_of_known(outline: Outline, i: int) -> tuple[float, float, float, float]:
    """Return the square of a picture whose box is known."""
    box = outline.boxes[i]
    assert box is not None
    return square_of(box, outline.size)


def laid(mask: NDArray[np.uint8], square: NDArray[np.float64], shape: tuple[int, int]) -> Array:
    """Return a mask over a square as shares of the cells of a grid over the whole picture."""
    rows, columns = shape
    across = columns * (square[2] - square[0]) / len(mask)  # cells a pixel of the mask
    down = rows * (square[3] - square[1]) / len(mask)
    fine = max(1, round(1 / max(across, down, 1e-3)))  # so that none of its pixels is jumped over
    move = np.array(
        [
            [across * fine, 0, (columns * square[0] + across / 2) * fine - 0.5],
            [0, down * fine, (rows * square[1] + down / 2) * fine - 0.5],
        ]
    )
    large = cv2.warpAffine(mask, move, (columns * fine, rows * fine))
    cells = cv2.resize(large, (columns, rows), interpolation=cv2.INTER_AREA)
    return cells.astype(np.float32) / np.float32(255)


def body_length(outline: Outline) -> float:
    """Return the body's length, nose to tail base, in shares of the picture's width.

    The median over the pictures of the median of three estimates; see the constants.
    """
    lengths = [length_in(outline, i) for i in outline.known]
    return max(0.02, float(np.median(lengths)))


def length_in(outline: Outline, i: int) -> float:
    """Return one picture's estimate of the body's length, in shares of the picture's width."""
    box, square = outline.boxes[i], square_of_known(outline, i)
    assert box is not None
    height = outline.size[1] / outline.size[0]
    side = max(box[2] - box[0], (box[3] - box[1]) * height) * LENGTHS_A_SIDE
    worn = cv2.morphologyEx(outline.masks[i], cv2.MORPH_OPEN, np.ones((WORN_PX, WORN_PX), np.uint8))
    rows, columns = np.nonzero(worn > 127)
    if len(rows) < LEAST_AREA:
        return side
    pixel = (square[2] - square[0]) / len(worn)
    spread = float(np.sqrt(np.linalg.eigvalsh(np.cov(columns, rows))[1])) * pixel
    root = float(np.sqrt(len(rows))) * pixel
    return float(np.median([side, spread * LENGTHS_A_SPREAD, root * LENGTHS_A_ROOT]))
