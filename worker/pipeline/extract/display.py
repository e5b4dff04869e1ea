"""How a clip's stored pictures are to be seen: pixel shape, turns and mirroring.

What a player does before it shows them. Knows nothing of time stamps.
"""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

ROUNDED_ASPECT = 0.01  # encoders make up for an even width by pixels of 640:639


@dataclass(frozen=True, slots=True)
class Display:
    """The size as seen, and how to get there: mirror left to right, then turn."""

    width: int
    height: int
    turns: int = 0  # quarters, counter-clockwise
    is_mirrored: bool = False

    def before_turn(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return what a (width, height) as seen is before the turn."""
        return size[::-1] if self.turns % 2 else size

    def show(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image (h, w) or (h, w, c) as it is to be seen."""
        if self.is_mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, self.turns))


def display_of(frame: av.VideoFrame, pixel_aspect: Fraction | None) -> Display:
    """Tell how a frame is to be seen, by its own word and its stream's pixel aspect ratio."""
    turns, is_mirrored = orientation(frame)
    width = round(frame.width * believed(pixel_aspect))
    size = (frame.height, width) if turns % 2 else (width, frame.height)
    return Display(*size, turns, is_mirrored)


def believed(pixel_aspect: Fraction | None) -> float:
    """Return a pixel's width over its height; 1 where that is unknown, absurd or a rounding."""
    aspect = float(pixel_aspect or 1)
    is_meant = 0.1 < aspect < 10 and abs(aspect - 1) > ROUNDED_ASPECT
    return aspect if is_meant else 1.0


def orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Return quarter turns counter-clockwise, and whether to mirror before, by the matrix.

    FFmpeg's angle alone does not tell a mirrored picture (a front camera's) from a turned one.
    """
    try:
        matrix = np.frombuffer(frame.side_data["DISPLAYMATRIX"], np.int32)  # type: ignore[typeddict-item]
    except (KeyError, ValueError):  # none; or other side data that PyAV has no name for
        return round(frame.rotation / 90) % 4, False
    a, b, _, c, d = matrix[:5].tolist()
    is_mirrored = a * d < b * c
    if is_mirrored:
        a, b = -a, -b
    return round(-np.arctan2(b, a) / (np.pi / 2)) % 4, is_mirrored
