"""How a clip's stored pictures are to be seen: pixel shape, turns, mirroring and brightness.

What a player does before it shows them. Knows nothing of time stamps.
"""

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

ROUNDED_ASPECT = 0.01  # encoders make up for an even width by pixels of 640:639
PQ, HLG = 16, 18  # AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67
WHITE_NITS = 203.0  # a sheet of paper in HDR (ITU-R BT.2408)
HLG_NITS = 1000.0  # of the display that HLG is made for, whose system gamma is 1.2 (BT.2100)
KNEE = 0.8  # of white: what is brighter is pressed together, not burnt
DISPLAY_GAMMA = 2.4  # BT.1886


@dataclass(frozen=True, slots=True)
class Display:
    """The size as seen, and how to get there: mirror left to right, then turn, then `tones`."""

    width: int
    height: int
    turns: int = 0  # quarters, counter-clockwise
    is_mirrored: bool = False
    tones: NDArray[np.uint8] | None = None  # (256,) of each level; None: as they are

    def before_turn(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return what a (width, height) as seen is before the turn."""
        return size[::-1] if self.turns % 2 else size

    def show(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image (h, w) or (h, w, c), full range, as it is to be seen."""
        if self.tones is not None:
            image = np.asarray(cv2.LUT(image, self.tones), np.uint8)
        if self.is_mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, self.turns))


def display_of(frame: av.VideoFrame, pixel_aspect: Fraction | None) -> Display:
    """Tell how a frame is to be seen, by its own word and its stream's pixel aspect ratio."""
    turns, is_mirrored = orientation(frame)
    width = round(frame.width * believed(pixel_aspect))
    size = (frame.height, width) if turns % 2 else (width, frame.height)
    return Display(*size, turns, is_mirrored, tones_of(frame.color_trc))


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


def tones_of(transfer: int) -> NDArray[np.uint8] | None:
    """Return the grey level on an ordinary display of each HDR level, None of ordinary video.

    Of each colour by itself; HDR's wider colours come out a little paler than they are.
    """
    levels = np.arange(256) / 255
    if transfer not in (PQ, HLG):
        return None
    light = (pq_nits(levels) if transfer == PQ else hlg_nits(levels)) / WHITE_NITS
    over = np.maximum(light - KNEE, 0) / (1 - KNEE)
    pressed = np.minimum(light, KNEE) + (1 - KNEE) * np.tanh(over)
    return np.asarray((255 * pressed ** (1 / DISPLAY_GAMMA)).round(), np.uint8)


def pq_nits(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of PQ levels 0..1 (BT.2100, table 4)."""
    power = levels ** (32 / 2523)
    ratio = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
    return np.asarray(10_000 * ratio ** (8192 / 1305))


def hlg_nits(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of HLG levels 0..1 (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(levels <= 0.5, levels**2 / 3, (np.exp((levels - c) / a) + b) / 12)
    return np.asarray(HLG_NITS * scene**1.2)
