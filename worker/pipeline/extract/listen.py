"""Collects the sound track while the clip is decoded: native rate, and 16 kHz for the encoders.

Sample 0 is the moment of the first picture.
"""

from contextlib import suppress
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

ENCODER_RATE_HZ = 16_000
MAX_RATE_HZ = 48_000
MOST_S = 90.0  # of sound: more than the pictures may last, even where it begins before them
LEAST_GAP_S = 0.1  # in the stamps; less is their rounding
HALF_POWER = np.float32(0.5**0.5)  # of each of two channels, as FFmpeg mixes them
CANCELLED = 0.02  # power of the mix over a channel's; 1 where two have nothing in common


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """Mono sound, float32 in [-1, 1], once at (up to) 48 kHz and once at 16 kHz."""

    native: NDArray[np.float32]
    rate_hz: int
    at_16k: NDArray[np.float32]


class Listener:
    """Collects audio frames as they come and aligns them with the picture at the end.

    Two channels are mixed here, so that two that cancel each other are noticed.
    """

    def __init__(self) -> None:
        self.mixed: list[NDArray[np.float32]] = []
        self.first: list[NDArray[np.float32]] = []  # the first channel alone, where there are two
        self.mixed_power = self.power = 0.0
        self.samples = 0
        self.rate_hz = 0
        self.start_s = 0.0
        self.resampler: av.AudioResampler | None = None

    def hear(self, frame: av.AudioFrame) -> None:
        """Take one audio frame; one that cannot be converted, or comes too late, is left out."""
        if not self.rate_hz:
            self.rate_hz = min(frame.sample_rate, MAX_RATE_HZ)
            self.start_s = float(frame.time or 0.0)
        if self.samples > MOST_S * self.rate_hz:
            return
        self.bridge(frame.time)
        if is_ready(frame, self.rate_hz):  # what the resampler would only copy
            self.keep(np.asarray(frame.to_ndarray(), np.float32))
            return
        if self.resampler is None:
            layout = "stereo" if frame.layout.name == "stereo" else "mono"
            self.resampler = resampler_to(self.rate_hz, layout)
        frame.pts = None  # gaps in the stamps must not stop the resampler
        self.take(frame)

    def bridge(self, time_s: float | None) -> None:
        """Put silence where the stamps jump ahead: what was not recorded, or is lost."""
        ahead_s = (time_s or 0.0) - self.start_s
        gap_s = ahead_s - self.samples / self.rate_hz
        if gap_s > LEAST_GAP_S and ahead_s < MOST_S:
            self.keep(np.zeros((1, round(gap_s * self.rate_hz)), np.float32))

    def take(self, frame: av.AudioFrame | None) -> None:
        """Push a frame, or None to flush, through the resampler."""
        assert self.resampler is not None
        with suppress(av.FFmpegError, ValueError):
            for out in self.resampler.resample(frame):
                self.keep(np.asarray(out.to_ndarray(), np.float32))

    def keep(self, channels: NDArray[np.float32]) -> None:
        """Keep samples (1 or 2, n)."""
        mixed = first = channels[0]
        if len(channels) == 2:
            first = first.copy()
            mixed = (first + channels[1]) * HALF_POWER
            self.power += float(np.vdot(channels, channels)) / 2
            self.mixed_power += float(np.vdot(mixed, mixed))
        self.mixed.append(mixed)
        self.first.append(first)
        self.samples += len(mixed)

    def finish(self, *, start_s: float, duration_s: float) -> AudioTrack | None:
        """Return the track cut and padded to the video's span; None when there was no sound."""
        if self.resampler is not None:
            self.take(None)
        if not self.mixed:
            return None
        is_cancelled = self.mixed_power < CANCELLED * self.power
        chunks = self.first if is_cancelled else self.mixed
        native = aligned(chunks, self.start_s - start_s, duration_s, self.rate_hz)
        return AudioTrack(native, self.rate_hz, resampled(native, self.rate_hz))


def is_ready(frame: av.AudioFrame, rate_hz: int) -> bool:
    """Tell whether a frame holds what the native track is made of."""
    is_mono = frame.layout.name == "mono" and frame.format.name in ("flt", "fltp")
    is_stereo = frame.layout.name == "stereo" and frame.format.name == "fltp"
    return (is_mono or is_stereo) and frame.sample_rate == rate_hz


def resampled(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Return mono samples at 16 kHz, all at once: frame by frame costs three times as much."""
    if rate_hz == ENCODER_RATE_HZ or not len(samples):
        return samples
    whole = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    whole.sample_rate = rate_hz
    resampler = resampler_to(ENCODER_RATE_HZ, "mono")
    chunks = [out.to_ndarray()[0] for f in (whole, None) for out in resampler.resample(f)]
    return np.asarray(np.clip(np.concatenate(chunks), -1.0, 1.0), np.float32)


def resampler_to(rate_hz: int, layout: str) -> av.AudioResampler:
    """Return a resampler to planar float at a rate, "mono" or "stereo"."""
    return av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)


def aligned(
    chunks: list[NDArray[np.float32]], late_s: float, duration_s: float, rate_hz: int
) -> NDArray[np.float32]:
    """Join chunks so that sample 0 is the first picture and the video's end is the last."""
    samples = np.nan_to_num(np.concatenate(chunks).astype(np.float32, copy=False))
    offset = round(late_s * rate_hz)
    if offset < 0:
        samples = samples[-offset:]
    elif offset:
        pad = np.zeros(min(offset, round(duration_s * rate_hz)), np.float32)
        samples = np.concatenate([pad, samples])
    return np.clip(samples[: round(duration_s * rate_hz)], -1.0, 1.0)
