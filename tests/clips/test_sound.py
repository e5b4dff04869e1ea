"""The truth of a synthesised sound track against its samples."""

import numpy as np
import pytest

from . import Call, ClipSpec, Sound, Track, Voice
from .soundtrack import compose
from .voices import USUAL_F0_HZ

TONAL = (Voice.BARK, Voice.WHINE, Voice.GROWL, Voice.YELP, Voice.HOWL, Voice.MEOW)


def track(*calls, **options):
    return compose(ClipSpec(seed=3, duration_s=3.0, sound=Sound(calls=calls, **options)))


def first_above(samples, rate_hz, share=0.1):
    """Return when the sound first reaches a share of its loudest moment."""
    return np.argmax(np.abs(samples) > share * np.abs(samples).max()) / rate_hz


def autocorrelation_f0_hz(samples, rate_hz, near_hz):
    """Return the pitch within half an octave of a guess, by autocorrelation."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 2 * len(samples))) ** 2
    similar = np.fft.irfft(power)
    low, high = int(rate_hz / near_hz / 1.4), int(rate_hz / near_hz * 1.4) + 1
    return rate_hz / (low + similar[low:high].argmax())


@pytest.mark.parametrize("voice", [voice for voice in Voice if voice != Voice.SPEECH])
def test_a_call_begins_within_10_ms_of_its_onset(voice):
    made = track(Call(voice, 1.25, 0.5))
    assert first_above(made.samples[0], made.rate_hz) == pytest.approx(1.25, abs=0.010)
    assert made.events[0].onset_s == 1.25


@pytest.mark.parametrize("voice", list(Voice))
def test_a_call_ends_where_it_says(voice):
    made = track(Call(voice, 1.0, 0.6), snr_db=None, echo=0.0)
    loud = np.nonzero(made.samples[0])[0] / made.rate_hz
    assert loud.min() == pytest.approx(1.0, abs=0.001)
    assert loud.max() == pytest.approx(made.events[0].offset_s, abs=0.001)


@pytest.mark.parametrize("voice", TONAL)
def test_the_pitch_in_the_samples_is_the_stated_one(voice):
    made = track(Call(voice, 0.5, 0.5, harshness=0.0), snr_db=None)
    known = made.events[0]
    centre = int((known.onset_s + known.offset_s) / 2 * made.rate_hz)
    span = int(0.06 * made.rate_hz)
    pitch = autocorrelation_f0_hz(
        made.samples[0, centre - span : centre + span], made.rate_hz, known.f0_hz
    )
    assert known.f0_hz == pytest.approx(USUAL_F0_HZ[voice], rel=0.001)
    assert pitch == pytest.approx(known.f0_hz, rel=0.25)  # the middle of a contour, not its median


@pytest.mark.parametrize("f0_hz", [250.0, 600.0, 1800.0])
def test_a_bark_takes_the_wanted_pitch(f0_hz):
    made = track(Call(Voice.BARK, 0.5, 0.4, f0_hz=f0_hz))
    assert made.events[0].f0_hz == pytest.approx(f0_hz)


def test_a_hiss_has_no_pitch():
    assert track(Call(Voice.HISS, 0.5, 0.5)).events[0].f0_hz is None


def test_a_purr_throbs_at_its_rate():
    made = track(Call(Voice.PURR, 0.2, 2.5), snr_db=None)
    loudness = np.abs(made.samples[0, int(0.3 * 48_000) : int(2.5 * 48_000)])
    loudness = loudness[: len(loudness) // 480 * 480].reshape(-1, 480).mean(axis=1)  # 100 Hz
    spectrum = np.abs(np.fft.rfft(loudness - loudness.mean(), 4096))
    hz = np.fft.rfftfreq(4096, 0.01)
    assert hz[10 * 41 :][spectrum[10 * 41 :].argmax()] == pytest.approx(26.0, abs=1.5)


def test_harshness_turns_tone_into_noise():
    def flatness(harshness):
        samples = track(Call(Voice.BARK, 0.5, 0.5, harshness=harshness), snr_db=None).samples[0]
        power = np.abs(np.fft.rfft(samples[24_000:48_000])[100:4000]) ** 2 + 1e-12
        return np.exp(np.log(power).mean()) / power.mean()

    assert flatness(0.9) > 5 * flatness(0.0)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_the_noise_lies_at_the_stated_ratio(snr_db):
    made = track(Call(Voice.WHINE, 1.0, 1.0, level=0.1), snr_db=snr_db)
    noise = made.samples[0, : made.rate_hz]
    assert 20 * np.log10(0.1 / noise.std()) == pytest.approx(snr_db, abs=1.5)


def test_a_silent_track_is_exact_zeros_and_no_track_is_none():
    assert not compose(ClipSpec(sound=Sound(track=Track.SILENT))).samples.any()
    assert compose(ClipSpec(sound=Sound(track=Track.NONE))) is None


def test_nothing_clips_and_the_same_seed_sounds_the_same():
    loud = Call(Voice.HOWL, 0.0, 2.0, level=0.9)
    first, again = track(loud), track(loud)
    assert np.abs(first.samples).max() <= 1.0
    assert (first.samples == again.samples).all()


def test_a_call_that_outlasts_the_clip_ends_with_it():
    assert track(Call(Voice.WHINE, 2.5, 2.0)).events[0].offset_s == 3.0
