"""Finds the pet: YOLOX-nano on sampled pictures, linked over time, cropped for the encoder.

Without a detector nothing is claimed about the subject: no boxes, whole-picture crops.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from worker.pipeline.extract.shrink import shrink

SIDE_PX = 416
PAD_VALUE = 114
STRIDES = (8, 16, 32)
COARSEST = STRIDES[-1]
COCO_SPECIES = {15: "cat", 16: "dog"}
PERSON = 0
# Bird to giraffe: the network has no kitten and no running collie. A box of these counts as the pet
# only in a clip in which a cat or dog was seen as well.
ANIMALS = tuple(range(14, 24))
MIN_SCORE = 0.2
MIN_OVERLAP = 0.45
LOOK_INTERVAL_S = 2.0
STEADY_OVERLAP = 0.6  # of two looks' boxes: no need to look in between
STEP_BACK = 1.5
MOSTLY_INSIDE = 0.7
SURE = 0.4  # from here on an animal counts when they are counted
CROP_MARGIN = 0.15
CROP_PX = 224
MIN_BOX_PX = 8.0
BLUR_PX = 31

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of the picture
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Found:
    """One detection: box in shares of the picture, COCO class, score 0..1."""

    box: Box
    kind: int
    score: float


@dataclass(frozen=True, slots=True)
class Pet:
    """Where the pet is: one box per picture (None where unknown), and what the detector saw.

    `pet_frames_share`, `pets_seen` and `species_seen` are None when no detector looked.
    """

    boxes: tuple[Box | None, ...]
    pet_frames_share: float | None
    pets_seen: int | None
    species_seen: str | None
    mean_score: float


class Detector:
    """YOLOX-nano on ONNX Runtime (Ge et al. 2021, arXiv 2107.08430; Megvii release 0.1.1rc0)."""

    def __init__(self, path: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        graph = with_free_sides(path)
        self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def detect(self, picture: NDArray[np.uint8], room: float = 1.0) -> list[Found]:
        """Find people and animals in one RGB picture (h, w, 3), seen from `room` times as far."""
        image, scale = letterbox(picture, room)
        raw = self.session.run(None, {self.input: image})[0][0]
        height, width = picture.shape[:2]
        return read(raw, (image.shape[3], image.shape[2]), (width * scale, height * scale))


def read(
    raw: NDArray[np.float32], sides: tuple[int, int], size: tuple[float, float]
) -> list[Found]:
    """Turn (cells, 85) raw output into detections after non-maximum suppression.

    `sides` (width, height) of the network's input, `size` of the picture inside it.

    Animals and people are read apart: a dog's face up close looks more like a person to this
    network than like a dog, and a held cat shares its box with who holds it.
    """
    grid, stride = grid_of(*sides)
    centre = (raw[:, :2] + grid) * stride
    extent = np.exp(np.minimum(raw[:, 2:4], 10)) * stride
    edges = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1)
    edges = np.clip(edges / [*size, *size], 0, 1)
    found: list[Found] = []
    for kinds in (ANIMALS, (PERSON,)):
        scores = raw[:, 4:5] * raw[:, [5 + k for k in kinds]]
        best = scores.argmax(axis=1)
        score = scores.max(axis=1)
        found += suppress(
            [
                Found(as_box(edges[i]), kinds[best[i]], round(float(score[i]), 4))
                for i in np.flatnonzero(score >= MIN_SCORE)
            ]
        )
    return found


def with_free_sides(path: Path) -> bytes:
    """Return the graph with free width and height: a wide picture needs no padding to a square."""
    graph = onnx.load(path)
    for side, name in ((2, "height"), (3, "width")):
        graph.graph.input[0].type.tensor_type.shape.dim[side].dim_param = name
    graph.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "cells"
    return bytes(graph.SerializeToString())


@functools.lru_cache(maxsize=16)
def grid_of(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the cell corners (cells, 2) and strides (cells, 1) of the three output scales."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def letterbox(picture: NDArray[np.uint8], room: float) -> tuple[NDArray[np.float32], float]:
    """Return BGR 0-255 (1, 3, h, w) and the scale; padded at the right and bottom.

    The longer side is 416, the shorter one the next multiple of 32: the padding of a square says
    nothing and costs 40 % of a wide picture's time.
    """
    scale = SIDE_PX / max(picture.shape[:2]) / room
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    sides = [
        -(-round(side * SIDE_PX / max(picture.shape[:2])) // COARSEST) * COARSEST
        for side in picture.shape[:2]
    ]
    canvas = np.full((1, 3, *sides), PAD_VALUE, np.float32)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    canvas[0, :, : size[1], : size[0]] = small.transpose(2, 0, 1)[::-1]
    return canvas, scale


def as_box(edges: NDArray[np.float64]) -> Box:
    """Return four edges as a box, rounded to a ten-thousandth of the picture."""
    x0, y0, x1, y1 = (round(float(e), 4) for e in edges)
    return x0, y0, x1, y1


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = area(a) + area(b) - width * height
    return width * height / union if union > 0 else 0.0


def area(box: Box) -> float:
    """Return a box's share of the picture."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def suppress(found: list[Found]) -> list[Found]:
    """Keep the best of overlapping boxes."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: (-f.score, f.box)):
        if all(overlap(one.box, k.box) < MIN_OVERLAP for k in kept):
            kept.append(one)
    return kept


def locate(
    pictures: NDArray[np.uint8], times_s: NDArray[np.float64], detector: Detector | None
) -> Pet:
    """Follow one pet through pictures (n, h, w, 3) RGB.

    Looks every two seconds, and in between where the pet was missed or has moved; boxes are carried
    over what was not looked at.
    """
    if detector is None:
        return Pet((None,) * len(pictures), None, None, None, 0.0)
    looks = {i: look_for_animals(pictures[i], detector) for i in due(times_s)}
    for i in between(looks):
        looks[i] = look_for_animals(pictures[i], detector)
    looked = sorted(looks)
    animals = [looks[i] for i in looked]
    pets = [f for found in animals for f in found if f.kind in COCO_SPECIES]
    if not pets:
        return Pet((None,) * len(pictures), 0.0, 0, None, 0.0)
    track = follow(animals)
    boxes = carry(times_s, [times_s[i] for i in looked], [f.box if f else None for f in track])
    return Pet(
        boxes=boxes,
        pet_frames_share=round(sum(f is not None for f in track) / len(track), 4),
        pets_seen=how_many(animals),
        species_seen=species_of(pets),
        mean_score=round(float(np.mean([f.score for f in track if f])), 4),
    )


def between(looks: dict[int, list[Found]]) -> list[int]:
    """Return the pictures half way between two looks that do not show the same single animal."""
    return [
        (i + j) // 2
        for i, j in pairwise(sorted(looks))
        if j - i > 1 and not same_animal(looks[i], looks[j])
    ]


def same_animal(before: list[Found], after: list[Found]) -> bool:
    """Tell whether two looks show one animal in one place."""
    one_each = len(before) == len(after) == 1
    return one_each and overlap(before[0].box, after[0].box) >= STEADY_OVERLAP


def look_for_animals(picture: NDArray[np.uint8], detector: Detector) -> list[Found]:
    """Return the animals in a picture; where there are none, look again from further away.

    A face that fills the picture is not found at full size (0 of 10 pictures of a beagle's face at
    a threshold of .3, 6 at .2, all 10 with half as much room again).
    """
    for room in (1.0, STEP_BACK):
        found = [f for f in detector.detect(picture, room) if f.kind != PERSON]
        if found:
            return found
    return []


def due(times_s: NDArray[np.float64]) -> list[int]:
    """Return the pictures to look at: the first, then one every two seconds, and the last."""
    chosen = [0]
    for i, t in enumerate(times_s):
        if t - times_s[chosen[-1]] >= LOOK_INTERVAL_S - 0.05:
            chosen.append(i)
    if len(times_s) - 1 not in chosen:
        chosen.append(len(times_s) - 1)
    return chosen


def follow(animals: list[list[Found]]) -> list[Found | None]:
    """Choose one animal per look: the best overall seeds the track, overlap and size carry it."""
    scored = [(prominence(f), i) for i, found in enumerate(animals) for f in found]
    seed = max(scored)[1]
    track: list[Found | None] = [None] * len(animals)
    track[seed] = max(animals[seed], key=prominence)
    for order in (range(seed + 1, len(animals)), range(seed - 1, -1, -1)):
        last = track[seed]
        for i in order:
            track[i] = next_of(last, animals[i])
            last = track[i] or last
    return track


def prominence(found: Found) -> float:
    """Rank a detection: sure, large, and of a pet's class."""
    return found.score * math.sqrt(area(found.box)) * (1.0 if found.kind in COCO_SPECIES else 0.5)


