"""Separates the pet from its background: one silhouette a picture, over the square around its box.

The keypoint network's where it sees one, its neighbours' where it does not; GrabCut's inside the
box where no network has looked or it sees the pet nowhere.
"""

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.crop import Square, square_cut, square_of
from worker.pipeline.extract.detect import Box
from worker.pipeline.extract.keypoints import MASK_PX

CUT_PX = 96  # side of the square that GrabCut sees; at 64 px thin legs are lost
MOST_CUTS = 8  # pictures of one clip; the others' silhouettes lie between their neighbours'
ROUNDS = 1  # more cost as much again and gain nothing (docs/signals.md)
CORE = 0.25  # of half the box's sides: the ellipse in its middle that is the pet for sure
LEAST, MOST = 0.15, 0.97  # share of its box that a silhouette of GrabCut's may fill
LEAST_SEEN = 0.05  # and a network's, which takes no ground for a pet
HALF = 127
SPECK = 0.2  # of the largest piece: smaller ones are dropped
ROUNDNESS = 2.5  # of the superellipse that stands in where GrabCut finds no silhouette

Masks = NDArray[np.uint8]
Silhouettes = tuple[Masks, NDArray[np.float32]]  # masks (n, k, k), squares (n, 4) they cover
Each = Callable[[Callable[[int], Masks], Iterable[int]], Iterable[Masks]]


def silhouettes(
    pictures: NDArray[np.uint8],
    boxes: Sequence[Box | None],
    seen: Silhouettes | None = None,
    each: Each = map,
) -> Masks:
    """Return masks (n, 64, 64) uint8 over the square around each box (`crop.square_of`).

    255 is the pet; all 0 where there is no box. `seen`: a network's masks (n, k, k) uint8 over its
    own squares (n, 4). Where it sees nothing that can be a pet its neighbours' silhouettes stand
    in; where it sees none at all, pictures are cut out, by `each` as `map` does, in threads of its
    own if it likes.
    """
    size = (pictures.shape[2], pictures.shape[1])
    masks = np.zeros((len(pictures), MASK_PX, MASK_PX), np.uint8)
    shown = [i for i, box in enumerate(boxes) if box is not None]
    laid = [i for i in shown if seen and lay(masks[i], seen[0][i], seen[1][i], boxes[i], size)]
    if laid or not shown:
        return between(masks, shown, laid)
    chosen = [shown[k] for k in spread(len(shown), MOST_CUTS)]

    def cut(i: int) -> Masks:
        box = boxes[i]
        assert box is not None
        return cut_out(pictures[i], box)

    masks[chosen] = np.stack(list(each(cut, chosen)))
    return between(masks, shown, chosen)


def lay(
    onto: Masks, mask: Masks, square: NDArray[np.float32], box: Box | None, size: tuple[int, int]
) -> bool:
    """Lay a network's mask over the square around a box, if it can be the pet; tell whether."""
    if box is None or not mask.any():
        return False
    found = resampled(mask, square, square_of(box, size), MASK_PX)
    across, down = placed(box, size, MASK_PX)
    inside = (np.abs(across) <= 1) & (np.abs(down[:, None]) <= 1)
    if not inside.any() or not LEAST_SEEN <= (found[inside] > HALF).mean() <= MOST:
        return False
    onto[:] = found
    return True


