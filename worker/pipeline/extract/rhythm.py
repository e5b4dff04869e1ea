"""Finds rhythmic movement: how fast, how clear, and when. Names rates, not body parts."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from worker.pipeline.extract.motion import Motion

BANDS_HZ = {"beat": (1.0, 7.0), "tremble": (8.0, 12.0)}
WINDOW_S = 4.0
HOP_S = 0.5
MIN_CYCLES = 3.0
MIN_PROMINENCE = 10.0  # peak over mean of the spectrum (notes/evidence.md 5)
MAX_RIVAL = 0.5  # of the peak: the highest other power from 0.3 Hz to twice the rate
LOBE_HZ = 2 / WINDOW_S  # half width of a Hann window's main lobe
STAYS_BELOW = 0.15  # body lengths a second
MIN_SWING = {  # body lengths: about one flow pixel in six for a large pet; trembling is finer
    "beat": 0.008,
    "tremble": 0.004,
}
MIN_WEIGHT = 0.3  # how much of the pet a block must hold
MAX_BLOCKS = 160  # more are pooled two by two
TOP_BLOCKS = 4
SAMPLES_A_CYCLE = 2.4

PACE_HZ = (0.2, 0.6)
PACE_MIN_REACH = 0.2  # body lengths to each side of the middle
PACE_MIN_TURNS = 3
PACE_MIN_PROMINENCE = 4.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """One rhythm: rate in Hz, prominence (peak over mean of the spectrum), swing in body lengths,
    the span where it was clearest, and where in the picture (shares)."""

    rate_hz: float
    prominence: float
    swing: float
    span_s: tuple[float, float]
    at: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Residual velocity on an even time grid (n, blocks, 2) with the blocks' places (blocks, 2)."""

    values: NDArray[np.float32]
    start_s: float
    fps: float
    places: NDArray[np.float64]


def measurable_bands(motion: Motion) -> tuple[str, ...]:
    """Return the bands that the frame rate and the length allow."""
    lasting = float(motion.times_s[-1] - motion.times_s[0])
    rates = {"beat": 4.0, "tremble": 9.5}  # what must be resolved to speak of the band at all
    bands = [b for b, hz in rates.items() if motion.fps >= SAMPLES_A_CYCLE * hz and lasting >= 1.5]
    return (*bands, "pace") if lasting * PACE_HZ[1] >= PACE_MIN_TURNS else tuple(bands)


def find_rhythms(motion: Motion) -> dict[str, Rhythm]:
    """Return the clearest rhythm of each band that shows one.

    Hann window of 4 s, zero-padded spectrum; prominence and swing must pass their thresholds. A
    body that travels has the rhythm of its gait: such windows are left out.
    """
    bands = measurable_bands(motion)
    found = {}
    if "pace" in bands and (pace := find_pace(motion)) is not None:
        found["pace"] = pace
    series = even_series(motion)
    wanted = [b for b in BANDS_HZ if b in bands]
    if not wanted or series.values.shape[1] == 0:
        return found
    stays = [start for start in starts(series) if not travels(motion, series, start)]
    windows = [window for start in stays if (window := look(series, start, wanted))]
    for band in wanted:
        hits = [w[band] for w in windows if band in w]
        if hits:
            found[band] = joined(max(hits, key=lambda r: (r.prominence, -r.span_s[0])), hits)
    return found


