"""Measures sound: how loud over the room, and each sound event's pitch, harmonicity and rhythm.

An event is acoustic only; what made it is for the tagger (`tag.py`) to say, where there is one.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

HOP_S = 0.01
FLOOR_WINDOW_S = 6.0
FLOOR_PERCENTILE = 15
ON_DB, OFF_DB = 12.0, 6.0
RECORDED_DBFS = -100.0  # below it there is digital silence
SILENCE_DBFS = -70.0  # a track that never rises above this is silent
MIN_EVENT_S = 0.06
MIN_GAP_S = 0.08
MAX_EVENT_S = 5.0
F0_RANGE_HZ = (60.0, 2500.0)
NSDF_FRAME_S = 0.04
NSDF_HOP_S = 0.02
NSDF_SHARE = 0.88  # of the highest peak: the first lag that reaches it is the period
VOICED_NSDF = 0.6
# Of an event whose voiced frames are few or barely periodic no pitch is told: with less, one of
# twelve generated calls was off by more than a semitone and a half (docs/signals.md).
MIN_VOICED_SHARE = 0.25
TILT_FROM_HZ = 125.0
MIN_INTERVALS = 2
MIN_HNR_DB = 3.0


@dataclass(frozen=True, slots=True)
class SoundEvent:
    """One sound over the floor. f0 and HNR are None where nothing periodic was found."""

    onset_s: float
    offset_s: float
    level_db: float  # over the noise floor
    f0_hz: float | None
    f0_slope: float | None  # octaves a second
    hnr_db: float | None
    centroid_hz: float
    voiced_share: float
    tilt_db: float = 0.0  # an octave


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound track's facts. Levels in dB re full scale; `loudness_db` over the floor."""

    usable: bool
    silent: bool
    level_dbfs: float
    floor_dbfs: float
    loudness_db: float
    clipped_share: float
    events: tuple[SoundEvent, ...]
    interval_s: float | None = None  # median from onset to onset, from three events


def measure_sound(samples: NDArray[np.float32], rate_hz: int) -> Sound:
    """Measure mono float samples in [-1, 1] at their native rate."""
    level = frame_levels(samples, rate_hz)  # (n,) dBFS, hop 10 ms
    if not len(level) or float(np.percentile(level, 99)) < SILENCE_DBFS:
        return Sound(False, True, SILENCE_DBFS, SILENCE_DBFS, 0.0, 0.0, ())
    floor = noise_floor(level)
    events = [measure_event(samples, rate_hz, a, b, level, floor) for a, b in spans(level - floor)]
    return Sound(
        usable=True,
        silent=False,
        level_dbfs=round(float(np.median(level)), 2),
        floor_dbfs=round(float(np.median(floor)), 2),
        loudness_db=round(float(np.percentile(level - floor, 90)), 2),
        clipped_share=round(float((np.abs(samples) >= 0.999).mean()), 5),
        events=tuple(events),
        interval_s=interval(events),
    )


def interval(events: list[SoundEvent]) -> float | None:
    """Return the median time from one onset to the next, None below three events."""
    between_s = np.diff([e.onset_s for e in events])
    return round(float(np.median(between_s)), 3) if len(between_s) >= MIN_INTERVALS else None


def frame_levels(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float64]:
    """Return the level of each 20 ms frame in dBFS, hop 10 ms; digital silence is -120."""
    hop = round(HOP_S * rate_hz)
    n = len(samples) // hop
    if n < 2:
        return np.empty(0)
    pieces = samples[: n * hop].reshape(n, hop)
    power = np.einsum("nh,nh->n", pieces, pieces).astype(np.float64) / hop
    return np.asarray(10 * np.log10((power[:-1] + power[1:]) / 2 + 1e-12))


