"""Lays calls and background noise onto one track, with the truth about each event."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import voices
from .spec import ClipSpec, Track
from .truth import SoundTruth

QUIET_NOISE = 10 ** (-40 / 20)  # RMS the noise refers to where nobody calls
PEAK = 0.97
ECHO_S = 0.06  # decay by a factor of e


@dataclass(frozen=True, slots=True, eq=False)
class Soundtrack:
    samples: NDArray[np.float32]  # (channels, n), -1..1
    rate_hz: int
    events: tuple[SoundTruth, ...]


def pink(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise with equal power per octave, unit RMS."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 8))
    noise = np.fft.irfft(spectrum, n)
    return noise / np.sqrt(np.mean(noise**2))


def room(dry: NDArray[np.float64], echo: float, rate_hz: int, rng: np.random.Generator):
    """Add a short reverberation; it begins after the call does and outlasts it a little."""
    if not echo or not dry.any():
        return dry
    n = int(ECHO_S * 6 * rate_hz)
    answer = rng.standard_normal(n) * np.exp(-np.arange(n) / (ECHO_S * rate_hz))
    answer *= echo / np.sqrt(np.sum(answer**2))
    size = 1 << (len(dry) + n).bit_length()
    wet = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(answer, size), size)
    return dry + wet[: len(dry)]


def background(spec: ClipSpec, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return room noise; the signal of the ratio is the mean level of the calls."""
    if spec.sound.snr_db is None:
        return np.zeros(n)
    calls = spec.sound.calls
    if not calls:
        return pink(n, rng) * QUIET_NOISE * 0.1
    level = np.sqrt(np.mean([call.level**2 for call in calls]))
    return pink(n, rng) * level * 10 ** (-spec.sound.snr_db / 20)


def compose(spec: ClipSpec) -> Soundtrack | None:
    """Synthesise the track of a clip; None where the clip is to have none."""
    if spec.sound.track == Track.NONE:
        return None
    rate_hz, channels = spec.sound.sample_rate_hz, spec.sound.channels
    n = int(spec.duration_s * rate_hz)
    if spec.sound.track == Track.SILENT:
        return Soundtrack(np.zeros((channels, n), np.float32), rate_hz, ())
    rng = np.random.default_rng([spec.seed, 61])
    noise, mixed, events = background(spec, n, rng), np.zeros(n), []
    for call in spec.sound.calls:
        made = voices.voice(call, rate_hz, rng)
        first = round(call.onset_s * rate_hz)
        part = made.samples[: max(n - first, 0)]
        mixed[first : first + len(part)] += part
        offset_s = min(call.onset_s + call.duration_s, spec.duration_s)
        events.append(SoundTruth(call.voice, call.onset_s, offset_s, made.f0_hz))
    mixed = room(mixed, spec.sound.echo, rate_hz, rng) + noise
    loudest = np.abs(mixed).max(initial=0.0)
    mixed *= PEAK / loudest if loudest > PEAK else 1.0
    pan = np.linspace(1.0, 0.7, channels)[:, None]
    return Soundtrack((pan * mixed).astype(np.float32), rate_hz, tuple(events))
