"""What is true of a generated clip, for tests and benchmarks to measure against."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spec import Voice

Floats = NDArray[np.float64]

KEYPOINTS = (
    "nose",
    "chin",
    *(f"{side}_{part}" for part in ("eye", "ear_base", "ear_tip") for side in ("left", "right")),
    "withers",
    "mid_back",
    "tail_base",
    "tail_mid",
    "tail_tip",
    *(
        f"{side}_{part}"
        for part in ("elbow", "carpus", "front_paw", "stifle", "hock", "rear_paw")
        for side in ("left", "right")
    ),
)


@dataclass(frozen=True, slots=True)
class SoundTruth:
    voice: Voice
    onset_s: float
    offset_s: float
    f0_hz: float | None  # median over the event as it was synthesised


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Arrays run over the frames; lengths in pixels of the upright picture, origin top left.

    Angles and curvature are the animal's own, before the foreshortening of a turn (`facing`).
    Without an animal `times_s`, `camera` and `sounds` are all there is; the rest is NaN or False.
    """

    times_s: Floats  # (n,)
    camera: Floats  # (n, 2, 3) scene -> picture; [:, :, 2] moves when only the camera does
    tail_angle_deg: Floats  # (n,) base -> tip against withers -> tail base; + raised, 0 in line,
    # - lowered (-90 hanging, below -100 tucked)
    ear_position: Floats  # (n,) angle of the ear against the head's backward axis / 90 degrees
    spine_curvature: Floats  # (n,) |mid back to chord withers-tail base| / chord
    facing: Floats  # (n,) cosine of the yaw: +1 faces right, -1 left, near 0 while it turns
    centre_px: Floats  # (n, 2) centroid of the whole silhouette, hidden parts included
    trunk_px: Floats  # (n, 2) middle of the trunk: the path that `speed_*` belongs to
    speed_px_s: Floats  # (n,) of the trunk against the scene, in pixels of that frame's zoom
    speed_bl_s: Floats  # (n,)
    body_length_px: Floats  # (n,) nose to tail base of the same animal standing, side view
    box_px: Floats  # (n, 4) x0 y0 x1 y1 of the silhouette, cut at the picture's edge
    visible_share: Floats  # (n,) of the silhouette inside the picture and not behind an object
    keypoints_px: Floats  # (n, len(KEYPOINTS), 2)
    keypoints_visible: NDArray[np.bool_]  # in the picture, not behind an object, eye on our side
    sounds: tuple[SoundTruth, ...]
    wag_hz: float = 0.0
    wag_amplitude_deg: float = 0.0
    pace_hz: float = 0.0
    tremble_hz: float = 0.0
    pant_hz: float = 0.0

    def keypoint(self, name: str) -> Floats:
        """Return the path of one keypoint, (n, 2) in pixels."""
        return self.keypoints_px[:, KEYPOINTS.index(name)]
