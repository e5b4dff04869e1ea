"""Explanations are faithful: deleting what they name moves the decision, deleting the rest less.

A span is deleted where it is measured (motion, sound, pictures), before anything is summed up,
while the explanation works on what is left of a clip after that: the two are computed apart.
"""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from tests import bundles as made
from tests.clips import SAMPLES
from worker.pipeline.bundles import load_bundle
from worker.pipeline.encode import AudioEncoder, EncodeModels, VisionEncoder, encode
from worker.pipeline.extract import ExtractModels, extract, stage
from worker.pipeline.extract.locate import Pet
from worker.pipeline.extract.tag import CLASSES, Call, Tags
from worker.pipeline.extract.windows import WINDOW_S, Windows
from worker.pipeline.fuse import explain, learned
from worker.pipeline.fuse.decide import Case, decide
from worker.pipeline.fuse.ethogram import gain, load_ethogram
from worker.pipeline.fuse.signs import read_signs

SMALL = {"width": 320, "height": 180}
CLIPS = {n: replace(SAMPLES[n], duration_s=6.0, **SMALL) for n in ("playful_dog", "alert_dog")}
BUILT_IN = load_bundle()
OTHERS = 5  # spans drawn beside the top one


class Projection:
    """A network of seeded random numbers: each picture, or each 20 ms of sound, by itself."""

    def __init__(self, inputs, outputs):
        self.inputs, self.outputs = inputs, outputs

    def run(self, given):
        rng = np.random.default_rng(5)
        if "mel" in given:
            pairs = given["mel"][0].T[::2]  # (n, 80)
            return {"frames": np.tanh(pairs @ rng.normal(0, 0.3, (80, 384)))[None].astype("f4")}
        small = given["pictures"][:, :, ::16, ::16].reshape(len(given["pictures"]), -1)
        return {"features": np.tanh(small @ rng.normal(0, 0.05, (588, 576))).astype("f4")}


ENCODERS = EncodeModels(
    VisionEncoder(Projection(("pictures",), ("features",)), "mobilenet-v3-small"),
    AudioEncoder(Projection(("mel", "positions"), ("frames",)), "whisper-tiny"),
)


def measure(path, species, patch, span=None):
    """Extract a clip, deleting a span from motion, sound and pictures as they are measured."""
    if span is not None:
        true_motion, true_sound = stage.measure_motion, stage.measure_sound
        patch.setattr(stage, "measure_motion", lambda *a: cut(true_motion(*a), span))
        patch.setattr(stage, "measure_sound", lambda s, hz: true_sound(muted(s, hz, span), hz))
    found = extract(path, species=species, models=ExtractModels(None, None))
    patch.undo()
    found = replace(
        found, facts=replace(found.facts, pet=Pet(((0.2, 0.2, 0.8, 0.8),), 1.0, 1, species, 0.9))
    )
    return found if span is None else without_pictures(found, span)


def cut(motion, span):
    """Delete a span's rows from every series."""
    kept = ~inside(motion.times_s, span)
    n = len(motion.times_s)
    series = {f.name: getattr(motion, f.name) for f in dataclasses.fields(motion)}
    rows = {k: v[kept] for k, v in series.items() if isinstance(v, np.ndarray) and len(v) == n}
    return replace(motion, **rows)


def muted(samples, rate_hz, span):
    """Silence a span."""
    quiet = samples.copy()
    quiet[round(span[0] * rate_hz) : round(span[1] * rate_hz)] = 0
    return quiet


def without_pictures(found, span):
    """Delete a span's windows, pictures and sound."""
    starts_s = found.windows.middles_s - WINDOW_S / 2
    kept = (starts_s < span[0] - 0.01) | (starts_s + WINDOW_S > span[1] + 0.01)
    shown = ~inside(found.picture_times_s, span)
    first, last = (round(t * 16_000) for t in span)
    return replace(
        found,
        windows=Windows(found.windows.middles_s[kept], found.windows.rows[kept]),
        pictures=found.pictures[shown],
        picture_times_s=found.picture_times_s[shown],
        audio_16k=np.concatenate([found.audio_16k[:first], found.audio_16k[last:]]),
    )


