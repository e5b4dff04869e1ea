"""Small changes to pictures and sound before they are encoded; each drawn from a generator."""

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.crop import CROP_PX, MIN_BOX_PX
from worker.pipeline.extract.detect import Box, as_box

CROP_LEAST = 0.8  # of the side
MAX_SPEED = 0.05  # more would change wag rates, intervals and pitch: what the label rests on
WOBBLE, GROWTH = 0.08, 0.2  # of a box: shift as a share of its sides, size in nats; as detectors'
CLOSER_LEAST = 0.55  # of the side: what a closer look leaves in sight
FIELD_PX = 7  # the coarse field that a swapped background is drawn from

Pictures = NDArray[np.uint8]


def wobbled(box: Box, rng: np.random.Generator) -> Box:
    """Return a box a little off, as a detector's is from one picture to the next."""
    low, high = np.array(box[:2]), np.array(box[2:])
    middle = (low + high) / 2 + rng.uniform(-WOBBLE, WOBBLE, 2) * (high - low)
    half = (high - low) / 2 * np.exp(rng.uniform(-GROWTH, GROWTH))
    return as_box(np.clip(np.concatenate([middle - half, middle + half]), 0, 1))


def looked_at_again(pictures: Pictures, rng: np.random.Generator) -> Pictures:
    """Mirror half of several crops of one picture and look closer at every other one.

    The first stays as it is.
    """
    seen = [pictures[:1]]
    for i, one in enumerate(pictures[1:]):
        seen.append(cropped(one[None], rng, least=1 if i % 2 else CLOSER_LEAST))
    return np.concatenate(seen)


def cropped(pictures: Pictures, rng: np.random.Generator, *, least: float = CROP_LEAST) -> Pictures:
    """Cut the same random square out of all pictures, and mirror them half of the time.

    Its side is at least that share of theirs.
    """
    side = round(CROP_PX * rng.uniform(least, 1))
    top, left = rng.integers(0, CROP_PX - side + 1, 2)
    cut = pictures[:, top : top + side, left : left + side]
    cut = cut[:, :, ::-1] if rng.random() < 0.5 else cut
    size = (CROP_PX, CROP_PX)
    return np.stack([cv2.resize(np.ascontiguousarray(p), size) for p in cut]).astype(np.uint8)


def inside(box: Box, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of a crop that its box fills; `size` of the whole picture."""
    across, down = (box[2] - box[0]) * size[0], (box[3] - box[1]) * size[1]
    scale = CROP_PX / max(across, down, MIN_BOX_PX)
    half = [round(min(CROP_PX, side * scale) / 2) for side in (across, down)]
    middle = CROP_PX // 2
    return slice(middle - half[1], middle + half[1]), slice(middle - half[0], middle + half[0])


def background_swapped(
    pictures: Pictures,
    boxes: tuple[Box | None, ...],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Pictures:
    """Paint a smooth random field around the pet; pictures without a box stay as they are."""
    coarse = rng.integers(0, 256, (FIELD_PX, FIELD_PX, 3), dtype=np.uint8)
    field = cv2.resize(coarse, (CROP_PX, CROP_PX), interpolation=cv2.INTER_CUBIC)
    out = pictures.copy()
    for picture, box in zip(out, boxes, strict=True):
        if box is not None:
            kept = inside(box, size)
            pet = picture[kept].copy()
            picture[:] = field
            picture[kept] = pet
    return out


def without_pet(
    pictures: Pictures, boxes: tuple[Box | None, ...], size: tuple[int, int]
) -> Pictures | None:
    """Grey the pet out, for the background-only control; None where no box says where it is."""
    if any(b is None for b in boxes):
        return None
    out = pictures.copy()
    for picture, box in zip(out, boxes, strict=True):
        assert box is not None
        picture[inside(box, size)] = 127
    return out


def at_speed(samples: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Play sound up to 5 % faster or slower."""
    factor = rng.uniform(1 - MAX_SPEED, 1 + MAX_SPEED)
    at = np.arange(0, len(samples) - 1, factor)
    return np.asarray(np.interp(at, np.arange(len(samples)), samples), np.float32)
