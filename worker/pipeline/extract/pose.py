"""Looks at the pet with the keypoint network: where its points are, how sure, what shows of it.

ONNX Runtime only. The network is our own (docs/pose-card.md), one form of which reads maps of
MobileNetV3-small too, or a given one of another keypoint schema (`given_pose.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import PAD_VALUE, Box
from worker.pipeline.extract.keypoints import (
    EARS,
    MASK_PX,
    NAMES,
    POINTS,
    POSTURES,
    SURE,
    Pose,
    Square,
)
from worker.pipeline.extract.shrink import shrink
from worker.pipeline.runtime import Network, OnnxNetwork

BUILT_IN = Path(__file__).parent / "pose_net" / "keypoints.onnx"
TAPPED = BUILT_IN.with_name("keypoints_tapped.onnx")
NAME, TAPPED_NAME = "tailtrend-keypoints-3", "tailtrend-keypoints-3-tapped"  # of the numbers
LOOK_PX = 128
HEAT_PX = 32
MARGIN = 1.15  # of the box's longer side, as most of the drawn samples have it
PICTURES_AT_ONCE = 5
REACH_CELLS = 2  # cells each way of a heat map's peak that make up a point and its confidence
TAIL_REACH = 1.4  # longest tail, in distances from withers to tail base
SAME_PLACE = 0.045  # of the square: a tail's tip here is the paw that it lies on
MIRRORED = [
    NAMES.index(n[:-2] + {"_a": "_b", "_b": "_a"}[n[-2:]] if n[-2:] in ("_a", "_b") else n)
    for n in NAMES
]

Outputs = dict[str, NDArray[np.float32]]
Cuts = NDArray[np.uint8]
Each = Callable[[Callable[[Cuts], Outputs], Iterable[Cuts]], Iterable[Outputs]]


class PoseNetwork:
    """The keypoint network with its decoding. Pictures and boxes in, `Pose` out.

    `taps` gives the maps that a tapped network reads beside the picture.
    """

    def __init__(
        self,
        path: Path = BUILT_IN,
        threads: int = 1,
        *,
        taps: Network | None = None,
        mirrored: bool = False,
    ) -> None:
        self.made_by = TAPPED_NAME if taps else NAME
        self.path, self.network, self.taps = path, OnnxNetwork(path, threads), taps
        self.mirrored = mirrored

    def look(
        self, pictures: NDArray[np.uint8], boxes: Sequence[Box | None], each: Each = map
    ) -> Pose:
        """Return the pose in RGB pictures (n, h, w, 3) uint8, zeros where there is no box.

        `each` runs the batches as `map` does, in threads of its own if it likes.
        """
        height, width = pictures.shape[1:3]
        at = [i for i, box in enumerate(boxes) if box is not None]
        squares = np.zeros((len(boxes), 4), np.float32)
        if not at:
            return nothing(squares)
        squares[at] = [square_of(b, width / height) for b in boxes if b is not None]
        cut = np.stack([cut_square(pictures[i], squares[i]) for i in at])
        batches = [cut[k : k + PICTURES_AT_ONCE] for k in range(0, len(at), PICTURES_AT_ONCE)]
        found = list(each(self.run, batches))
        whole = {name: np.concatenate([f[name] for f in found]) for name in found[0]}
        return placed(whole, at, squares)

    def run(self, cut: NDArray[np.uint8]) -> Outputs:
        """Return heat and mask as shares, heads as probabilities, for (n, 128, 128, 3) uint8."""
        found = self.seen_in(cut)
        if not self.mirrored:
            return found
        other = unmirrored(self.seen_in(cut[:, :, ::-1]))
        return {n: np.asarray((found[n] + other[n]) / 2, np.float32) for n in found}

    def seen_in(self, cut: NDArray[np.uint8]) -> Outputs:
        """Return what the network says of pictures as they are."""
        picture = as_input(cut)
        maps = self.taps.run({"pictures": picture}) if self.taps else {}
        return softened(self.network.run({"picture": picture, **maps}))


def square_of(box: Box, aspect: float) -> Square:
    """Return the square to look at around a box; `aspect` is the picture's width / height."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = max((box[2] - box[0]) * aspect, box[3] - box[1], 0.02) * MARGIN / 2  # of the height
    return x - half / aspect, y - half, x + half / aspect, y + half