def inside(times_s, span):
    return (times_s >= span[0]) & (times_s <= span[1])


def case_of(bundle, extracted):
    """Return what decides a clip, and its encoding."""
    species = extracted.facts.species
    table = load_ethogram(bundle).of(species)
    encoding = encode(extracted, ENCODERS)
    said, _ = learned.ask(bundle, extracted, encoding, species, "")
    return Case(bundle, table, species, read_signs(table, extracted)[0], said), encoding


def added(bundle, extracted):
    return decide(case_of(bundle, extracted)[0], is_pet_seen=True).added


def effects(bundle, path, species, patch):
    """Return how far deleting the span named first moves the decision, and each of the others."""
    whole = measure(path, species, patch)
    case, encoding = case_of(bundle, whole)
    state = decide(case, is_pet_seen=True).state
    n = len(whole.windows.middles_s)
    spots = [explain.spot(n, i, i + explain.SPOT_WINDOWS) for i in range(n - 1)]
    costs = explain.costs_of(case, whole, encoding, state, spots)
    top = int(np.argmax(np.abs(costs)))
    drawn = np.random.default_rng(1).permutation([i for i in range(n - 1) if i != top])[:OTHERS]
    before = gain(added(bundle, whole), state)

    def moved(i):
        start_s = float(whole.windows.middles_s[i]) - WINDOW_S / 2
        rest = measure(path, species, patch, (start_s, start_s + 1.5))
        return abs(before - gain(added(bundle, rest), state))

    return moved(top), [moved(i) for i in drawn]


@pytest.mark.parametrize("name", CLIPS)
def test_deleting_the_top_span_moves_the_ethogram_more_than_random_spans(name, clip, monkeypatch):
    top, others = effects(BUILT_IN, clip(CLIPS[name])[0], "dog", monkeypatch)
    assert top > np.mean(others)


@pytest.mark.parametrize("name", CLIPS)
def test_deleting_the_top_span_moves_a_learned_bundle_more_than_random_spans(
    name, clip, monkeypatch, tmp_path
):
    pytest.importorskip("torch", exc_type=ImportError)
    bundle = load_bundle(made.make(tmp_path))
    top, others = effects(bundle, clip(CLIPS[name])[0], "dog", monkeypatch)
    assert top > np.mean(others)


def test_a_change_of_state_is_told_only_where_both_sides_are_sure():
    sure, unsure = [0.8, 0.1, 0.05, 0.03, 0.02], [0.1, 0.8, 0.05, 0.03, 0.02]
    weak = [0.4, 0.45, 0.05, 0.05, 0.05]
    classes, times_s = ("a", "b", "c", "d", "e"), np.arange(4.0)
    (told,) = explain.transitions(classes, times_s, np.array([sure, sure, unsure, unsure]))
    assert (told.t_s, told.before, told.after) == (1.5, "a", "b")
    assert told.odds == pytest.approx(8.0)
    assert not explain.transitions(classes, times_s, np.array([sure, sure, weak, weak]))


def test_moments_name_the_seconds_of_the_barks(clip, monkeypatch):
    whole = measure(clip(CLIPS["alert_dog"])[0], "dog", monkeypatch)
    calls = (Call("bark", 0.9, 0, (2.9, 3.1)), Call("bark", 0.9, 0, (3.3, 3.5)))
    tags = Tags((0.0,), ((0.0,) * len(CLASSES),))
    heard = replace(whole, facts=replace(whole.facts, calls=calls, tags=tags))
    case, encoding = case_of(BUILT_IN, heard)
    alert = case.table.classes.index("Alert")
    (only,) = explain.find_moments(case, heard, encoding, alert)
    assert only.why.startswith("barking")
    assert only.span_s[0] <= 2.9
    assert only.span_s[1] >= 3.5
    assert only.span_s[1] - only.span_s[0] <= 2.5
