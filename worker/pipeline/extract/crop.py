"""Cuts the pet out of each picture for the encoders: a square, its background blurred.

Franzoni et al. 2024 (10.1007/s00521-024-10042-3) do so for faces.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import Box
from worker.pipeline.extract.shrink import shrink

CROP_MARGIN = 0.15
CROP_PX = 224
MIN_BOX_PX = 8.0
BLUR_PX = 31
HALO_PX = 9  # a silhouette is widened by this much: what it misses of the pet stays sharp
SOFT_PX = 7
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

Square = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares; may leave the picture


def crops(
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    boxes: Sequence[Box | None],
    masks: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Cut the pet out of each picture with a 15 % margin: (n, 224, 224, 3) uint8 RGB.

    The square around the box keeps the picture's aspect. What lies outside the mask (n, k, k) uint8
    over that square is blurred; outside the box where there is no mask. Without a box the whole
    picture is taken as it is.
    """
    known = [None] * len(pictures) if masks is None else [m if m.any() else None for m in masks]
    cut = np.empty((len(pictures), CROP_PX, CROP_PX, 3), np.uint8)
    for i, (picture, box, mask) in enumerate(zip(pictures, boxes, known, strict=True)):
        cut[i] = crop(picture, box, mask)  # one by one: a minute's crops are not held twice
    return cut


def blurred_outside(crop: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blur a crop outside a silhouette (k, k) uint8, widened and softened at its edge."""
    size = (crop.shape[1], crop.shape[0])
    large = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    wide = cv2.dilate(large, np.ones((HALO_PX, HALO_PX), np.uint8))
    share = cv2.blur(wide, (SOFT_PX, SOFT_PX)).astype(np.float32) / np.float32(255)
    away = cv2.blur(crop, (BLUR_PX, BLUR_PX))
    return np.asarray(cv2.blendLinear(crop, away, share, 1 - share), np.uint8)


def square_of(box: Box, size: tuple[int, int]) -> Square:
    """Return the square around a box in a picture of (width, height), as shares."""
    width, height = size
    x0, y0, x1, y1 = square_around(box, width, height)
    return x0 / width, y0 / height, x1 / width, y1 / height


def crop(
    picture: NDArray[np.uint8], box: Box | None, mask: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return one 224 x 224 crop around a box, its background blurred."""
    if box is None:
        return square_cut(picture, WHOLE)
    cut = square_cut(picture, box)
    if mask is not None:
        return blurred_outside(cut, mask)
    return background_blurred(cut, box, picture.shape[1], picture.shape[0])


def square_cut(picture: NDArray[np.uint8], box: Box, side_px: int = CROP_PX) -> NDArray[np.uint8]:
    """Return the square around a box, padded by its edge where it leaves the picture."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = square_around(box, width, height)
    cut = picture[max(0, y0) : min(height, y1), max(0, x0) : min(width, x1)]
    scale = side_px / max(x1 - x0, y1 - y0)
    left, top = (min(side_px - 1, round(max(0, -edge) * scale)) for edge in (x0, y0))
    across, down = (max(1, round(side * scale)) for side in (cut.shape[1], cut.shape[0]))
    size = (min(across, side_px - left), min(down, side_px - top))
    edges = (top, side_px - size[1] - top, left, side_px - size[0] - left)
    padded = cv2.copyMakeBorder(shrink(cut, size), *edges, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)


def background_blurred(
    crop: NDArray[np.uint8], box: Box, width: int, height: int
) -> NDArray[np.uint8]:
    """Blur a crop outside the box and its margin."""
    across, down = (box[2] - box[0]) * width, (box[3] - box[1]) * height
    inside = CROP_PX / max(across, down, MIN_BOX_PX)
    half = [round(min(CROP_PX, side * inside) / 2) for side in (across, down)]
    middle = CROP_PX // 2
    rows = slice(max(0, middle - half[1]), middle + half[1])
    columns = slice(max(0, middle - half[0]), middle + half[0])
    blurred = np.array(cv2.blur(crop, (BLUR_PX, BLUR_PX)), np.uint8)
    blurred[rows, columns] = crop[rows, columns]
    return blurred


def square_around(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a square in pixels around a box with the margin; it may leave the picture."""
    across, down = (box[2] - box[0]) * width, (box[3] - box[1]) * height
    margin = CROP_MARGIN if box != WHOLE else 0.0
    half = max(across, down, MIN_BOX_PX) * (1 + 2 * margin) / 2
    x, y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    return round(x - half), round(y - half), round(x + half), round(y + half)
