"""A camera anywhere round the animal: from space to the pixels of the square that is looked at."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worker.pipeline.extract.pose import LOOK_PX

PX = LOOK_PX


@dataclass(frozen=True, slots=True)
class Camera:
    """Angles in radians. Depth grows away from the camera, which is `distance` from the animal."""

    azimuth: float  # 0: the animal looks to the right, pi/2: away
    elevation: float
    roll: float
    distance: float
    zoom: float = 1.0  # pixels per spine length at the animal's own depth
    shift: tuple[float, float] = (PX / 2, PX / 2)

    @property
    def rotation(self) -> NDArray[np.float64]:
        """Rows give right, down, away of a point in space."""
        ca, sa = np.cos(self.azimuth), np.sin(self.azimuth)
        ce, se = np.cos(self.elevation), np.sin(self.elevation)
        right = np.array([ca, -sa, 0.0])
        upward = np.array([sa * se, ca * se, ce])
        away = np.array([sa * ce, ca * ce, -se])
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        return np.stack([cr * right + sr * upward, -(cr * upward - sr * right), away])

    @property
    def to_camera(self) -> NDArray[np.float64]:
        """The unit vector from the animal to the camera, in the animal's space."""
        return np.asarray(-self.rotation[2])


def draw_camera(rng: Generator) -> Camera:
    """Draw a view: mostly from the side or the front, from the floor to straight above."""
    side = rng.random() < 0.5
    azimuth = rng.choice([0, np.pi]) + rng.normal(0, 0.45) if side else rng.uniform(-np.pi, np.pi)
    if not side and np.sin(azimuth) > 0 and rng.random() < 0.4:
        azimuth = -azimuth  # people film faces more than tails
    elevation = np.radians(rng.choice([rng.normal(8, 8), rng.uniform(0, 35), rng.uniform(30, 75)],
                                      p=[0.45, 0.35, 0.2]))  # fmt: skip
    return Camera(
        azimuth=float(azimuth),
        elevation=float(np.clip(elevation, -0.12, 1.35)),
        roll=float(rng.normal(0, 0.07)),
        distance=float(np.exp(rng.uniform(np.log(2.2), np.log(9.0)))),
    )


def project(
    camera: Camera, points: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return x, y in pixels, depth in spine lengths, radius in pixels: (n, 4)."""
    seen = (points - np.array([0, 0, 0.4])) @ camera.rotation.T
    scale = camera.zoom * camera.distance / np.maximum(camera.distance + seen[:, 2], 0.3)
    return np.stack(
        [
            seen[:, 0] * scale + camera.shift[0],
            seen[:, 1] * scale + camera.shift[1],
            seen[:, 2],
            radii * scale,
        ],
        axis=1,
    )


def aim(rng: Generator, camera: Camera, capsules: NDArray[np.float64]) -> Camera:
    """Zoom and shift so that the animal fills the square as a detector's box would, roughly."""
    ends = np.vstack([capsules[:, :4], capsules[:, 4:]])
    seen = project(Camera(camera.azimuth, camera.elevation, camera.roll, camera.distance,
                          1.0, (0.0, 0.0)), ends[:, :3], ends[:, 3])  # fmt: skip
    low = (seen[:, :2] - seen[:, 3:]).min(axis=0)
    high = (seen[:, :2] + seen[:, 3:]).max(axis=0)
    margin = float(rng.choice([rng.uniform(1.05, 1.3), rng.uniform(1.3, 1.6),
                               rng.uniform(0.7, 1.05)],
                              p=[0.72, 0.16, 0.12]))  # fmt: skip
    zoom = PX / (float((high - low).max()) * margin)
    middle = (low + high) / 2 * zoom
    slip = rng.normal(0, 0.04, 2) * PX
    return Camera(
        camera.azimuth, camera.elevation, camera.roll, camera.distance, zoom,
        (float(PX / 2 - middle[0] + slip[0]), float(PX / 2 - middle[1] + slip[1])),
    )  # fmt: skip
