"""Separates the pet from its background: one silhouette a picture, by GrabCut inside its box.

A network's silhouettes, where there is one, are where GrabCut starts and the box is not.
"""

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.crop import Square, square_cut, square_of
from worker.pipeline.extract.detect import Box

MASK_PX = 64  # as `keypoints.MASK_PX`: a silhouette's side, over the square around the box
CUT_PX = 96  # side of the square that GrabCut sees; at 64 px thin legs are lost
MOST_CUTS = 8  # pictures of one clip; the others' silhouettes lie between their neighbours'
ROUNDS = 1  # more cost as much again and gain nothing (docs/signals.md)
SURE_BACK, SURE_PET = 0.1, 0.9  # a network's probabilities that are not to be argued with
CORE = 0.25  # of half the box's sides: the ellipse in its middle that is the pet for sure
LEAST, MOST = 0.15, 0.97  # share of its box that a silhouette may fill
SPECK = 0.2  # of the largest piece: smaller ones are dropped
ROUNDNESS = 2.5  # of the superellipse that stands in where GrabCut finds no silhouette

Masks = NDArray[np.uint8]
Silhouettes = tuple[Masks, NDArray[np.float32]]  # masks (n, k, k), squares (n, 4) they cover
Each = Callable[[Callable[[int], Masks], Iterable[int]], Iterable[Masks]]


def silhouettes(
    pictures: NDArray[np.uint8],
    boxes: Sequence[Box | None],
    prior: Silhouettes | None = None,
    each: Each = map,
) -> Masks:
    """Return masks (n, 64, 64) uint8 over the square around each box (`crop.square_of`).

    255 is the pet; all 0 where there is no box. `prior`: a network's masks (n, k, k) uint8 over
    its own squares (n, 4), rows of zeros where it says nothing. `each` cuts as `map` does, in
    threads of its own if it likes.
    """
    masks = np.zeros((len(pictures), MASK_PX, MASK_PX), np.uint8)
    known = [i for i, b in enumerate(boxes) if b is not None]
    if not known:
        return masks
    chosen = [known[k] for k in spread(len(known), MOST_CUTS)]

    def cut(i: int) -> Masks:
        box = boxes[i]
        assert box is not None
        return cut_out(pictures[i], box, prior_of(prior, i, box, pictures[i]))

    masks[chosen] = np.stack(list(each(cut, chosen)))
    if prior is None:
        return between(masks, known, chosen)
    for i in set(known) - set(chosen):  # the network saw these; a blend of neighbours did not
        box = boxes[i]
        assert box is not None
        target = square_of(box, (pictures.shape[2], pictures.shape[1]))
        masks[i] = resampled(prior[0][i], prior[1][i], target, MASK_PX)
    return masks


def spread(count: int, most: int) -> list[int]:
    """Return up to `most` evenly spread indices below `count`, first and last among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def between(masks: Masks, known: list[int], chosen: list[int]) -> Masks:
    """Blend the silhouettes of pictures that were not cut out; a square moves with its box."""
    at = np.array(chosen, float)
    for i in known:
        if i not in chosen:
            after = int(np.searchsorted(at, i))
            j, k = chosen[after - 1], chosen[after]
            share = (i - j) / (k - j)
            masks[i] = cv2.addWeighted(masks[j], 1 - share, masks[k], share, 0)
    return masks


def prior_of(
    prior: Silhouettes | None, i: int, box: Box, picture: NDArray[np.uint8]
) -> Masks | None:
    """Return a network's mask of one picture (96, 96) over the box's square, None without one."""
    if prior is None or not prior[0][i].any():
        return None
    target = square_of(box, (picture.shape[1], picture.shape[0]))
    return resampled(prior[0][i], prior[1][i], target, CUT_PX)


def resampled(mask: Masks, square: NDArray[np.float32], target: Square, side_px: int) -> Masks:
    """Return a mask (r, c) over one rectangle as (side, side) over another; 0 outside its own."""
    rows, columns = mask.shape
    at = np.array(target, float)
    steps = (np.arange(side_px) + 0.5) / side_px
    x = (at[0] + steps * (at[2] - at[0]) - square[0]) / (square[2] - square[0]) * columns - 0.5
    y = (at[1] + steps * (at[3] - at[1]) - square[1]) / (square[3] - square[1]) * rows - 0.5
    across, down = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return np.asarray(cv2.remap(mask, across, down, cv2.INTER_LINEAR), np.uint8)


def cut_out(picture: NDArray[np.uint8], box: Box, prior: Masks | None = None) -> Masks:
    """Return one silhouette (64, 64) uint8 over the square around a box.

    GrabCut (Rother et al. 2004): colours outside the box are background's, those inside the pet's
    until they prove otherwise. Where the result cannot be, a rounded box stands in.
    """
    cut = square_cut(picture, box, CUT_PX)
    across, down = placed(box, (picture.shape[1], picture.shape[0]))
    inside = (np.abs(across) <= 1) & (np.abs(down[:, None]) <= 1)
    stand_in = np.abs(across) ** ROUNDNESS + np.abs(down[:, None]) ** ROUNDNESS <= 1
    start = first_guess(inside, across**2 + down[:, None] ** 2 <= CORE**2, prior)
    rows, columns = shown(across, down)
    found = np.zeros_like(start)
    if (start[rows, columns] == cv2.GC_BGD).any() and (start == cv2.GC_PR_FGD).any():
        found[rows, columns] = grab(cut[rows, columns], start[rows, columns])
    share = found[inside].mean() if inside.any() else 0.0
    kept = largest(found) if LEAST <= share <= MOST else stand_in.astype(np.uint8)
    return np.asarray(
        cv2.resize(kept * np.uint8(255), (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
    )


def placed(box: Box, size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the square's columns and rows (96,) in half box sides from the box's middle."""
    x0, y0, x1, y1 = square_of(box, size)
    steps = (np.arange(CUT_PX) + 0.5) / CUT_PX
    half = max((box[2] - box[0]) / 2, 1e-3), max((box[3] - box[1]) / 2, 1e-3)
    across = (x0 + steps * (x1 - x0) - (box[0] + box[2]) / 2) / half[0]
    down = (y0 + steps * (y1 - y0) - (box[1] + box[3]) / 2) / half[1]
    return across, down


def shown(across: NDArray[np.float64], down: NDArray[np.float64]) -> tuple[slice, slice]:
    """Return the rows and columns around the box that are worth looking at: a margin of 30 %."""
    edges = [np.flatnonzero(np.abs(axis) <= 1.3) for axis in (down, across)]
    rows, columns = (slice(int(e[0]), int(e[-1]) + 1) if len(e) else slice(0, 0) for e in edges)
    return rows, columns


def first_guess(inside: NDArray[np.bool_], core: NDArray[np.bool_], prior: Masks | None) -> Masks:
    """Return GrabCut's labels to start from: the box, or a network's probabilities."""
    if prior is None:
        start = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD)
        start[core] = cv2.GC_FGD
        return start.astype(np.uint8)
    chance = prior / 255.0
    start = np.where(chance >= 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    start[chance < SURE_BACK] = cv2.GC_BGD
    start[chance > SURE_PET] = cv2.GC_FGD
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
