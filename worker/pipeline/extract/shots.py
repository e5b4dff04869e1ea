"""Finds scene cuts and frozen pictures in the grey stream."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.shrink import shrink

THUMB_PX = (32, 18)
CUT_DIFFERENCE = 18.0  # mean grey levels between two neighbouring thumbnails
CUT_RATIO = 4.0  # times what the neighbourhood of two seconds changes
MIN_SHOT_S = 1.0
FROZEN_DIFFERENCE = 3.0  # grey levels; a still picture's coding noise reaches 2, a still scene 7


@dataclass(frozen=True, slots=True)
class Shots:
    """Where the clip is cut, which span is analysed, and how much of it is a frozen picture."""

    cuts_s: tuple[float, ...]
    span_s: tuple[float, float]
    is_static: bool


def find_shots(grey: NDArray[np.uint8], times_s: NDArray[np.float64], duration_s: float) -> Shots:
    """Cut the clip into shots and choose the longest.

    grey (m, h, w) uint8 with its times. A frozen picture is one where, in the chosen shot, no block
    of the 32 x 18 thumbnail ever leaves the first one's by more than coding noise: a photo, though
    others come before and after it.
    """
    thumbs = thumbnails(grey)
    change = np.abs(np.diff(thumbs, axis=0)).mean(axis=(1, 2))  # (m - 1,)
    cuts_s = tuple(round(float(times_s[i + 1]), 3) for i in cut_indices(change, times_s))
    start_s, end_s = longest((0.0, *cuts_s, duration_s))
    first, last = np.searchsorted(times_s, np.array([start_s, end_s]) - 1e-6)
    chosen = thumbs[first:last]
    is_static = bool(np.abs(chosen - chosen[0]).max() < FROZEN_DIFFERENCE)
    return Shots(cuts_s, (start_s, end_s), is_static)


def thumbnails(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (m, 18, 32) float32 block means."""
    small = [shrink(g, THUMB_PX) for g in grey]
    return np.stack(small).astype(np.float32)


def cut_indices(change: NDArray[np.float32], times_s: NDArray[np.float64]) -> list[int]:
    """Return the steps whose change is large, and large against the seconds around it."""
    cuts: list[int] = []
    for i in np.flatnonzero(change > CUT_DIFFERENCE):
        near = np.abs(times_s[1:] - times_s[i + 1]) <= 1.0
        near[i] = False
        usual = float(np.median(change[near])) if near.any() else 0.0
        last_s = times_s[cuts[-1] + 1] if cuts else -MIN_SHOT_S
        if change[i] > CUT_RATIO * usual and times_s[i + 1] - last_s > 0.2:
            cuts.append(int(i))
    return cuts


def longest(edges_s: tuple[float, ...]) -> tuple[float, float]:
    """Return the longest span between neighbouring edges; the first of equals."""
    spans = pairwise(edges_s)
    return max(spans, key=lambda span: round(span[1] - span[0], 3))
