"""Measures a clip again without some of its seconds: what would be said if they had not been seen.

The movement series is gone by now, so a summary of movement is moved as the windows that are left
move it; calls, sounds and postures are left out exactly.
"""

from dataclasses import replace
from statistics import median  # of so few values it is far faster than numpy's

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract import Extract
from worker.pipeline.extract.movement import Movement
from worker.pipeline.extract.posture import Posture
from worker.pipeline.extract.rhythm import Rhythm
from worker.pipeline.extract.windows import WINDOW_S, Windows

Mask = NDArray[np.bool_]
Span = tuple[float, float]
MIN_SPEED = 1e-4  # body lengths a second: nothing


def occluded(extracted: Extract, hidden: Mask) -> Extract:
    """Return the clip's measurements without the windows (w,) that the mask hides."""
    windows = extracted.windows
    gone = [(float(m) - WINDOW_S / 2, float(m) + WINDOW_S / 2) for m in windows.middles_s[hidden]]
    facts = extracted.facts
    calls = tuple(c for c in facts.calls if hidden_share(c.span_s, gone) < 0.5)
    left = Windows(windows.middles_s[~hidden], windows.rows[~hidden])
    kept = ~covered(extracted, extracted.picture_times_s, hidden)
    posture = extracted.posture
    return replace(
        extracted,
        windows=left,
        picture_times_s=extracted.picture_times_s[kept],
        posture=Posture(posture.rows[kept], posture.known[kept]) if posture else None,
        facts=replace(facts, calls=calls, movement=moved(facts.movement, windows, hidden, gone)),
    )


def covered(extracted: Extract, times_s: NDArray[np.float64], hidden: Mask) -> Mask:
    """Tell which times lie in a hidden window (w,)."""
    middles = extracted.windows.middles_s[hidden]
    near = np.abs(times_s[:, None] - middles[None]) <= WINDOW_S / 2
    return np.asarray(near.any(axis=1))


def moved(movement: Movement, windows: Windows, hidden: Mask, gone: list[Span]) -> Movement:
    """Return the summary of movement as the windows that are left would have it."""
    if hidden.all():
        return movement
    energy, travel = windows.column("energy"), windows.column("travel")
    still = windows.column("still_share")
    excess = np.maximum(energy - median(energy.tolist()), 0)
    active = float(excess[~hidden].sum() / excess.sum() if excess.sum() > 0 else (~hidden).mean())
    busier = active / float((~hidden).mean())
    kept = float(np.clip(movement.still_share + still[~hidden].mean() - still.mean(), 0, 1))
    is_stop_gone = hidden_share(movement.freeze_s, gone) >= 0.5
    return replace(
        movement,
        energy_median=movement.energy_median * changed(energy, hidden),
        travel_median=movement.travel_median * changed(travel, hidden),
        still_share=round(kept, 4),
        burst_rate=movement.burst_rate * busier,
        bounce=movement.bounce * min(1.0, busier),
        freeze_s=None if is_stop_gone else movement.freeze_s,
        pace=fainter(movement.pace, gone),
        beat=fainter(movement.beat, gone),
        tremble=fainter(movement.tremble, gone),
    )


def changed(values: NDArray[np.float32], hidden: Mask) -> float:
    """Return by which factor a series' median changes without its hidden windows."""
    before: float = median(values.tolist())
    after: float = median(values[~hidden].tolist())
    return max(after, MIN_SPEED) / max(before, MIN_SPEED)


def fainter(rhythm: Rhythm | None, gone: list[Span]) -> Rhythm | None:
    """Return a rhythm as less prominent as less of it is left: a peak grows with its length."""
    if rhythm is None:
        return None
    left = 1 - hidden_share(rhythm.span_s, gone)
    return replace(rhythm, prominence=rhythm.prominence * left) if left > 0 else None


def hidden_share(span_s: Span | None, gone: list[Span]) -> float:
    """Return which share of a span the hidden ones cover."""
    if span_s is None or span_s[1] <= span_s[0]:
        return 0.0
    covered, until = 0.0, span_s[0]
    for start, end in sorted(gone):
        start, end = max(start, until), min(end, span_s[1])
        if end > start:
            covered += end - start
            until = end
    return covered / (span_s[1] - span_s[0])
