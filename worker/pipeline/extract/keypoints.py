"""What a pose network says of each picture: points, whether they can be seen, view and posture.

Pairs are in image order: the first of each pair has the smaller mean x. Anatomical left and right
are not claimed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAIRS = ("eye", "ear_base", "ear_tip", "elbow", "carpus", "front_paw", "stifle", "hock", "rear_paw")
SINGLES = ("nose", "chin", "withers", "mid_back", "tail_base", "tail_mid", "tail_tip")
NAMES = SINGLES + tuple(f"{pair}_{side}" for pair in PAIRS for side in ("a", "b"))
POINTS = len(NAMES)  # 25
POSTURES = ("standing", "walking", "sitting", "lying_chest", "lying_side", "crouching", "bowing")
EARS = ("erect", "back", "hanging", "folded")
MASK_PX = 64  # side of a mask, over the square that the network looked at
SURE = 0.5  # from this confidence on a point is used

Square = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of the picture, may leave it


@dataclass(frozen=True, slots=True)
class Pose:
    """The pose in n pictures; rows of pictures without a box hold zeros everywhere.

    points (n, 25, 2) float32: x and y as shares of the picture's width and height.
    confidence (n, 25) float32, 0..1: is the point right? present (n, 25): is it in view at all?
    view (n, 2) float32: cosine and sine of the azimuth (0: head towards the image's right, pi/2:
    away from the camera), their length the certainty.
    posture (n, 7), ears (n, 4): probabilities in the order of POSTURES, EARS.
    masks (n, 64, 64) uint8, 0..255: the animal's silhouette over `squares` (n, 4) float32.
    """

    points: NDArray[np.float32]
    confidence: NDArray[np.float32]
    present: NDArray[np.float32]
    view: NDArray[np.float32]
    posture: NDArray[np.float32]
    ears: NDArray[np.float32]
    masks: NDArray[np.uint8]
    squares: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)
