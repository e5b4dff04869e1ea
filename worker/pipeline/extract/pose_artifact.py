"""Writes pose and posture among an extract's arrays, and reads them back checked."""

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.artifact import expect
from worker.pipeline.extract.keypoints import EARS, MASK_PX, POINTS, POSTURES, Pose
from worker.pipeline.extract.posture import WIDTH, Posture

SHAPES: dict[str, tuple[tuple[int, ...], str]] = {
    "points": ((POINTS, 2), "float32"),
    "confidence": ((POINTS,), "float32"),
    "present": ((POINTS,), "float32"),
    "view": ((2,), "float32"),
    "posture": ((len(POSTURES),), "float32"),
    "ears": ((len(EARS),), "float32"),
    "masks": ((MASK_PX, MASK_PX), "uint8"),
    "squares": ((4,), "float32"),
}  # of one picture
MEASURED: dict[str, tuple[tuple[int, ...], str]] = {
    "rows": ((WIDTH,), "float32"),
    "known": ((WIDTH,), "bool"),
}
Arrays = dict[str, NDArray[np.generic]]


def pack(pose: Pose | None, posture: Posture | None) -> Arrays:
    """Return the arrays of a pose and its posture, none where there is none."""
    if pose is None or posture is None:
        return {}
    kept: Arrays = {f"pose_{name}": getattr(pose, name) for name in SHAPES}
    return kept | {f"posture_{name}": getattr(posture, name) for name in MEASURED}


def unpack(arrays: Arrays, n: int) -> tuple[Pose | None, Posture | None]:
    """Return pose and posture of n pictures. Raises ArtifactInvalid."""
    if "pose_points" not in arrays:
        return None, None
    pose = {k: expect(arrays, f"pose_{k}", (n, *s), d) for k, (s, d) in SHAPES.items()}
    posture = {k: expect(arrays, f"posture_{k}", (n, *s), d) for k, (s, d) in MEASURED.items()}
    return Pose(**pose), Posture(**posture)  # type: ignore[arg-type]
