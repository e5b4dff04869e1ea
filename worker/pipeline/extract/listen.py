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


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """Mono sound, float32 in [-1, 1], once at (up to) 48 kHz and once at 16 kHz."""

    native: NDArray[np.float32]
    rate_hz: int
    at_16k: NDArray[np.float32]


class Listener:
    """Collects audio frames as they come and aligns them with the picture at the end."""

    def __init__(self) -> None:
        self.native: list[NDArray[np.float32]] = []
        self.rate_hz = 0
        self.start_s = 0.0
        self.resampler: av.AudioResampler | None = None

    def hear(self, frame: av.AudioFrame) -> None:
        """Take one audio frame; one that cannot be converted is left out."""
        if self.resampler is None:
            self.rate_hz = min(frame.sample_rate, MAX_RATE_HZ)
            self.start_s = float(frame.time or 0.0)
            self.resampler = to_mono(self.rate_hz)
        if is_mono(frame, self.rate_hz):  # what the resampler would only copy
            self.native.append(frame.to_ndarray()[0])
            return
        frame.pts = None  # gaps in the stamps must not stop the resampler
        self.take(frame)

    def take(self, frame: av.AudioFrame | None) -> None:
        """Push a frame, or None to flush, through the resampler."""
        assert self.resampler is not None
        with suppress(av.FFmpegError, ValueError):
            self.native.extend(out.to_ndarray()[0] for out in self.resampler.resample(frame))

    def finish(self, *, start_s: float, duration_s: float) -> AudioTrack | None:
        """Return the track cut and padded to the video's span; None when there was no sound."""
        if self.resampler is None:
            return None
        self.take(None)
        if not self.native:
            return None
        native = aligned(self.native, self.start_s - start_s, duration_s, self.rate_hz)
        return AudioTrack(native, self.rate_hz, resampled(native, self.rate_hz))


def is_mono(frame: av.AudioFrame, rate_hz: int) -> bool:
    """Tell whether a frame holds what the native track is made of."""
    as_float = frame.format.name in ("flt", "fltp")
    return as_float and frame.layout.name == "mono" and frame.sample_rate == rate_hz


def resampled(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Return mono samples at 16 kHz, all at once: frame by frame costs three times as much."""
    if rate_hz == ENCODER_RATE_HZ or not len(samples):
        return samples
    whole = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    whole.sample_rate = rate_hz
    resampler = to_mono(ENCODER_RATE_HZ)
    chunks = [out.to_ndarray()[0] for f in (whole, None) for out in resampler.resample(f)]
    return np.asarray(np.clip(np.concatenate(chunks), -1.0, 1.0), np.float32)


def to_mono(rate_hz: int) -> av.AudioResampler:
    """Return a resampler to mono float at a rate."""
    return av.AudioResampler(format="flt", layout="mono", rate=rate_hz)


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
