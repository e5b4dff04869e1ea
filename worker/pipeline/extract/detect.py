"""Finds animals and people in one picture: YOLOX-nano on ONNX Runtime. Knows nothing of time."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

SIDE_PX = 416
PAD_VALUE = 114
STRIDES = (8, 16, 32)
COARSEST = STRIDES[-1]
COCO_SPECIES = {15: "cat", 16: "dog"}
PERSON = 0
# Bird to giraffe: the network has no kitten and no running collie. A box of these counts as the pet
# only in a clip in which a cat or dog was seen as well.
ANIMALS = tuple(range(14, 24))
MIN_OVERLAP = 0.45

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of the picture


@dataclass(frozen=True, slots=True)
class Found:
    """One detection: box in shares of the picture, COCO class, score 0..1."""

    box: Box
    kind: int
    score: float


class PetDetector(Protocol):
    """Finds pets, and people if it can, in one picture."""

    def detect(
        self, picture: NDArray[np.uint8], *, room: float = 1.0, min_score: float
    ) -> list[Found]:
        """Find them in one RGB picture (h, w, 3), seen from `room` times as far."""
        ...


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

    def detect(
        self, picture: NDArray[np.uint8], *, room: float = 1.0, min_score: float
    ) -> list[Found]:
        """Find people and animals in one RGB picture (h, w, 3), seen from `room` times as far."""
        image, scale = letterbox(picture, room)
        raw = self.session.run(None, {self.input: image})[0][0]
        height, width = picture.shape[:2]
        sides = (image.shape[3], image.shape[2])
        return read(raw, sides, (width * scale, height * scale), min_score)


def read(
    raw: NDArray[np.float32], sides: tuple[int, int], size: tuple[float, float], min_score: float
) -> list[Found]:
    """Turn (cells, 85) raw output into detections after non-maximum suppression.

    `sides` (width, height) of the network's input, `size` of the picture inside it.

    Animals and people are read apart: a dog's face up close looks more like a person to this
    network than like a dog, and a held cat shares its box with who holds it.
    """
    grid, stride = grid_of(*sides)
    likely = raw[:, 4] >= min_score  # no class's score can be higher than that of anything at all
    raw, grid, stride = raw[likely], grid[likely], stride[likely]
    centre = (raw[:, :2] + grid) * stride
    extent = np.exp(np.minimum(raw[:, 2:4], 10)) * stride
    edges = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1)
    edges = np.clip(edges / [*size, *size], 0, 1)
    found: list[Found] = []
    for kinds in (ANIMALS, (PERSON,)):
        scores = raw[:, 4:5] * raw[:, [5 + k for k in kinds]]
        best = scores.argmax(axis=1)
        score = scores.max(axis=1, initial=0)
        found += suppress(
            [
                Found(as_box(edges[i]), kinds[best[i]], round(float(score[i]), 4))
                for i in np.flatnonzero(score >= min_score)
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
