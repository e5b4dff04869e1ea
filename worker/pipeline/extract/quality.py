"""Measures light and sharpness of the sampled pictures. Decides nothing."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.shrink import shrink

SHARPNESS_SIDE_PX = 320
BURNT = 250  # grey levels
BLACK = 4  # of a bar, with its coding noise; the darkest film has more somewhere in each row
SHARPNESS_HALF = 60.0  # Laplacian variance at 320 px that counts as 0.5


@dataclass(frozen=True, slots=True)
class Quality:
    """Light and sharpness of the analysed span, all 0..1; 95th percentile and share of clipping."""

    brightness: float
    brightness_p95: float
    overexposed_share: float
    sharpness: float


def measure_quality(pictures: NDArray[np.uint8]) -> Quality:
    """Measure pictures (n, h, w, 3) RGB: mean luma, its p95, burnt share, median sharpness.

    Black bars around them say nothing of the light.
    """
    grey = without_bars(np.stack([small_grey(p) for p in pictures]))
    levels = np.cumsum(np.bincount(grey.ravel(), minlength=256))  # how many pixels up to each
    return Quality(
        brightness=round(float(grey.mean()) / 255, 4),
        brightness_p95=round(float(np.searchsorted(levels, 0.95 * levels[-1])) / 255, 4),
        overexposed_share=round(1 - float(levels[BURNT - 1] / levels[-1]), 4),
        sharpness=round(float(np.median([sharpness(g) for g in grey])), 4),
    )


def without_bars(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut off edges (n, h, w) that are black in every picture; what is black all over stays."""
    brightest = grey.max(axis=0)
    across, down = (np.flatnonzero(brightest.max(axis=a) > BLACK) for a in (0, 1))
    if not len(across):
        return grey
    return grey[:, down[0] : down[-1] + 1, across[0] : across[-1] + 1]


def small_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture's luma, longer side 320 px at most."""
    scale = min(1.0, SHARPNESS_SIDE_PX / max(picture.shape[:2]))
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return shrink(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8), size)


def sharpness(grey: NDArray[np.uint8]) -> float:
    """Return v / (v + 60) of the variance v of the Laplacian: 0 flat, towards 1 crisp."""
    variance = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]) ** 2
    return variance / (variance + SHARPNESS_HALF)