def cut_square(picture: NDArray[np.uint8], square: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Cut a square out of a picture, grey where it leaves it: (128, 128, 3) uint8."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (round(float(e * s)) for e, s in zip(square, (width, height) * 2, strict=True))
    inside = picture[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    edges = (max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width))
    whole = cv2.copyMakeBorder(inside, *edges, cv2.BORDER_CONSTANT, value=(PAD_VALUE,) * 3)
    return shrink(np.asarray(whole, np.uint8), (LOOK_PX, LOOK_PX))


def as_input(cut: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pictures as the network takes them, (n, 3, 128, 128) float32 0..255."""
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 2), np.float32)


def softened(found: Outputs) -> Outputs:
    """Turn logits into shares and probabilities; heat sums to 1 over each map."""
    heat = found["heat"]
    flat = softmax(heat.reshape(*heat.shape[:2], -1))
    return {
        "heat": flat.reshape(heat.shape),
        "mask": sigmoid(found["mask"]),
        "seen": sigmoid(found["seen"]),
        "posture": softmax(found["posture"]),
        "ears": softmax(found["ears"]),
        "view": found["view"],
    }


def unmirrored(found: Outputs) -> Outputs:
    """Return what was seen in the mirror as if it was not; pairs stay in image order."""
    return found | {
        "heat": found["heat"][:, MIRRORED, :, ::-1],
        "mask": found["mask"][:, :, ::-1],
        "seen": found["seen"][:, MIRRORED],
        "view": found["view"] * np.array([-1, 1], np.float32),
    }


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities along the last axis."""
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True), np.float32)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities of logits."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)


def peaks(heat: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return points (n, p, 2) as shares of the map and their confidence (n, p).

    A point is the centroid of the cells around the highest one, its confidence their share of the
    whole map.
    """
    n, p, side, _ = heat.shape
    top = heat.reshape(n, p, -1).argmax(axis=2)
    cells = np.arange(side)
    rows = np.abs(cells - (top // side)[..., None]) <= REACH_CELLS  # (n, p, side)
    columns = np.abs(cells - (top % side)[..., None]) <= REACH_CELLS
    near = heat * rows[..., :, None] * columns[..., None, :]
    mass = near.sum(axis=(2, 3))
    middles = (cells + 0.5) / side
    x = (near.sum(axis=2) * middles).sum(axis=2) / mass
    y = (near.sum(axis=3) * middles).sum(axis=2) / mass
    return np.stack([x, y], axis=2).astype(np.float32), mass.astype(np.float32)


def placed(found: Outputs, at: list[int], squares: NDArray[np.float32]) -> Pose:
    """Put what was found in the squares at their places in the pictures."""
    pose = nothing(squares)
    within, sure = peaks(found["heat"])
    sure = believable_tails(within, sure, found["seen"])
    corner, size = squares[at, None, :2], squares[at, None, 2:] - squares[at, None, :2]
    pose.points[at] = corner + within * size
    pose.confidence[at], pose.present[at] = sure, found["seen"]
    pose.view[at], pose.posture[at], pose.ears[at] = found["view"], found["posture"], found["ears"]
    pose.masks[at] = np.round(found["mask"] * 255).astype(np.uint8)
    return pose


def believable_tails(
    points: NDArray[np.float32], sure: NDArray[np.float32], seen: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return confidences with those of tails taken back that are not there, or not a tail.

    A tail that the network does not see, a tip out of the tail's reach, and a tip on a hind paw.
    """
    sure = sure.copy()
    at = {name: NAMES.index(name) for name in NAMES}
    tip, middle, base = at["tail_tip"], at["tail_mid"], at["tail_base"]
    spine = distance(points, at["withers"], base)
    too_far = distance(points, base, tip) > TAIL_REACH * np.maximum(spine, 0.12)
    on_paw = np.zeros(len(points), bool)
    for paw in ("rear_paw_a", "rear_paw_b"):
        near = distance(points, tip, at[paw]) < SAME_PLACE
        on_paw |= near & (sure[:, at[paw]] >= sure[:, tip])
    sure[too_far | on_paw | (seen[:, tip] < SURE), tip] = 0.0
    sure[seen[:, middle] < SURE, middle] = 0.0
    return sure


def distance(points: NDArray[np.float32], a: int, b: int) -> NDArray[np.float32]:
    """Return the distance between two points in each picture."""
    return np.asarray(np.hypot(*(points[:, a] - points[:, b]).T), np.float32)


def nothing(squares: NDArray[np.float32]) -> Pose:
    """Return a pose of zeros."""
    n = len(squares)
    return Pose(
        points=np.zeros((n, POINTS, 2), np.float32),
        confidence=np.zeros((n, POINTS), np.float32),
        present=np.zeros((n, POINTS), np.float32),
        view=np.zeros((n, 2), np.float32),
        posture=np.zeros((n, len(POSTURES)), np.float32),
        ears=np.zeros((n, len(EARS)), np.float32),
        masks=np.zeros((n, MASK_PX, MASK_PX), np.uint8),
        squares=squares,
    )