def next_of(last: Found | None, found: Sequence[Found]) -> Found | None:
    """Return the detection that continues a track best, None when nothing was found."""
    if last is None or not found:
        return max(found, key=prominence, default=None)
    return max(found, key=lambda f: overlap(last.box, f.box) + 0.5 * prominence(f))


def carry(
    times_s: NDArray[np.float64], looked_s: list[float], boxes: list[Box | None]
) -> tuple[Box | None, ...]:
    """Interpolate boxes to every picture; ends keep the nearest one."""
    known = [(t, b) for t, b in zip(looked_s, boxes, strict=True) if b is not None]
    if not known:
        return (None,) * len(times_s)
    at = np.array([t for t, _ in known])
    edges = np.array([b for _, b in known])
    full = np.stack([np.interp(times_s, at, edges[:, k]) for k in range(4)], axis=1)
    return tuple(as_box(row) for row in full)


def how_many(animals: list[list[Found]]) -> int:
    """Return how many sure cats and dogs are in sight at once: the 70th percentile of the looks.

    Other classes do not count: a dog's rump in the corner was a bear of its own.
    """
    sure = [
        [f.box for f in found if f.score >= SURE and f.kind in COCO_SPECIES] for found in animals
    ]
    counts = [len(apart(boxes)) for boxes in sure]
    return max(1, int(np.percentile(counts, 70, method="lower")))