def spread(count: int, most: int) -> list[int]:
    """Return up to `most` evenly spread indices below `count`, first and last among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def between(masks: Masks, known: list[int], chosen: list[int]) -> Masks:
    """Blend the silhouettes of pictures that have none of their own from those of their neighbours
    among `chosen`; a square moves with its box."""
    at = np.array(chosen, float)
    for i in known:
        if i not in chosen:
            after = int(np.searchsorted(at, i))
            j, k = chosen[max(after - 1, 0)], chosen[min(after, len(chosen) - 1)]
            share = (i - j) / (k - j) if k > j else 0.0
            masks[i] = cv2.addWeighted(masks[j], 1 - share, masks[k], share, 0)
    return masks


def resampled(mask: Masks, square: NDArray[np.float32], target: Square, side_px: int) -> Masks:
    """Return a mask (r, c) over one rectangle as (side, side) over another; 0 outside its own."""
    rows, columns = mask.shape
    at = np.array(target, float)
    steps = (np.arange(side_px) + 0.5) / side_px
    x = (at[0] + steps * (at[2] - at[0]) - square[0]) / (square[2] - square[0]) * columns - 0.5
    y = (at[1] + steps * (at[3] - at[1]) - square[1]) / (square[3] - square[1]) * rows - 0.5
    across, down = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return np.asarray(cv2.remap(mask, across, down, cv2.INTER_LINEAR), np.uint8)


def cut_out(picture: NDArray[np.uint8], box: Box) -> Masks:
    """Return one silhouette (64, 64) uint8 over the square around a box.

    GrabCut (Rother et al. 2004): colours outside the box are background's, those inside the pet's
    until they prove otherwise. Where the result cannot be, a rounded box stands in.
    """
    cut = square_cut(picture, box, CUT_PX)
    across, down = placed(box, (picture.shape[1], picture.shape[0]), CUT_PX)
    inside = (np.abs(across) <= 1) & (np.abs(down[:, None]) <= 1)
    stand_in = np.abs(across) ** ROUNDNESS + np.abs(down[:, None]) ** ROUNDNESS <= 1
    start = first_guess(inside, across**2 + down[:, None] ** 2 <= CORE**2)
    rows, columns = shown(across, down)
    found = np.zeros_like(start)
    if (start[rows, columns] == cv2.GC_BGD).any() and (start == cv2.GC_PR_FGD).any():
        found[rows, columns] = grab(cut[rows, columns], start[rows, columns])
    share = found[inside].mean() if inside.any() else 0.0
    kept = largest(found) if LEAST <= share <= MOST else stand_in.astype(np.uint8)
    return np.asarray(
        cv2.resize(kept * np.uint8(255), (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
    )


def placed(
    box: Box, size: tuple[int, int], side_px: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the square's columns and rows (side,) in half box sides from the box's middle."""
    x0, y0, x1, y1 = square_of(box, size)
    steps = (np.arange(side_px) + 0.5) / side_px
    half = max((box[2] - box[0]) / 2, 1e-3), max((box[3] - box[1]) / 2, 1e-3)
    across = (x0 + steps * (x1 - x0) - (box[0] + box[2]) / 2) / half[0]
    down = (y0 + steps * (y1 - y0) - (box[1] + box[3]) / 2) / half[1]
    return across, down


def shown(across: NDArray[np.float64], down: NDArray[np.float64]) -> tuple[slice, slice]:
    """Return the rows and columns around the box that are worth looking at: a margin of 30 %."""
    edges = [np.flatnonzero(np.abs(axis) <= 1.3) for axis in (down, across)]
    rows, columns = (slice(int(e[0]), int(e[-1]) + 1) if len(e) else slice(0, 0) for e in edges)
    return rows, columns


def first_guess(inside: NDArray[np.bool_], core: NDArray[np.bool_]) -> Masks:
    """Return GrabCut's labels to start from: the box, and the pet in its middle."""
    start = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD)
    start[core] = cv2.GC_FGD
    return start.astype(np.uint8)


def grab(cut: NDArray[np.uint8], start: Masks) -> Masks:
    """Return 1 where GrabCut sees the pet."""
    cv2.setRNGSeed(0)  # its colour models start from random clusters: same clip, same answer
    back, pet = np.zeros((1, 65)), np.zeros((1, 65))
    image, whole = np.ascontiguousarray(cut), (0, 0, 1, 1)  # the rectangle is not used
    labels, _, _ = cv2.grabCut(image, start.copy(), whole, back, pet, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)


def largest(found: Masks) -> Masks:
    """Drop pieces of less than a fifth of the largest one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    if count < 2:
        return found
    sizes = stats[:, cv2.CC_STAT_AREA].copy()
    sizes[0] = 0
    return np.asarray(np.isin(labels, np.flatnonzero(sizes >= SPECK * sizes.max())), np.uint8)
