"""Sums the movement series up: energy, travel, stillness, bursts, reversals, rhythms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.bouts import bounce, bursts, freeze, reversals
from worker.pipeline.extract.motion import Motion
from worker.pipeline.extract.rhythm import Rhythm, find_rhythms, measurable_bands

CAMERA_MOVES = 0.03  # picture widths a second
STILL_SPEED = 0.03  # body lengths a second; twice the residual of dogs that lie still
SMOOTH_S = 0.3
TRAVEL_SMOOTH_S = 0.7
MIN_STILL_S = 1.0


@dataclass(frozen=True, slots=True)
class Movement:
    """Speeds in body lengths a second; shares of time 0..1; rates a second."""

    energy_median: float
    energy_p90: float
    travel_median: float
    still_share: float
    longest_still_s: tuple[float, float] | None
    peak_s: tuple[float, float]
    burst_rate: float
    reversal_rate: float
    bounce: float  # of movement that comes and goes
    freeze_s: tuple[float, float] | None
    camera_speed: float
    camera_moves: bool
    fit: float
    fps: float
    pace: Rhythm | None
    beat: Rhythm | None
    tremble: Rhythm | None
    bands: tuple[str, ...]  # those that the frame rate and the length allow


def sum_up(motion: Motion) -> Movement:
    """Sum a movement series up."""
    energy = smooth(motion.energy, motion.fps, SMOOTH_S)
    camera = float(np.percentile(motion.camera_speed, 75))
    still = energy < STILL_SPEED
    rhythms = find_rhythms(motion)
    travel = travel_speed(motion)
    velocity = np.stack([smooth(motion.travel[:, k], motion.fps, SMOOTH_S) for k in (0, 1)])
    still_s = longest_run(still, motion.times_s)
    return Movement(
        energy_median=round(float(np.median(energy)), 4),
        energy_p90=round(float(np.percentile(energy, 90)), 4),
        travel_median=round(float(np.median(travel)), 4),
        still_share=round(float(still.mean()), 4),
        longest_still_s=still_s,
        peak_s=around_peak(energy, motion.times_s),
        burst_rate=round(bursts(energy) / lasting(motion), 4),
        reversal_rate=round(reversals(velocity[0]) / lasting(motion), 4),
        bounce=round(bounce(velocity, energy), 4),
        freeze_s=freeze(energy, motion.times_s, still_s),
        camera_speed=round(camera, 4),
        camera_moves=camera > CAMERA_MOVES,
        fit=motion.fit,
        fps=motion.fps,
        pace=rhythms.get("pace"),
        beat=rhythms.get("beat"),
        tremble=rhythms.get("tremble"),
        bands=measurable_bands(motion),
    )


def lasting(motion: Motion) -> float:
    """Return the series' length in seconds."""
    return max(1.0, float(motion.times_s[-1] - motion.times_s[0]))


def travel_speed(motion: Motion) -> NDArray[np.float32]:
    """Return how fast the body as a whole moves (t,), steps and trembling averaged out."""
    across, down = (smooth(motion.travel[:, k], motion.fps, TRAVEL_SMOOTH_S) for k in (0, 1))
    return np.hypot(across, down)


def smooth(values: NDArray[np.floating], fps: float, over_s: float) -> NDArray[np.float32]:
    """Return a moving average."""
    n = min(max(1, round(over_s * fps)), len(values))
    padded = np.pad(values, (n // 2, n - 1 - n // 2), mode="edge")
    return np.convolve(padded, np.ones(n, np.float32) / n, mode="valid").astype(np.float32)


def longest_run(
    flags: NDArray[np.bool_], times_s: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Return the longest span where the flag holds, None below one second."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]]).astype(int)))
    runs = [(times_s[a], times_s[b - 1]) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    start, end = max(runs, key=lambda r: r[1] - r[0], default=(0.0, 0.0))
    if end - start < MIN_STILL_S:
        return None
    return round(float(start), 2), round(float(end), 2)


def around_peak(energy: NDArray[np.float32], times_s: NDArray[np.float64]) -> tuple[float, float]:
    """Return the two seconds around the most energetic moment."""
    top = float(times_s[int(energy.argmax())])
    start = max(float(times_s[0]), top - 1)
    return round(start, 2), round(min(float(times_s[-1]), start + 2), 2)