def apart(boxes: list[Box]) -> list[Box]:
    """Return the boxes that do not lie mostly inside a larger one: a head is no second animal."""
    kept: list[Box] = []
    for box in sorted(boxes, key=area, reverse=True):
        if all(inside(box, k) < MOSTLY_INSIDE for k in kept):
            kept.append(box)
    return kept


def inside(small: Box, large: Box) -> float:
    """Return the share of one box that lies in another."""
    width = max(0.0, min(small[2], large[2]) - max(small[0], large[0]))
    height = max(0.0, min(small[3], large[3]) - max(small[1], large[1]))
    return width * height / area(small) if area(small) > 0 else 1.0


def species_of(pets: list[Found]) -> str:
    """Return the species with the larger sum of scores. Kittens often read as dogs."""
    dog = sum(f.score for f in pets if COCO_SPECIES[f.kind] == "dog")
    return "dog" if dog >= sum(f.score for f in pets) / 2 else "cat"


def crops(pictures: NDArray[np.uint8], boxes: Sequence[Box | None]) -> NDArray[np.uint8]:
    """Cut the pet out of each picture with a 15 % margin: (n, 224, 224, 3) uint8 RGB.

    The square around the box keeps the picture's aspect; what is outside the box is blurred, so
    that the background carries no detail (as Franzoni et al. 2024, 10.1007/s00521-024-10042-3, do
    for faces). Without a box the whole picture is taken as it is.
    """
    return np.stack([crop(p, b) for p, b in zip(pictures, boxes, strict=True)])


def crop(picture: NDArray[np.uint8], box: Box | None) -> NDArray[np.uint8]:
    """Return one 224 x 224 crop around a box, padded by its edge where it leaves the picture."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = square_around(box or WHOLE, width, height)
    cut = picture[max(0, y0) : min(height, y1), max(0, x0) : min(width, x1)]
    scale = CROP_PX / max(x1 - x0, y1 - y0)
    left, top = (min(CROP_PX - 1, round(max(0, -edge) * scale)) for edge in (x0, y0))
    across, down = (max(1, round(side * scale)) for side in (cut.shape[1], cut.shape[0]))
    size = (min(across, CROP_PX - left), min(down, CROP_PX - top))
    edges = (top, CROP_PX - size[1] - top, left, CROP_PX - size[0] - left)
    whole = np.asarray(
        cv2.copyMakeBorder(shrink(cut, size), *edges, cv2.BORDER_REPLICATE), np.uint8
    )
    return whole if box is None else background_blurred(whole, box, width, height)


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
