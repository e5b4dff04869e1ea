"""Where the camera points: an affine map from the scene to the picture for each frame."""

import numpy as np
from numpy.typing import NDArray

from .spec import ClipSpec

Floats = NDArray[np.float64]
JITTER_MEMORY_S = 0.1
CUT_ZOOM = 1.35  # after a scene cut the camera is nearer


def time_stamps(spec: ClipSpec) -> Floats:
    """Return when each frame is shown, in seconds; irregular on demand, in whole 1/90000 s."""
    if not spec.encoding.is_vfr:
        return np.arange(max(round(spec.duration_s * spec.fps), 1)) / spec.fps
    rng = np.random.default_rng([spec.seed, 31])
    steps = rng.uniform(0.6, 1.4, int(spec.duration_s * spec.fps) + 1)
    steps[rng.random(len(steps)) < 0.03] += 2.0  # a phone drops frames in the dark
    times = np.concatenate([[0.0], np.cumsum(steps / spec.fps)])
    times = times[times < spec.duration_s]
    return np.round(times * 90_000) / 90_000


def jitter(times_s: Floats, strength_px: float, seed: int) -> Floats:
    """Return a random walk that is pulled back to zero, (n, 2)."""
    rng = np.random.default_rng([seed, 37])
    kicks = rng.standard_normal((len(times_s), 2)) * strength_px
    path = np.zeros_like(kicks)
    for i in range(1, len(times_s)):
        keep = np.exp(-(times_s[i] - times_s[i - 1]) / JITTER_MEMORY_S)
        path[i] = keep * path[i - 1] + np.sqrt(1 - keep**2) * kicks[i]
    return path


def cameras(spec: ClipSpec, times_s: Floats) -> Floats:
    """Return one map from scene to picture per frame, (n, 2, 3)."""
    camera, centre = spec.camera, np.array([spec.width, spec.height]) / 2
    turn = 2 * np.pi * camera.shake_hz * times_s
    swing = np.stack([np.sin(turn), np.cos(0.83 * turn + 1) - np.cos(1)], axis=1)
    shift = camera.shake_px * swing + jitter(times_s, camera.jitter_px, spec.seed)
    shift = shift - np.outer(times_s, camera.pan_px_s)
    zoom = np.exp(camera.zoom_per_s * times_s)
    if spec.picture.cut_at_s is not None:
        zoom = np.where(times_s >= spec.picture.cut_at_s, zoom * CUT_ZOOM, zoom)
    roll = np.radians(camera.roll_deg) * np.sin(turn / 2)
    maps = np.empty((len(times_s), 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = zoom * np.cos(roll)
    maps[:, 0, 1], maps[:, 1, 0] = -zoom * np.sin(roll), zoom * np.sin(roll)
    maps[:, :, 2] = centre + shift - maps[:, :, :2] @ centre
    return maps
