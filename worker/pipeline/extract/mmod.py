"""Finds faces as dlib's max-margin detector does: one network over all sizes of a picture at once.

The sizes are laid out side by side in one picture, each five sixths of the one before. Source:
King 2015, arXiv 1502.00046; davisking/dlib, dlib/image_transforms/image_pyramid.h, dnn/loss.h.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from worker.pipeline.extract.mmod_file import Convolution, MmodNetwork, Overlap
from worker.pipeline.runtime import OnnxNetwork

RATE = 5 / 6
SHIFT_PX = 0.3  # that a point moves from one size to the next larger one, beside 1 / RATE
LEAST_PX = 5  # height of the smallest size
SCALE = np.float32(1 / 256)
OPSET = 20

Edges = tuple[float, float, float, float]  # left, top, right, bottom in pixels, all inside


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face: its edges in pixels, and its score; 0 is where training drew the line."""

    edges: Edges
    score: float


@dataclass(frozen=True, slots=True)
class Tiles:
    """Where each size lies in the one picture, as (left, top, width, height), and its size."""

    places: tuple[tuple[int, int, int, int], ...]
    width: int
    height: int


class MmodDetector:
    """The network with its pyramid and its decoding: RGB in, boxes out."""

    def __init__(self, network: MmodNetwork, threads: int) -> None:
        self.network = network
        self.runner = OnnxNetwork(graph_of(network.convolutions).SerializeToString(), threads)

    def detect(self, picture: NDArray[np.uint8], min_score: float = 0.0) -> list[Sighting]:
        """Find the faces in one RGB picture (h, w, 3), the surest first."""
        height, width = picture.shape[:2]
        tiles = tiles_of(width, height, self.network.gap, self.network.rim)
        if min(tiles.width, tiles.height) < least_side(self.network.convolutions):
            return []
        laid = lay_out(picture, tiles, self.network.mean)
        scores = self.runner.run({"picture": laid[None]})["scores"][0]  # (windows, rows, columns)
        return kept(self.sightings(scores, tiles, min_score), self.network.overlap)

    def sightings(
        self, scores: NDArray[np.float32], tiles: Tiles, min_score: float
    ) -> list[Sighting]:
        """Return the windows above a score, the surest first."""
        found = []
        for window, row, column in np.argwhere(scores > min_score):
            x, y = (centre_of(float(k), self.network.convolutions) for k in (column, row))
            edges = in_picture(x, y, self.network.windows[window], tiles)
            found.append(Sighting(edges, float(scores[window, row, column])))
        return sorted(found, key=lambda s: -s.score)


def graph_of(convolutions: tuple[Convolution, ...]) -> onnx.ModelProto:
    """Return the graph picture (n, 3, h, w) -> scores (n, windows, rows, columns)."""
    nodes, weights, last = [], [], "picture"
    for k, one in enumerate(convolutions):
        names = [f"{k}.weight", f"{k}.bias"]
        arrays = zip((one.weight, one.bias), names, strict=True)
        weights += [numpy_helper.from_array(array, name) for array, name in arrays]
        is_last = k == len(convolutions) - 1
        made = "scores" if is_last else f"{k}.linear"
        steps, pads = [one.stride] * 2, [one.padding] * 4
        nodes.append(helper.make_node("Conv", [last, *names], [made], strides=steps, pads=pads))
        if not is_last:
            nodes.append(helper.make_node("Relu", [made], [last := f"{k}.map"]))
    given = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, "h", "w"])
    shape: tuple[str | int, ...] = ("n", len(convolutions[-1].bias), "rows", "columns")
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "mmod", [given], [scores], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 10
    return model


@functools.lru_cache(maxsize=64)
def tiles_of(width: int, height: int, gap: int, rim: int) -> Tiles:
    """Lay the sizes of a picture out: one column down, and a second one up at its right."""
    sizes = sizes_of(width, height)
    length = length_of(sizes, gap)
    places, y = [], rim
    for w, h in sizes:
        if y >= length + rim:
            break
        places.append((rim, y, w, h))
        y += h + gap
    y -= gap
    for w, h in sizes[len(places) :]:
        if y - h < rim + height:
            break
        places.append((rim + width - w, y - h, w, h))
        y -= h + gap
    return Tiles(tuple(places), width + 2 * rim, length + 2 * rim)