def even_series(motion: Motion) -> Series:
    """Return the pet's blocks on an even time grid."""
    rows, columns = motion.weight.shape
    field, weight = motion.field, motion.weight
    if (weight >= MIN_WEIGHT).sum() > MAX_BLOCKS:
        rows, columns = rows // 2, columns // 2
        field, weight = pooled(field, rows, columns), pooled(weight[None], rows, columns)[0]
    chosen = np.flatnonzero(weight.ravel() >= MIN_WEIGHT)
    flat = field.reshape(len(field), rows * columns, 2)[:, chosen]
    places = np.stack([(chosen % columns + 0.5) / columns, (chosen // columns + 0.5) / rows], 1)
    grid = np.arange(motion.times_s[0], motion.times_s[-1] + 1e-9, 1 / motion.fps)
    after = np.clip(np.searchsorted(motion.times_s, grid), 1, len(motion.times_s) - 1)
    width = motion.times_s[after] - motion.times_s[after - 1]
    share = np.clip((grid - motion.times_s[after - 1]) / width, 0, 1).astype(np.float32)
    values = flat[after - 1] + (flat[after] - flat[after - 1]) * share[:, None, None]
    return Series(values, float(grid[0]), motion.fps, places)


def pooled(field: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Return means over two by two blocks; an odd last row or column is left out."""
    even = field[:, : 2 * rows, : 2 * columns]
    shape = (len(field), rows, 2, columns, 2, *field.shape[3:])
    return np.asarray(even.reshape(shape).mean(axis=(2, 4)), np.float32)


def starts(series: Series) -> list[int]:
    """Return the first sample of each window."""
    n = min(len(series.values), round(WINDOW_S * series.fps))
    return list(range(0, len(series.values) - n + 1, max(1, round(HOP_S * series.fps))))


def travels(motion: Motion, series: Series, start: int) -> bool:
    """Tell whether the body goes somewhere for most of one window."""
    from_s = series.start_s + start / series.fps
    inside = (motion.times_s >= from_s) & (motion.times_s < from_s + WINDOW_S)
    speed = np.hypot(*motion.travel[inside].T)
    return bool(len(speed)) and float(np.median(speed)) > STAYS_BELOW


def look(series: Series, start: int, bands: list[str]) -> dict[str, Rhythm]:
    """Look for each band's rhythm in one window."""
    n = min(len(series.values), round(WINDOW_S * series.fps))
    window = series.values[start : start + n]
    window = (window - window.mean(axis=0)) * np.hanning(n).astype(np.float32)[:, None, None]
    padded = scipy.fft.next_fast_len(3 * n, real=True)
    spectrum = scipy.fft.rfft(window, padded, axis=0)  # (f, blocks, 2)
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=2)
    hz = scipy.fft.rfftfreq(padded, 1 / series.fps)
    lasting = n / series.fps
    found = {}
    for band in bands:
        low, high = BANDS_HZ[band]
        inside = (hz >= max(low, MIN_CYCLES / lasting)) & (hz <= min(high, hz[-1] / 1.2))
        peak = clearest(power, hz, inside)
        if peak is not None:
            rate_hz, prominence, block = peak
            speed = 4 / n * float(np.sqrt(power[np.abs(hz - rate_hz).argmin(), block]))
            swing = speed / (2 * np.pi * rate_hz)
            at = (
                round(float(series.places[block, 0]), 3),
                round(float(series.places[block, 1]), 3),
            )
            span = (
                series.start_s + start / series.fps,
                series.start_s + start / series.fps + lasting,
            )
            if swing >= MIN_SWING[band]:
                found[band] = Rhythm(
                    round(rate_hz, 3),
                    round(prominence, 2),
                    round(swing, 4),
                    (round(span[0], 2), round(span[1], 2)),
                    at,
                )
    return found


def clearest(
    power: NDArray[np.float32], hz: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[float, float, int] | None:
    """Return (rate, prominence, block) of the band's peak, None where it does not stand out."""
    if not inside.any():
        return None
    blocks = np.argsort(-power[inside].max(axis=0), kind="stable")[:TOP_BLOCKS]
    spectrum = power[:, blocks].sum(axis=1, dtype=np.float64)
    peak = int(np.flatnonzero(inside)[spectrum[inside].argmax()])
    prominence = float(spectrum[peak] / (spectrum[hz >= 0.15].mean() + 1e-20))
    edge = peak in (0, len(spectrum) - 1)
    if edge or prominence < MIN_PROMINENCE or spectrum[peak] < spectrum[peak - 1 : peak + 2].max():
        return None
    aside = (np.abs(hz - hz[peak]) > LOBE_HZ) & (hz >= 0.3) & (hz <= 2 * hz[peak] - LOBE_HZ)
    if aside.any() and spectrum[aside].max() > MAX_RIVAL * spectrum[peak]:
        return None  # a slope towards slow movement, not a rhythm
    a, b, c = np.log(spectrum[peak - 1 : peak + 2] + 1e-30)
    shift = 0.5 * (a - c) / (a - 2 * b + c) if a - 2 * b + c < 0 else 0.0
    return float(hz[peak] + np.clip(shift, -0.5, 0.5) * hz[1]), prominence, int(blocks[0])


def joined(best: Rhythm, found: list[Rhythm]) -> Rhythm:
    """Widen the best rhythm's span by the windows that show the same rate next to it."""
    start, end = best.span_s
    same = [r for r in found if abs(r.rate_hz - best.rate_hz) < max(0.3, 0.1 * best.rate_hz)]
    for r in sorted(same, key=lambda r: r.span_s):
        if r.span_s[0] <= end and r.span_s[1] >= start:
            start, end = min(start, r.span_s[0]), max(end, r.span_s[1])
    return Rhythm(best.rate_hz, best.prominence, best.swing, (start, end), best.at)


def find_pace(motion: Motion) -> Rhythm | None:
    """Return walking to and fro: the whole body's path turns at an even 0.2 to 0.6 Hz.

    At least three turns, each at least a quarter of a body length from the middle.
    """
    step_s = np.gradient(motion.times_s)
    path = np.cumsum(motion.travel[:, 0] * step_s)  # (t,) body lengths
    path = path - np.polyval(np.polyfit(motion.times_s, path, 1), motion.times_s)
    padded = 4 * len(path)
    power = np.abs(scipy.fft.rfft(path * np.hanning(len(path)), padded)) ** 2
    hz = scipy.fft.rfftfreq(padded, 1 / motion.fps)
    inside = (hz >= PACE_HZ[0]) & (hz <= PACE_HZ[1])
    if not inside.any():  # too few pictures a second
        return None
    peak = int(np.flatnonzero(inside)[power[inside].argmax()])
    prominence = float(power[peak] / (power[hz <= 2.0].mean() + 1e-20))
    turns = turning_points(path, PACE_MIN_REACH)
    if prominence < PACE_MIN_PROMINENCE or len(turns) < PACE_MIN_TURNS:
        return None
    span = (float(motion.times_s[turns[0]]), float(motion.times_s[turns[-1]]))
    return Rhythm(
        rate_hz=round(float(hz[peak]), 3),
        prominence=round(prominence, 2),
        swing=round(float(path.std() * np.sqrt(2)), 4),
        span_s=(round(span[0], 2), round(span[1], 2)),
        at=(0.5, 0.5),
    )


def turning_points(path: NDArray[np.float64], reach: float) -> list[int]:
    """Return where a path turns back by at least twice the reach (its extremes, alternating)."""
    turns: list[int] = []
    top = bottom = 0
    rising: bool | None = None
    for i, value in enumerate(path):
        top = i if value > path[top] else top
        bottom = i if value < path[bottom] else bottom
        if rising is not False and path[top] - value >= 2 * reach:
            turns += [top] if rising else []  # where the path begins it does not turn
            rising, bottom = False, i
        elif rising is not True and value - path[bottom] >= 2 * reach:
            turns += [bottom] if rising is False else []
            rising, top = True, i
    return turns
