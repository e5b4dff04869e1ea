"""Draws what was found into a picture: the pet's box, outline, keypoints, tail and spine."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.crop import square_of
from worker.pipeline.extract.detect import Box
from worker.pipeline.extract.keypoints import NAMES, SURE, Pose

Picture = NDArray[np.uint8]

BOX_RGB = (255, 176, 0)
OUTLINE_RGB = (255, 255, 255)
POINT_RGB = (0, 158, 255)
LINES = {  # names in order, and the line's colour
    ("tail_base", "tail_mid", "tail_tip"): (230, 60, 120),
    ("withers", "mid_back", "tail_base"): (90, 200, 90),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one picture: the pet's box, its silhouette over the box's square, its pose
    (of which `row` is the picture's), and whether the box is only a guess."""

    box: Box | None
    mask: NDArray[np.uint8]
    is_guess: bool = False
    pose: Pose | None = None
    row: int = 0


def drawn(picture: Picture, sight: Sight) -> Picture:
    """Return a copy of a picture (h, w, 3) RGB with what is known drawn into it."""
    canvas = picture.copy()
    if sight.box is not None:
        if not sight.is_guess:
            outline(canvas, sight.box, sight.mask)
        rectangle(canvas, sight.box, dashed=sight.is_guess)
    if sight.pose is not None:
        skeleton(canvas, sight.pose, sight.row)
    return canvas


def rectangle(canvas: Picture, box: Box, *, dashed: bool) -> None:
    """Draw a box; only its corners where it is a guess."""
    height, width = canvas.shape[:2]
    x0, x1 = round(box[0] * width), round(box[2] * width) - 1
    y0, y1 = round(box[1] * height), round(box[3] * height) - 1
    if not dashed:
        cv2.rectangle(canvas, (x0, y0), (x1, y1), BOX_RGB, stroke(canvas))
        return
    across, down = (x1 - x0) // 6, (y1 - y0) // 6
    for x, inwards in ((x0, across), (x1, -across)):
        for y, below in ((y0, down), (y1, -down)):
            cv2.line(canvas, (x, y), (x + inwards, y), BOX_RGB, stroke(canvas))
            cv2.line(canvas, (x, y), (x, y + below), BOX_RGB, stroke(canvas))


def outline(canvas: Picture, box: Box, mask: NDArray[np.uint8]) -> None:
    """Draw the edge of a silhouette."""
    height, width = canvas.shape[:2]
    square = square_of(box, (width, height))
    edges, _ = cv2.findContours(
        (mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    low = np.array([square[0] * width, square[1] * height])
    side = np.array([(square[2] - square[0]) * width, (square[3] - square[1]) * height])
    for edge in edges:
        at = low + (edge[:, 0, :] + 0.5) / len(mask) * side
        cv2.polylines(canvas, [np.round(at).astype(np.int32)], True, OUTLINE_RGB, 1, cv2.LINE_AA)


def skeleton(canvas: Picture, pose: Pose, row: int) -> None:
    """Draw the sure points of one picture, and the lines of tail and spine between them."""
    scale = np.array([canvas.shape[1], canvas.shape[0]], float)
    sure = {
        name: tuple(int(v) for v in np.round(pose.points[row, k] * scale))
        for k, name in enumerate(NAMES)
        if pose.confidence[row, k] >= SURE
    }
    for names, colour in LINES.items():
        path = [sure[n] for n in names if n in sure]
        if len(path) > 1:
            cv2.polylines(
                canvas, [np.array(path, np.int32)], False, colour, stroke(canvas) + 1, cv2.LINE_AA
            )
    for x, y in sure.values():
        cv2.circle(canvas, (x, y), stroke(canvas) + 1, POINT_RGB, -1, cv2.LINE_AA)


def stroke(canvas: Picture) -> int:
    """Return a line's width that suits the picture's size."""
    height, width = canvas.shape[:2]
    return int(max(1, round(max(height, width) / 250)))
