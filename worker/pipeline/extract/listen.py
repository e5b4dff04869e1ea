"""Collects the sound track while the clip is decoded: native rate, and 16 kHz for the encoders.

Sample 0 is the moment of the first picture.
"""

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
    """Resamples audio frames as they come and aligns them with the picture at the end."""

    def __init__(self) -> None:
        self.native: list[NDArray[np.float32]] = []
        self.at_16k: list[NDArray[np.float32]] = []
        self.rate_hz = 0
        self.start_s = 0.0
        self.resamplers: tuple[av.AudioResampler, av.AudioResampler] | None = None

    def hear(self, frame: av.AudioFrame) -> None:
        """Take one audio frame; one that cannot be converted is left out."""
        if self.resamplers is None:
            self.rate_hz = min(frame.sample_rate, MAX_RATE_HZ)
            self.start_s = float(frame.time or 0.0)
            self.resamplers = (to_mono(self.rate_hz), to_mono(ENCODER_RATE_HZ))
        frame.pts = None  # gaps in the stamps must not stop the resamplers
        self.take(frame)

    def take(self, frame: av.AudioFrame | None) -> None:
        """Push a frame, or None to flush, through both resamplers."""
        assert self.resamplers is not None
        for resampler, chunks in zip(self.resamplers, (self.native, self.at_16k), strict=True):
            try:
                chunks.extend(out.to_ndarray()[0] for out in resampler.resample(frame))
            except (av.FFmpegError, ValueError):
                continue

    def finish(self, *, start_s: float, duration_s: float) -> AudioTrack | None:
        """Return the track cut and padded to the video's span; None when there was no sound."""
        if self.resamplers is None:
            return None
        self.take(None)
        if not self.native or not self.at_16k:
            return None
        late_s = self.start_s - start_s
        return AudioTrack(
            native=aligned(self.native, late_s, duration_s, self.rate_hz),
            rate_hz=self.rate_hz,
            at_16k=aligned(self.at_16k, late_s, duration_s, ENCODER_RATE_HZ),
        )


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
