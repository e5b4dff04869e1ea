"""The measured errors of `tailtrend evaluate signals`: pairing, counting, and one real clip."""

from dataclasses import replace

import pytest

from cli import evaluate_signals, signal_errors
from cli.evaluate_signals import lines_of, rate_line, table_of
from cli.signal_errors import Rate, compare, matched
from tests.clips import Call, Sound, SoundTruth, Voice
from tests.clips.samples import ANXIOUS_DOG
from worker.pipeline.extract.sound import SoundEvent

WHINES = tuple(Call(Voice.WHINE, t, 0.5, f0_hz=900.0) for t in (0.6, 2.0))
CLIP = replace(
    ANXIOUS_DOG, duration_s=4.0, width=320, height=180, sound=Sound(calls=WHINES, snr_db=None)
)


def event(onset_s: float) -> SoundEvent:
    return SoundEvent(onset_s, onset_s + 0.2, 30.0, 600.0, None, 9.0, 900.0, 1.0)


def test_an_onset_is_matched_once_and_only_within_a_tenth_of_a_second():
    sounds = tuple(SoundTruth(Voice.BARK, t, t + 0.2, 600.0) for t in (1.0, 2.0, 3.0))
    pairs, counts = matched(sounds, (event(1.05), event(1.08), event(2.3)))
    assert [s.onset_s for s, _ in pairs] == [1.0]
    assert counts == (1, 2, 2)


def test_a_rate_line_counts_what_is_declared_and_what_lies_far_off():
    rates = [Rate(3.0, 3.1), Rate(3.0, 5.0), Rate(3.0, None), Rate(0.0, 2.0), Rate(None, 2.0)]
    line = rate_line("wag", rates, "")
    assert line.n == 3
    assert line.measurable == pytest.approx(2 / 3)
    assert line.beyond == pytest.approx(0.5)
    assert line.error.startswith("50% within 0.3 Hz")


def test_a_generated_clip_is_compared_with_its_truth(measured):
    extracted, truth = measured(CLIP)
    errors = compare(CLIP, truth, extracted)
    assert errors.onsets == (2, 0, 0)
    assert max(c for c in errors.f0_cents if c is not None) < 100
    assert errors.travel_bl_s is not None
    assert errors.gate is None
    assert errors.overlaps == ()


def test_the_command_measures_a_clip_of_the_population_and_lists_every_target():
    rows = [evaluate_signals.measure_one(0, seed=0, weights=None)]
    table = table_of(lines_of(rows), 1, 0, with_weights=False)
    assert table.row_count == len(lines_of(rows))
    assert {"tail angle", "spine curvature"} <= {line.signal for line in lines_of(rows)}
    assert isinstance(rows[0], signal_errors.Errors)
