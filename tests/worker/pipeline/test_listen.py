"""The sound track keeps time with the pictures, and two channels never cancel each other."""

from fractions import Fraction

import av
import numpy as np
import pytest

from worker.pipeline.extract.listen import MOST_S, Listener

RATE_HZ, CHUNK = 16_000, 800
SECOND = np.ones(RATE_HZ, np.float32)


def heard(*channels, starts=None, duration_s=6.0):
    """Let a listener hear channels in frames of 50 ms; `starts` are their times, in order."""
    listener = Listener()
    samples = np.stack(channels)
    layout = "mono" if len(channels) == 1 else "stereo"
    for k, first in enumerate(range(0, samples.shape[1], CHUNK)):
        part = np.ascontiguousarray(samples[:, first : first + CHUNK])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts = first if starts is None else round(starts[k] * RATE_HZ)
        listener.hear(frame)
    return listener.finish(start_s=0.0, duration_s=duration_s)


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def test_sound_behind_a_gap_in_the_stamps_comes_when_it_was_recorded():
    calls = np.concatenate([0.1 * SECOND, 0.5 * SECOND])
    starts = [0.05 * k for k in range(20)] + [2.5 + 0.05 * k for k in range(20)]
    native = heard(calls, starts=starts).native
    assert len(native) == pytest.approx(3.5 * RATE_HZ, abs=CHUNK)
    assert native[round(0.9 * RATE_HZ)] == pytest.approx(0.1)
    assert not native[round(1.1 * RATE_HZ) : round(2.4 * RATE_HZ)].any()
    assert native[round(2.6 * RATE_HZ)] == pytest.approx(0.5)


@pytest.mark.parametrize("jitter_s", [0.03, 1e6])
def test_stamps_that_are_a_little_off_or_absurd_move_nothing(jitter_s):
    starts = [0.05 * k + (jitter_s if k == 20 else 0) for k in range(40)]
    whole = tone(440)
    assert np.allclose(heard(whole, starts=starts).native, whole)


def test_channels_that_cancel_each_other_are_heard_by_the_first():
    bark = tone(600)
    assert np.allclose(heard(bark, -bark).native, bark)


@pytest.mark.parametrize("second", [0.0, 1.0])
def test_other_channels_are_mixed_as_ffmpeg_mixes_them(second):
    bark = tone(600)
    mixed = heard(bark, second * bark).native
    assert np.allclose(mixed, (1 + second) * bark / np.sqrt(2), atol=1e-6)


def test_sound_that_goes_on_for_long_behind_the_pictures_is_not_kept():
    listener = Listener()
    frame = av.AudioFrame.from_ndarray(
        np.zeros((1, RATE_HZ), np.float32), format="fltp", layout="mono"
    )
    frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
    for second in range(200):
        frame.pts = second * RATE_HZ
        listener.hear(frame)
    assert listener.samples <= (MOST_S + 1) * RATE_HZ