def noise_floor(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an adaptive floor in dBFS: a low percentile of the seconds around each frame.

    What is quieter than 16 bits can hold was not recorded (sound that begins late, a gap): a room
    beside it would be an event.
    """
    half = round(FLOOR_WINDOW_S / HOP_S / 2)
    step = round(0.5 / HOP_S)
    centres = np.arange(0, len(level), step)
    around = [level[max(0, c - half) : c + half] for c in centres]
    heard = [a[a > RECORDED_DBFS] for a in around]
    low = [np.percentile(h, FLOOR_PERCENTILE) if len(h) else RECORDED_DBFS for h in heard]
    floor = np.interp(np.arange(len(level)), centres, np.array(low))
    return np.asarray(np.maximum(floor, SILENCE_DBFS - 10), np.float64)


def spans(over_db: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return [start, end) frames of events: on above 12 dB, off below 6, short gaps closed."""
    edges: list[tuple[int, int]] = []
    active = np.flatnonzero(np.diff(np.concatenate([[0], over_db > OFF_DB, [0]]).astype(int)))
    for a, b in zip(active[::2], active[1::2], strict=True):
        if over_db[a:b].max() < ON_DB:
            continue
        if edges and (a - edges[-1][1]) * HOP_S < MIN_GAP_S:
            edges[-1] = (edges[-1][0], int(b))
        else:
            edges.append((int(a), int(b)))
    return [(a, b) for a, b in edges if (b - a) * HOP_S >= MIN_EVENT_S]


def measure_event(
    samples: NDArray[np.float32],
    rate_hz: int,
    start: int,
    end: int,
    level: NDArray[np.float64],
    floor: NDArray[np.float64],
) -> SoundEvent:
    """Measure one event between two level frames."""
    onset_s, offset_s = start * HOP_S, end * HOP_S
    stop_s = min(offset_s, onset_s + MAX_EVENT_S)
    piece = samples[round(onset_s * rate_hz) : round(stop_s * rate_hz) + 1]
    pitch, clarity = pitch_track(piece, rate_hz)  # (frames,) Hz and 0..1
    voiced = clarity >= VOICED_NSDF
    share = float(voiced.mean()) if len(voiced) else 0.0
    hnr_db = harmonicity(clarity[voiced]) if voiced.any() else None
    frequencies, power = spectrum(piece, rate_hz)
    is_tonal = hnr_db is not None and hnr_db >= MIN_HNR_DB and share >= MIN_VOICED_SHARE
    return SoundEvent(
        onset_s=round(onset_s, 3),
        offset_s=round(offset_s, 3),
        level_db=round(float(np.percentile((level - floor)[start:end], 90)), 2),
        f0_hz=round(float(np.median(pitch[voiced])), 2) if is_tonal else None,
        f0_slope=slope(pitch[voiced], np.flatnonzero(voiced).astype(float) * NSDF_HOP_S),
        hnr_db=hnr_db,
        centroid_hz=round(centroid(frequencies, power), 1),
        voiced_share=round(share, 3),
        tilt_db=round(tilt(frequencies, power, rate_hz), 2),
    )


def tilt(frequencies: NDArray[np.float64], power: NDArray[np.float32], rate_hz: int) -> float:
    """Return how the spectrum falls, in dB an octave: a line through its octave bands' levels.

    From 125 Hz to the highest octave that the native rate holds; a whine that reaches 10 kHz falls
    less than a growl.
    """
    octaves = int(np.log2(rate_hz / 2 / TILT_FROM_HZ))
    edges = np.searchsorted(frequencies, TILT_FROM_HZ * 2.0 ** np.arange(octaves + 1))
    bands = [power[a:b] for a, b in pairwise(edges)]
    levels = [10 * np.log10(float(band.mean()) + 1e-12) for band in bands if len(band)]
    return float(np.polyfit(np.arange(len(levels)), levels, 1)[0]) if len(levels) > 1 else 0.0


def pitch_track(
    samples: NDArray[np.float32], rate_hz: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return f0 in Hz and its NSDF peak for each 40 ms frame, hop 20 ms.

    Normalised square difference, first peak of at least .88 of the highest (McLeod & Wyvill 2005);
    the plain maximum makes octave errors.
    """
    size, hop = round(NSDF_FRAME_S * rate_hz), round(NSDF_HOP_S * rate_hz)
    if len(samples) < size:
        samples = np.pad(samples, (0, size - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop].astype(np.float64)
    frames = frames - frames.mean(axis=1, keepdims=True)
    low = max(2, int(rate_hz / F0_RANGE_HZ[1]))
    high = min(int(rate_hz / F0_RANGE_HZ[0]), size // 2)
    pairs = [first_peak(row, low, high) for row in nsdf(frames, high + 2)]
    lag, clarity = np.array(pairs).T
    return rate_hz / lag, clarity


def nsdf(frames: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Return the normalised square difference function of frames (n, size) at the first lags, in
    [-1, 1]."""
    size = frames.shape[1]
    n = scipy.fft.next_fast_len(size + lags, real=True)
    spectrum = scipy.fft.rfft(frames, n, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    correlation = scipy.fft.irfft(power, n, axis=1)[:, :lags]
    squares = np.cumsum(frames**2, axis=1)
    total = squares[:, -1:]
    head = squares[:, : -lags - 1 : -1]  # energy of the first size - lag samples
    before = np.concatenate([np.zeros((len(frames), 1)), squares[:, : lags - 1]], axis=1)
    return np.asarray(2 * correlation / (head + total - before + 1e-12))


def first_peak(curve: NDArray[np.float64], low: int, high: int) -> tuple[float, float]:
    """Return (lag, height) of the first peak that reaches .88 of the highest, by a parabola."""
    middle = curve[low : high + 1]
    tops = np.flatnonzero((middle[1:-1] > middle[:-2]) & (middle[1:-1] >= middle[2:])) + low + 1
    crossed = np.flatnonzero(curve < 0)
    tops = tops[tops > crossed[0]] if len(crossed) else tops[:0]
    if not len(tops) or curve[tops].max() <= 0:
        return float(high), 0.0
    lag = int(tops[np.argmax(curve[tops] >= NSDF_SHARE * curve[tops].max())])
    a, b, c = curve[lag - 1 : lag + 2]
    bend = a - 2 * b + c
    shift = 0.5 * (a - c) / bend if bend < 0 else 0.0
    return lag + float(np.clip(shift, -0.5, 0.5)), float(min(1.0, b))


def harmonicity(clarity: NDArray[np.float64]) -> float:
    """Return 10 log10(r / (1 - r)) of the median periodicity r, in dB, at most 30."""
    r = float(np.clip(np.median(clarity), 1e-3, 0.999))
    return round(float(10 * np.log10(r / (1 - r))), 2)


def slope(pitch_hz: NDArray[np.float64], times_s: NDArray[np.float64]) -> float | None:
    """Return the pitch's slope in octaves a second, None below three voiced frames."""
    if len(pitch_hz) < 3:
        return None
    return round(float(np.polyfit(times_s, np.log2(pitch_hz), 1)[0]), 3)


def centroid(frequencies: NDArray[np.float64], power: NDArray[np.float32]) -> float:
    """Return the spectral centroid in Hz."""
    return float((power * frequencies).sum() / (power.sum() + 1e-12))


def spectrum(
    samples: NDArray[np.float32], rate_hz: int
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the frequencies in Hz and the power at each, Hann window over the whole event."""
    n = scipy.fft.next_fast_len(len(samples), real=True)
    window = np.hanning(len(samples)).astype(np.float32)
    power = np.abs(scipy.fft.rfft(samples * window, n)) ** 2
    return scipy.fft.rfftfreq(n, 1 / rate_hz), power
