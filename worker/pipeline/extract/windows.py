"""Measures each second of the clip: one row per window of 1 s, hop 0.5 s, for the timeline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.motion import Motion
from worker.pipeline.extract.movement import STILL_SPEED, travel_speed
from worker.pipeline.extract.sound import Sound
from worker.pipeline.extract.tag import Call

WINDOW_S = 1.0
HOP_S = 0.5
COLUMNS = ("energy", "travel", "still_share", "event_share", "call_share")


@dataclass(frozen=True, slots=True)
class Windows:
    """Middle of each window (n,) in seconds, and its row (n, len(COLUMNS)) float32."""

    middles_s: NDArray[np.float64]
    rows: NDArray[np.float32]

    def column(self, name: str) -> NDArray[np.float32]:
        """Return one measure over time."""
        return self.rows[:, COLUMNS.index(name)]


def measure_windows(
    span_s: tuple[float, float], motion: Motion, sound: Sound | None, calls: tuple[Call, ...]
) -> Windows:
    """Cut the analysed span into windows and measure each."""
    starts = np.arange(span_s[0], max(span_s[1] - WINDOW_S, span_s[0]) + 1e-6, HOP_S)
    events = [(e.onset_s, e.offset_s) for e in sound.events] if sound else []
    voiced = [c.span_s for c in calls]
    travel = travel_speed(motion)
    rows = [(*moving(motion, travel, s), covered(events, s), covered(voiced, s)) for s in starts]
    return Windows(np.round(starts + WINDOW_S / 2, 3), np.array(rows, np.float32))


def moving(
    motion: Motion, travel: NDArray[np.float32], start_s: float
) -> tuple[float, float, float]:
    """Return mean energy, mean travel speed and share of stillness in one window."""
    inside = (motion.times_s >= start_s) & (motion.times_s < start_s + WINDOW_S)
    if not inside.any():
        return 0.0, 0.0, 0.0
    energy = motion.energy[inside]
    still = float((energy < STILL_SPEED).mean())
    return float(energy.mean()), float(travel[inside].mean()), still


def covered(spans_s: list[tuple[float, float]], start_s: float) -> float:
    """Return the share of a window that spans cover."""
    end_s = start_s + WINDOW_S
    return min(1.0, sum(max(0.0, min(b, end_s) - max(a, start_s)) for a, b in spans_s) / WINDOW_S)
