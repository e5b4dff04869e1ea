"""Carries a box to pictures in which the detector missed the animal: by what it looks like."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import Box, as_box
from worker.pipeline.extract.shrink import shrink

WIDTH_PX = 160
SEARCH = 0.6  # of the box's sides, to each side of where it was
MOST_STEPS = 4  # pictures from what was detected: a still scene resembles itself without its pet
MIN_LIKENESS = 0.8  # normalised correlation; a place that its cat has just left reaches .7
MIN_SIDE_PX = 6
PLAIN = 6.0  # grey levels of spread below which everything looks alike


def match(
    pictures: NDArray[np.uint8], known: dict[int, Box], missed: Sequence[int]
) -> dict[int, Box]:
    """Return boxes of missed pictures (n, h, w, 3) that look like the box of the nearest known one.

    Goes outward from what is known, each match being the next one's pattern; ends where nothing is
    alike any more, and four pictures away.
    """
    found: dict[int, Box] = {}
    for step in (1, -1):
        for start in sorted(known):
            last, box = start, known[start]
            for i in range(start + step, start + step * (MOST_STEPS + 1), step):
                if i not in missed:
                    if i in known or not 0 <= i < len(pictures):
                        break
                    continue
                carried = moved(pictures[last], pictures[i], box)
                if carried is None:
                    break
                last, box = i, carried
                found.setdefault(i, carried)
    return found


def moved(before: NDArray[np.uint8], after: NDArray[np.uint8], box: Box) -> Box | None:
    """Return where what a box held is one picture later, None where nothing there is like it."""
    old, new = grey(before), grey(after)
    height, width = old.shape
    scale = np.array([width, height] * 2, float)
    x0, y0, x1, y1 = (int(v) for v in np.round(np.array(box) * scale))
    across, down = round(SEARCH * (x1 - x0)), round(SEARCH * (y1 - y0))
    pattern = old[y0:y1, x0:x1]
    left, top = max(0, x0 - across), max(0, y0 - down)
    around = new[top : y1 + down, left : x1 + across]
    if min(pattern.shape, default=0) < MIN_SIDE_PX or float(pattern.std()) < PLAIN:
        return None
    likeness = cv2.matchTemplate(around, pattern, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    if best < MIN_LIKENESS:
        return None
    shift = np.array([left + x - x0, top + y - y0] * 2) / scale
    return as_box(np.clip(np.array(box) + shift, 0, 1))


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture in grey at 160 px."""
    height = max(1, round(picture.shape[0] * WIDTH_PX / picture.shape[1]))
    return np.asarray(cv2.cvtColor(shrink(picture, (WIDTH_PX, height)), cv2.COLOR_RGB2GRAY))
