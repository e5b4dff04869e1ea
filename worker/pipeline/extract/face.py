"""Finds the pet's head and cuts the sequence of sixteen head pictures for the sequence model.

Best first: a face that a network found, keypoints, the upper part of the silhouette (`heads`).
Which one it was is said of every picture; the last one is a guess.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.crop import crops, square_of
from worker.pipeline.extract.detect import Box
from worker.pipeline.extract.heads import ByOutline, ByPoints, HeadDetector, Source
from worker.pipeline.extract.keypoints import MASK_PX, Pose
from worker.pipeline.extract.mask import resampled

LENGTH = 16  # pictures of a sequence, as the DogNal seed's
MIN_SHARE = 0.5  # of the pictures must show a head
MIN_HEAD_PX = 24  # in a picture of at most 640 px; below it there is nothing to see in a face

Each = Callable[[Callable[[int], Box | None], Iterable[int]], Iterable[Box | None]]


@dataclass(frozen=True, slots=True)
class Face:
    """Where the head is in each picture (None where unknown), by what, and why there is none."""

    boxes: tuple[Box | None, ...]
    why: str  # '' when there is a sequence
    sources: tuple[Source | None, ...] = ()  # of each box


def find_heads(
    boxes: Sequence[Box | None],
    masks: NDArray[np.uint8],
    size: tuple[int, int],
    pose: Pose | None = None,
) -> Face:
    """Find the head in pictures of a (width, height) in which the pet's boxes are known.

    By keypoints where they show it in half of the pictures, else by the silhouette in all.
    """
    if all(b is None for b in boxes):
        return Face((None,) * len(boxes), "no pet was found")
    face = found_by(ByPoints(pose), len(boxes)) if pose else Face((), "")
    if sum(b is not None for b in face.boxes) < MIN_SHARE * len(boxes):
        face = found_by(ByOutline(boxes, masks, size), len(boxes))
    sides = [max((b[2] - b[0]) * size[0], (b[3] - b[1]) * size[1]) for b in face.boxes if b]
    if float(np.median(sides)) < MIN_HEAD_PX:
        return replace(face, why="the head is too small in the picture")
    return face


def found_by(detector: HeadDetector, count: int) -> Face:
    """Return what one detector finds in every picture."""
    found = tuple(detector.find(i) for i in range(count))
    return Face(found, "", tuple(detector.source if b else None for b in found))


def look_closer(face: Face, detector: HeadDetector, each: Each = map) -> Face:
    """Put what a detector finds in the sequence's pictures in the place of what was known there.

    `each` looks at several pictures as `map` does, in threads of its own if it likes.
    """
    chosen = sorted(set(chosen_of(face)))
    found = {i: b for i, b in zip(chosen, each(detector.find, chosen), strict=True) if b}
    boxes = tuple(found.get(i, b) for i, b in enumerate(face.boxes))
    sources = tuple(detector.source if i in found else s for i, s in enumerate(face.sources))
    return replace(face, boxes=boxes, sources=sources)


def chosen_of(face: Face) -> list[int]:
    """Return the sequence's pictures: sixteen, evenly spread; a short clip's come twice."""
    if face.why:
        return []
    known = [i for i, b in enumerate(face.boxes) if b is not None]
    return [known[round(k)] for k in np.linspace(0, len(known) - 1, LENGTH)]


def sequence(
    pictures: NDArray[np.uint8], face: Face, boxes: Sequence[Box | None], masks: NDArray[np.uint8]
) -> NDArray[np.uint8] | None:
    """Cut sixteen heads, evenly spread over the clip: (16, 224, 224, 3) uint8 RGB.

    15 % margin, background blurred outside the pet's silhouette. None where `face` says why.
    """
    chosen = chosen_of(face)
    if not chosen:
        return None
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
