"""Animal calls by source and filter: a glottal source with a pitch contour, shaped by formants.

Each voice says its pitch over the event; levels and places in time are the soundtrack's affair.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spec import Call, Voice

Samples = NDArray[np.float64]
ATTACK_S = 0.006
MAX_HARMONICS = 48
HIGHEST_HZ = 14_000.0
Formants = tuple[tuple[float, float], ...]  # centre, bandwidth in Hz

USUAL_F0_HZ = {
    Voice.BARK: 550.0,
    Voice.WHINE: 1100.0,
    Voice.GROWL: 110.0,
    Voice.YELP: 1300.0,
    Voice.HOWL: 520.0,
    Voice.MEOW: 620.0,
    Voice.PURR: 26.0,
    Voice.HISS: None,
    Voice.SPEECH: 130.0,
}
FORMANTS: dict[Voice, Formants] = {
    Voice.BARK: ((750, 350), (1500, 500), (2900, 900)),
    Voice.WHINE: ((1200, 900), (3200, 1200)),
    Voice.GROWL: ((420, 200), (1100, 400), (2300, 800)),
    Voice.YELP: ((1400, 700), (2800, 900)),
    Voice.HOWL: ((600, 400), (1300, 500)),
    Voice.MEOW: ((900, 300), (1900, 500), (3600, 900)),
    Voice.PURR: ((180, 160), (600, 500)),
    Voice.HISS: ((4200, 2600), (7500, 4000)),
    Voice.SPEECH: ((600, 110), (1300, 150), (2600, 250)),
}
CORNER_HZ = {  # the source's own fall, 12 dB an octave above; bark after recordings of barks
    Voice.BARK: 800.0,
    Voice.WHINE: 1500.0,
    Voice.GROWL: 450.0,
    Voice.YELP: 1500.0,
    Voice.HOWL: 900.0,
    Voice.MEOW: 1800.0,
    Voice.PURR: 250.0,
    Voice.HISS: 12_000.0,
    Voice.SPEECH: 1200.0,
}


@dataclass(frozen=True, slots=True, eq=False)
class Voiced:
    """One event: its samples and the pitch that was put into them."""

    samples: Samples
    f0_hz: float | None  # median


def ramp(n: int, rate_hz: int, attack_s: float, release_s: float) -> Samples:
    """Return an envelope that opens and closes smoothly."""
    t = np.arange(n) / rate_hz
    rise = np.clip(t / attack_s, 0, 1)
    fall = np.clip((n / rate_hz - t) / release_s, 0, 1)
    return np.sin(np.pi / 2 * rise) * np.sin(np.pi / 2 * fall)


def gain(hz: Samples, formants: Formants, corner_hz: float) -> Samples:
    """Return the amplitude response of glottis, tract and lips; falls above the corner."""
    total = np.full_like(hz, 0.02)
    for centre, width in formants:
        total += 1 / np.sqrt(1 + ((hz - centre) / (width / 2)) ** 2)
    return total / (1 + (hz / corner_hz) ** 2)


def harmonics(f0_hz: Samples, rate_hz: int, formants: Formants, corner_hz: float) -> Samples:
    """Return the tonal source, filtered: a sum of harmonics of a moving pitch."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / rate_hz
    middle, top = float(np.median(f0_hz)), min(HIGHEST_HZ, 0.45 * rate_hz)
    count = max(1, min(MAX_HARMONICS, int(top / f0_hz.max())))
    order = np.arange(1, count + 1)
    weights = gain(order * middle, formants, corner_hz) / np.sqrt(order)
    total = np.zeros_like(phase)
    turn = np.exp(1j * phase)
    power = np.ones_like(turn)
    for weight in weights:
        power *= turn
        total += weight * power.imag
    return total / np.sqrt(np.sum(weights**2) / 2)


def breath(
    n: int, rate_hz: int, formants: Formants, corner_hz: float, rng: np.random.Generator
) -> Samples:
    """Return the noisy source, filtered; unit RMS."""
    hz = np.fft.rfftfreq(n, 1 / rate_hz)
    spectrum = np.fft.rfft(rng.standard_normal(n)) * gain(hz, formants, corner_hz)
    noise = np.fft.irfft(spectrum, n)
    return noise / np.sqrt(np.mean(noise**2) + 1e-12)


def slow(n: int, rate_hz: int, cutoff_hz: float, rng: np.random.Generator) -> Samples:
    """Return smooth noise of unit variance that changes slower than the cut-off."""
    knots = max(int(n / rate_hz * cutoff_hz * 2), 2) + 2
    values = rng.standard_normal(knots)
    return np.interp(np.linspace(0, knots - 1, n), np.arange(knots), values)


