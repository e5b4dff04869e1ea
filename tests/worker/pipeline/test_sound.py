"""Sound: onsets, pitch and harmonicity against generated truth."""

from dataclasses import replace

import numpy as np
import pytest

from tests.clips import Call, ClipSpec, Sound, Track, Voice
from worker.pipeline.extract.sound import measure_sound, pitch_track
from worker.pipeline.extract.tag import (
    CLASSES,
    LiteRtTagger,
    MediaPipeTagger,
    SoundEvent,
    Tags,
    name_calls,
    share_of,
)

RATE_HZ = 48_000
TINY = ClipSpec(seed=41, duration_s=4.0, width=128, height=96, fps=10.0, animal=None)
ONSETS_S = (0.6, 1.5, 2.4, 3.2)
BARKS = replace(
    TINY, sound=Sound(calls=tuple(Call(Voice.BARK, t, 0.25, f0_hz=620.0) for t in ONSETS_S))
)


def tone(hz: float, *, seconds: float = 1.0, harmonics: int = 6) -> np.ndarray:
    """A harmonic tone whose partials fall off by half, below the Nyquist rate."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    partials = [
        0.5**k * np.sin(2 * np.pi * hz * (k + 1) * t)
        for k in range(harmonics)
        if hz * (k + 1) < RATE_HZ / 2
    ]
    return (0.2 * np.sum(partials, axis=0)).astype(np.float32)


def quiet(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 1e-3, round(seconds * RATE_HZ)).astype(np.float32)


@pytest.mark.parametrize("hz", [80, 150, 250, 440, 600, 950, 1600, 2200])
def test_the_pitch_of_a_tone_is_right_and_no_octave_off(hz):
    pitch, clarity = pitch_track(tone(hz), RATE_HZ)
    cents = 1200 * np.log2(np.median(pitch) / hz)
    assert abs(cents) < 15
    assert np.median(clarity) > 0.95


def test_noise_is_not_voiced(noise):
    _, clarity = pitch_track(noise.normal(0, 0.1, RATE_HZ).astype(np.float32), RATE_HZ)
    assert np.median(clarity) < 0.5


def test_a_harsh_tone_is_less_harmonic_than_a_clear_one(noise):
    clear = np.concatenate([quiet(1, noise), tone(500), quiet(1, noise)])
    harsh = clear + np.concatenate(
        [quiet(1, noise), noise.normal(0, 0.08, RATE_HZ).astype(np.float32), quiet(1, noise)]
    )
    levels = [measure_sound(s, RATE_HZ).events[0].hnr_db for s in (clear, harsh)]
    assert levels[0] > levels[1] + 5


def test_every_bark_has_its_onset_and_pitch(measured):
    extracted, truth = measured(BARKS)
    events = extracted.facts.sound.events
    assert len(events) == len(truth.sounds)
    for event, true in zip(events, truth.sounds, strict=True):
        assert event.onset_s == pytest.approx(true.onset_s, abs=0.05)
        assert abs(1200 * np.log2(event.f0_hz / true.f0_hz)) < 100


def test_a_hiss_between_noise_has_no_pitch(noise):
    hiss = noise.normal(0, 0.1, round(0.4 * RATE_HZ)).astype(np.float32)
    samples = np.concatenate([quiet(1, noise), hiss, quiet(1, noise)])
    event = measure_sound(samples, RATE_HZ).events[0]
    assert event.f0_hz is None


def test_a_bright_sound_falls_less_with_pitch_than_a_dull_one(noise):
    bright, dull = (
        np.concatenate([quiet(1, noise), sound, quiet(1, noise)])
        for sound in (
            noise.normal(0, 0.1, RATE_HZ // 2).astype(np.float32),
            tone(150, seconds=0.5, harmonics=3),
        )
    )
    bright_db, dull_db = (measure_sound(s, RATE_HZ).events[0].tilt_db for s in (bright, dull))
    assert abs(bright_db) < 1.5
    assert dull_db < -5


def test_the_interval_is_the_median_between_onsets_from_three_events(noise):
    call, gap = tone(500, seconds=0.2), quiet(0.6, noise)
    three = measure_sound(np.concatenate([quiet(1, noise), *[call, gap] * 3]), RATE_HZ)
    two = measure_sound(np.concatenate([quiet(1, noise), *[call, gap] * 2]), RATE_HZ)
    assert three.interval_s == pytest.approx(0.8, abs=0.05)
    assert two.interval_s is None


def test_a_silent_track_is_silent_and_has_no_events():
    sound = measure_sound(np.zeros(3 * RATE_HZ, np.float32), RATE_HZ)
    assert sound.silent
    assert not sound.usable
    assert sound.events == ()


@pytest.mark.parametrize("missing_s", [0.5, 2.0, 4.0])
def test_a_track_that_begins_late_makes_no_event_of_the_room(missing_s, noise):
    room, missing = quiet(3, noise) * 10, np.zeros(round(missing_s * RATE_HZ), np.float32)
    assert measure_sound(np.concatenate([missing, room]), RATE_HZ).events == ()


def test_steady_noise_has_no_events(noise):
    assert measure_sound(quiet(4, noise) * 20, RATE_HZ).events == ()


def test_events_do_not_depend_on_the_volume(noise):
    samples = np.concatenate([quiet(1, noise), tone(500, seconds=0.3), quiet(2, noise)])
    loud, soft = (measure_sound(samples * gain, RATE_HZ).events for gain in (1.0, 0.1))
    assert [(e.onset_s, e.offset_s) for e in loud] == [(e.onset_s, e.offset_s) for e in soft]


def test_a_padded_end_changes_no_event(noise):
    samples = np.concatenate([quiet(1, noise), tone(500, seconds=0.3), quiet(1, noise)])
    padded = np.concatenate([samples, quiet(2, noise)])
    first, second = measure_sound(samples, RATE_HZ), measure_sound(padded, RATE_HZ)
    assert [e.onset_s for e in first.events] == [e.onset_s for e in second.events]
    assert first.events[0].f0_hz == second.events[0].f0_hz


def tags(**scores: float) -> Tags:
    row = tuple(scores.get(name.replace("-", "_"), 0.0) for name in CLASSES)
    return Tags((0.0,), (row,))


EVENT = SoundEvent(0.2, 0.5, 30.0, 600.0, None, 10.0, 1200.0, 1.0)


def test_an_event_is_a_call_of_the_species_that_is_heard():
    heard = tags(dog=0.9, bark=0.8, meow=0.3)
    assert [c.kind for c in name_calls([EVENT], heard, "dog")] == ["bark"]
    assert name_calls([EVENT], tags(dog=0.1, bark=0.1), "dog") == ()


def test_speech_is_counted_by_its_windows():
    assert share_of(tags(speech=0.9), "speech") == 1.0
    assert share_of(tags(speech=0.2), "speech") == 0.0


def test_a_track_of_zeros_in_a_clip_is_called_silent(measured):
    sound = measured(replace(TINY, sound=Sound(track=Track.SILENT)))[0].facts.sound
    assert sound.silent


@pytest.mark.real
def test_both_runtimes_hear_the_same(shared_folder, noise):
    weights = shared_folder / "weights" / "yamnet.tflite"
    samples = np.concatenate([tone(600, seconds=1.5), quiet(2.2, noise)]).astype(np.float32)
    at_16k = samples[:: RATE_HZ // 16_000]
    tagger = MediaPipeTagger(weights)
    one, other = LiteRtTagger(weights, 1).tag(at_16k), tagger.tag(at_16k)
    tagger.classifier.close()
    assert one.starts_s == other.starts_s
    assert np.abs(np.array(one.scores) - np.array(other.scores)).max() < 1e-3