def length_of(sizes: list[tuple[int, int]], gap: int) -> int:
    """Return how long the first column is: until what follows fits in beside it."""
    width, height = sizes[0]
    total = sum(h + gap for _, h in sizes) - 2 * gap
    length, before = 0, 0
    for w, h in sizes:
        if w <= width - before - gap and 2 * (length - height) >= total - height:
            break
        length, before = length + h + gap, w
    return length - gap


def sizes_of(width: int, height: int) -> list[tuple[int, int]]:
    """Return (width, height) of a picture and of the smaller ones that are made of it."""
    sizes: list[tuple[int, int]] = []
    while width and height and (height >= LEAST_PX or not sizes):
        sizes.append((width, height))
        width, height = math.floor(RATE * width), math.floor(RATE * height)
    return sizes


def lay_out(
    picture: NDArray[np.uint8], tiles: Tiles, mean: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Return a picture's sizes in one (3, h, w) float32, zeros between them."""
    laid = np.zeros((3, tiles.height, tiles.width), np.float32)
    level = (picture.transpose(2, 0, 1) - np.array(mean, np.float32)[:, None, None]) * SCALE
    for left, top, width, height in tiles.places:
        level = resized(level, width, height)
        laid[:, top : top + height, left : left + width] = level
    return laid


def resized(image: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Interpolate (3, h, w) linearly, corners on corners."""
    for axis, side in ((1, height), (2, width)):
        if image.shape[axis] != side:
            at = np.linspace(0, image.shape[axis] - 1, side, dtype=np.float32)
            low = at.astype(np.int64)
            high = np.minimum(low + 1, image.shape[axis] - 1)
            share = (at - low).reshape((-1, 1) if axis == 1 else (1, -1))
            first = image.take(low, axis)
            image = first + (image.take(high, axis) - first) * share
    return image


def least_side(convolutions: tuple[Convolution, ...]) -> int:
    """Return the side in pixels of which one cell is left."""
    side = 1
    for one in reversed(convolutions):
        side = (side - 1) * one.stride + one.weight.shape[2] - 2 * one.padding
    return side


def centre_of(cell: float, convolutions: tuple[Convolution, ...]) -> float:
    """Return the pixel that a cell of the last map stands for."""
    for one in reversed(convolutions):
        cell = cell * one.stride - one.padding + one.weight.shape[2] // 2
    return cell


def in_picture(x: float, y: float, window: tuple[int, int], tiles: Tiles) -> Edges:
    """Return the edges, in the picture, of a window around a point among the tiles."""
    level = nearest(math.floor(x + 0.5), math.floor(y + 0.5), tiles)
    left, top = tiles.places[level][:2]
    half = (window[0] - 1) / 2, (window[1] - 1) / 2
    edges = [x - half[0] - left, y - half[1] - top, x + half[0] - left, y + half[1] - top]
    for _ in range(level):
        edges = [e / RATE + SHIFT_PX for e in edges]
    return edges[0], edges[1], edges[2], edges[3]


def nearest(x: int, y: int, tiles: Tiles) -> int:
    """Return the size in which a point lies, or which is nearest to it."""
    away = [
        math.hypot(max(left - x, 0, x - left - w + 1), max(top - y, 0, y - top - h + 1))
        for left, top, w, h in tiles.places
    ]
    return away.index(min(away))


def kept(found: list[Sighting], overlap: Overlap) -> list[Sighting]:
    """Leave out what overlaps a surer one."""
    left: list[Sighting] = []
    for one in found:
        if not any(is_same(one.edges, other.edges, overlap) for other in left):
            left.append(one)
    return left


def is_same(one: Edges, other: Edges, overlap: Overlap) -> bool:
    """Tell whether two boxes of whole pixels are one object's."""
    a, b = (tuple(round(e) for e in edges) for edges in (one, other))
    inner = area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    around = area(min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    return inner > overlap.union * around or inner > overlap.covered * min(area(*a), area(*b))


def area(left: float, top: float, right: float, bottom: float) -> float:
    """Return how many pixels lie between edges that are inside, 0 where there are none."""
    return max(0.0, right - left + 1) * max(0.0, bottom - top + 1)