def contour(call: Call, rate_hz: int, n: int, rng: np.random.Generator) -> Samples:
    """Return the pitch over the event with exactly the wanted median."""
    x, t = np.linspace(0, 1, n), np.arange(n) / rate_hz
    match call.voice:
        case Voice.BARK:
            shape = 0.8 + 0.3 * np.sin(np.pi * x**0.8)
        case Voice.WHINE:
            shape = 1 + 0.12 * np.sin(np.pi * x) + 0.035 * np.sin(2 * np.pi * 5.5 * t)
        case Voice.GROWL:
            shape = 1 + 0.05 * slow(n, rate_hz, 4, rng) + 0.03 * slow(n, rate_hz, 40, rng)
        case Voice.YELP:
            shape = 1.25 - 0.55 * x
        case Voice.HOWL:
            shape = 0.7 + 0.3 * np.minimum(x * 4, 1) - 0.15 * np.clip((x - 0.7) / 0.3, 0, 1)
        case Voice.MEOW:
            shape = 0.8 + 0.35 * np.sin(np.pi * np.minimum(x * 1.25, 1)) ** 0.7
        case Voice.SPEECH:
            shape = 1 + 0.12 * slow(n, rate_hz, 3, rng)
        case _:
            shape = 1 + 0.02 * slow(n, rate_hz, 2, rng)
    wanted = call.f0_hz or USUAL_F0_HZ[call.voice]
    return shape * wanted / np.median(shape)


def calling(call: Call, rate_hz: int, n: int, rng: np.random.Generator) -> Voiced:
    """Synthesise bark, whine, yelp, howl, growl and meow."""
    f0_hz = contour(call, rate_hz, n, rng)
    is_growl = call.voice == Voice.GROWL
    corner_hz = CORNER_HZ[call.voice]
    tone = harmonics(f0_hz, rate_hz, FORMANTS[call.voice], corner_hz)
    if call.voice == Voice.MEOW:  # the mouth opens and closes: m-i-a-u
        closed = harmonics(f0_hz, rate_hz, ((450, 250), (2600, 500)), corner_hz)
        opening = np.sin(np.pi * np.linspace(0, 1, n)) ** 1.5
        tone = opening * tone + (1 - opening) * 0.6 * closed
    if is_growl:
        tone *= 1 + 0.5 * np.clip(slow(n, rate_hz, 35, rng), -1.8, 1.8)
    air = breath(n, rate_hz, FORMANTS[call.voice], corner_hz, rng)
    mixed = np.sqrt(1 - call.harshness) * tone + np.sqrt(call.harshness) * air
    if call.voice == Voice.BARK:
        mixed *= np.exp(-2.2 * np.linspace(0, 1, n))
    return Voiced(mixed, float(np.median(f0_hz)))


def purr(call: Call, rate_hz: int, n: int, rng: np.random.Generator) -> Voiced:
    """Synthesise bursts of low noise at the purring rate, in both phases of the breath."""
    f0_hz = contour(call, rate_hz, n, rng)
    phase = np.cumsum(f0_hz) / rate_hz
    bursts = np.exp(-6 * (phase % 1.0)) + 0.08
    t = np.arange(n) / rate_hz
    lungs = 0.55 + 0.45 * np.abs(np.cos(2 * np.pi * 0.35 * t)) ** 0.5
    air = breath(n, rate_hz, FORMANTS[Voice.PURR], CORNER_HZ[Voice.PURR], rng)
    return Voiced(air * bursts * lungs, float(np.median(f0_hz)))


def hiss(call: Call, rate_hz: int, n: int, rng: np.random.Generator) -> Voiced:
    air = breath(n, rate_hz, FORMANTS[Voice.HISS], CORNER_HZ[Voice.HISS], rng)
    return Voiced(air * (1 - 0.6 * np.linspace(0, 1, n)), None)


def speech(call: Call, rate_hz: int, n: int, rng: np.random.Generator) -> Voiced:
    """Synthesise syllables, about four a second, that mean nothing."""
    f0_hz = contour(call, rate_hz, n, rng)
    total, t = np.zeros(n), np.arange(n) / rate_hz
    vowels = (((730, 90), (1090, 110), (2440, 200)), ((270, 60), (2290, 150), (3010, 250)))
    weights = np.clip(0.5 + slow(n, rate_hz, 4, rng), 0, 1)
    for vowel, weight in zip(vowels, (weights, 1 - weights), strict=True):
        total += weight * harmonics(f0_hz, rate_hz, vowel, CORNER_HZ[Voice.SPEECH])
    syllables = 0.08 + np.clip(np.cos(2 * np.pi * 4.1 * t) * 0.5 + 0.5, 0, 1)
    air = breath(n, rate_hz, ((3500, 2500),), CORNER_HZ[Voice.HISS], rng) * (1 - syllables) * 0.25
    return Voiced(total * syllables + air, float(np.median(f0_hz)))


def voice(call: Call, rate_hz: int, rng: np.random.Generator) -> Voiced:
    """Synthesise one call at its level (RMS of the full-scale 1), sharp at its onset."""
    n = max(int(call.duration_s * rate_hz), 16)
    maker = {Voice.PURR: purr, Voice.HISS: hiss, Voice.SPEECH: speech}.get(call.voice, calling)
    made = maker(call, rate_hz, n, rng)
    release_s = min(0.25 * call.duration_s, 0.08)
    samples = made.samples * ramp(n, rate_hz, ATTACK_S, release_s)
    rms = np.sqrt(np.mean(samples**2)) + 1e-12
    return Voiced(samples * call.level / rms, made.f0_hz)
