"""Finds the pet's head and cuts the sequence of sixteen head pictures for the sequence model.

The sources, best first: a head detector, keypoints, the upper part of the silhouette. Which one it
was is always said; the last one is a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.crop import Square, crops, square_of
from worker.pipeline.extract.detect import Box, as_box
from worker.pipeline.extract.keypoints import NAMES, SURE, Pose
from worker.pipeline.extract.mask import MASK_PX, resampled

LENGTH = 16  # pictures of a sequence, as the DogNal seed's
HEAD = [
    NAMES.index(n) for n in ("nose", "chin", "eye_a", "eye_b", "ear_base_a", "ear_base_b")
]  # fmt: skip
MIN_POINTS = 3
AROUND_POINTS = 0.35  # of their longer side: what skull and muzzle add to it
UPPER = 0.4  # of the silhouette's height: where a head is
HEAD_SIDE = 0.55  # of the shorter side of the box
MIN_SHARE = 0.5  # of the pictures must show a head
MIN_HEAD_PX = 24  # in a picture of at most 640 px; below it there is nothing to see in a face


class Source(StrEnum):
    """What a head's place comes from."""

    DETECTOR = "detector"
    KEYPOINTS = "keypoints"
    BOX = "box"  # the silhouette's upper part: a guess


@dataclass(frozen=True, slots=True)
class Face:
    """Where the head is in each picture (None where unknown), by what, and why there is none."""

    boxes: tuple[Box | None, ...]
    source: Source | None
    why: str  # '' when there is a sequence


def find_heads(
    boxes: Sequence[Box | None],
    masks: NDArray[np.uint8],
    size: tuple[int, int],
    pose: Pose | None = None,
) -> Face:
    """Find the head in pictures of a (width, height) in which the pet's boxes are known."""
    if all(b is None for b in boxes):
        return Face((None,) * len(boxes), None, "no pet was found")
    shown = (
        [None] * len(boxes) if pose is None else [from_points(pose, i) for i in range(len(pose))]
    )
    source = Source.KEYPOINTS
    if sum(b is not None for b in shown) < MIN_SHARE * len(boxes):
        source = Source.BOX
        shown = [from_box(b, m, size) if b else None for b, m in zip(boxes, masks, strict=True)]
    sides = [max((b[2] - b[0]) * size[0], (b[3] - b[1]) * size[1]) for b in shown if b]
    if float(np.median(sides)) < MIN_HEAD_PX:
        return Face(tuple(shown), None, "the head is too small in the picture")
    return Face(tuple(shown), source, "")


def from_points(pose: Pose, i: int) -> Box | None:
    """Return the box around one picture's sure points of the head, None below three."""
    sure = [k for k in HEAD if pose.confidence[i, k] >= SURE]
    if len(sure) < MIN_POINTS:
        return None
    low, high = pose.points[i, sure].min(axis=0), pose.points[i, sure].max(axis=0)
    room = AROUND_POINTS * np.maximum(high - low, (high - low).max() / 2)
    return as_box(np.clip(np.concatenate([low - room, high + room]), 0, 1).astype(float))


def from_box(box: Box, mask: NDArray[np.uint8], size: tuple[int, int]) -> Box:
    """Return the square around what is highest in the silhouette; a raised tail misleads it."""
    square = np.array(square_of(box, size), np.float32)
    inner: Square = box
    rows = resampled(mask, square, inner, MASK_PX) > 127
    top = rows[: round(UPPER * MASK_PX)]
    x = float(np.nonzero(top)[1].mean() + 0.5) / MASK_PX if top.any() else 0.5
    across, down = (box[2] - box[0]) * size[0], (box[3] - box[1]) * size[1]
    side = HEAD_SIDE * min(across, down)
    middle = np.clip(box[0] * size[0] + x * across, box[0] * size[0] + side / 2, None)
    middle = min(float(middle), box[2] * size[0] - side / 2)
    left, upper = middle - side / 2, box[1] * size[1]
    edges = np.array([left, upper, left + side, upper + side], float)
    return as_box(edges / np.array([*size, *size]))


def sequence(
    pictures: NDArray[np.uint8], face: Face, boxes: Sequence[Box | None], masks: NDArray[np.uint8]
) -> NDArray[np.uint8] | None:
    """Cut sixteen heads, evenly spread over the clip: (16, 224, 224, 3) uint8 RGB.

    15 % margin, background blurred outside the pet's silhouette. None where `face` says why.
    """
    if face.why:
        return None
    known = [i for i, b in enumerate(face.boxes) if b is not None]
    chosen = [known[round(k)] for k in np.linspace(0, len(known) - 1, LENGTH)]
    size = (pictures.shape[2], pictures.shape[1])
    heads = {i: head_mask(face.boxes[i], boxes[i], masks[i], size) for i in set(chosen)}
    return crops(
        [pictures[i] for i in chosen],
        [face.boxes[i] for i in chosen],
        np.stack([heads[i] for i in chosen]),
    )


def head_mask(
    head: Box | None, box: Box | None, mask: NDArray[np.uint8], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the pet's silhouette over the head's square; zeros where either is unknown."""
    if head is None or box is None:
        return np.zeros((MASK_PX, MASK_PX), np.uint8)
    square = np.array(square_of(box, size), np.float32)
    return resampled(mask, square, square_of(head, size), MASK_PX)
