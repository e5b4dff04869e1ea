"""Says where the head is in a picture of the pet: one interface, three ways to know.

A network that finds dogs' faces (and cats' where they look like one), keypoints, the silhouette.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.crop import Square, square_of
from worker.pipeline.extract.detect import Box, as_box
from worker.pipeline.extract.keypoints import MASK_PX, NAMES, SURE, Pose
from worker.pipeline.extract.mask import resampled
from worker.pipeline.extract.mmod import MmodDetector, Sighting
from worker.pipeline.extract.shrink import shrink

HEAD = [
    NAMES.index(n) for n in ("nose", "chin", "eye_a", "eye_b", "ear_base_a", "ear_base_b")
]  # fmt: skip
MIN_POINTS = 3
AROUND_POINTS = 0.35  # of their longer side: what skull and muzzle add to it
UPPER = 0.4  # of the silhouette's height: where a head is
HEAD_SIDE = 0.55  # of the shorter side of the box
LOOK_PX = 240  # longer side of what the network looks at: a face of a third of it fills its window
LOOK_MARGIN = 0.1  # of the box's sides: a box may cut a face off
MIN_SCORE = 0.25  # training drew the line at 0; docs/signals.md: all that was looked at was right


class Source(StrEnum):
    """What a head's place comes from."""

    DETECTOR = "detector"
    KEYPOINTS = "keypoints"
    BOX = "box"  # the silhouette's upper part: a guess


class HeadDetector(Protocol):
    """Knows, in one way, where the head is in each of a clip's pictures."""

    source: Source

    def find(self, i: int) -> Box | None:
        """Return the head's box in a picture, None where this way does not show it."""
        ...


class ByFace:
    """Looks with a face detector at the pet in RGB pictures (n, h, w, 3)."""

    source = Source.DETECTOR

    def __init__(
        self, network: MmodDetector, pictures: NDArray[np.uint8], boxes: Sequence[Box | None]
    ) -> None:
        self.network, self.pictures, self.boxes = network, pictures, boxes

    def find(self, i: int) -> Box | None:
        """Return the box of the surest face whose middle lies in the pet's box."""
        box, picture = self.boxes[i], self.pictures[i]
        if box is None:
            return None
        left, top, right, bottom = around(box, picture)
        part = picture[top:bottom, left:right]
        if min(part.shape[:2]) < 1:
            return None
        scale = LOOK_PX / max(part.shape[:2])
        size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
        for seen in self.network.detect(shrink(part, size), MIN_SCORE):
            face = placed(seen, (left, top, right, bottom), size, picture)
            x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
            if box[0] <= x <= box[2] and box[1] <= y <= box[3]:
                return face
        return None


class ByPoints:
    """Reads the keypoints of the head."""

    source = Source.KEYPOINTS

    def __init__(self, pose: Pose) -> None:
        self.pose = pose

    def find(self, i: int) -> Box | None:
        """Return the box around a picture's sure points of the head, None below three."""
        sure = [k for k in HEAD if self.pose.confidence[i, k] >= SURE]
        if len(sure) < MIN_POINTS:
            return None
        points = self.pose.points[i, sure]
        low, high = points.min(axis=0), points.max(axis=0)
        room = AROUND_POINTS * np.maximum(high - low, (high - low).max() / 2)
        return as_box(np.clip(np.concatenate([low - room, high + room]), 0, 1).astype(float))


class ByOutline:
    """Guesses from the silhouette, in pictures of (width, height); a raised tail misleads it."""

    source = Source.BOX

    def __init__(
        self, boxes: Sequence[Box | None], masks: NDArray[np.uint8], size: tuple[int, int]
    ) -> None:
        self.boxes, self.masks, self.size = boxes, masks, size

    def find(self, i: int) -> Box | None:
        """Return the square around what is highest in the silhouette."""
        box, size = self.boxes[i], self.size
        if box is None:
            return None
        square = np.array(square_of(box, size), np.float32)
        inner: Square = box
        rows = resampled(self.masks[i], square, inner, MASK_PX) > 127
        top = rows[: round(UPPER * MASK_PX)]
        x = float(np.nonzero(top)[1].mean() + 0.5) / MASK_PX if top.any() else 0.5
        across, down = (box[2] - box[0]) * size[0], (box[3] - box[1]) * size[1]
        side = HEAD_SIDE * min(across, down)
        middle = np.clip(box[0] * size[0] + x * across, box[0] * size[0] + side / 2, None)
        middle = min(float(middle), box[2] * size[0] - side / 2)
        left, upper = middle - side / 2, box[1] * size[1]
        edges = np.array([left, upper, left + side, upper + side], float)
        return as_box(edges / np.array([*size, *size]))


def around(box: Box, picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return the edges in pixels of a box with its margin, inside the picture."""
    height, width = picture.shape[:2]
    across, down = LOOK_MARGIN * (box[2] - box[0]), LOOK_MARGIN * (box[3] - box[1])
    left, top = max(0, round((box[0] - across) * width)), max(0, round((box[1] - down) * height))
    right, bottom = round((box[2] + across) * width), round((box[3] + down) * height)
    return left, top, min(width, right), min(height, bottom)


def placed(
    seen: Sighting,
    part: tuple[int, int, int, int],
    size: tuple[int, int],
    picture: NDArray[np.uint8],
) -> Box:
    """Return what was seen in a part of a picture, shown at (width, height), as the picture's."""
    left, top, right, bottom = part
    scale = np.array([(right - left) / size[0], (bottom - top) / size[1]] * 2)
    edges = np.add(seen.edges, (0, 0, 1, 1))  # the last pixel is inside
    whole = np.array([picture.shape[1], picture.shape[0]] * 2)
    return as_box(np.clip((edges * scale + (left, top, left, top)) / whole, 0, 1))
