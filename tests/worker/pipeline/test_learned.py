"""A learned bundle decides: alone or with the ethogram, in sets; or says why it cannot."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests import bundles as made
from tests.clips import SAMPLES
from worker.pipeline.bundles import BUILT_IN, load_bundle
from worker.pipeline.encode import EncodeModels, encode
from worker.pipeline.encode.stage import Encoding, Presence
from worker.pipeline.extract.locate import Pet
from worker.pipeline.fuse import fuse, learned
from worker.pipeline.fuse.ethogram import evidence, load_ethogram, softmax
from worker.pipeline.fuse.explain import shapley
from worker.pipeline.fuse.rows import Row, feed
from worker.pipeline.fuse.signs import read_signs
from worker.pipeline.manifest import CLASSES

pytest.importorskip("torch", exc_type=ImportError)

LOUD = replace(SAMPLES["talking_owner"], duration_s=4.0, width=160, height=96)
SEEN = Pet(((0.2, 0.2, 0.8, 0.8),) * 5, 1.0, 1, "dog", 0.9)
NAMES = {"vision": "mobilenet-v3-small", "audio": "whisper-tiny"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Return a function that writes and loads a bundle."""

    def load(arch="masked_fusion", **changes):
        return load_bundle(made.make(tmp_path_factory.mktemp("bundle"), arch, **changes))

    return load


@pytest.fixture
def case(measured, noise):
    """Return a clip with a pet in it, and encodings of noise beside it."""
    extracted = measured(LOUD)[0]
    extracted = replace(extracted, facts=replace(extracted.facts, pet=SEEN))
    n, w = len(extracted.pictures), len(extracted.windows.middles_s)
    encoding = Encoding(
        Presence("", "", "no pose network in this version", NAMES),
        noise.normal(size=(n, 576)).astype(np.float32),
        noise.normal(size=768).astype(np.float32),
        None,
        None,
        noise.normal(size=(w, 768)).astype(np.float32),
    )
    return extracted, encoding


def test_a_bundle_alone_answers_what_its_network_says(bundle, case):
    chosen = bundle()
    said = fuse(*case, chosen, "dog")
    asked, unread = learned.ask(chosen, *case, "dog", "")
    expected = softmax(asked.base + asked.added)
    assert list(said.probabilities.values()) == pytest.approx(expected, abs=1e-4)
    assert said.bundle.name == "trial"
    assert unread == {"pose for the network": "no pose network in this version"}


def test_it_is_calibrated_only_where_the_manifest_says_so(bundle, case):
    assert fuse(*case, bundle(), "dog").calibrated
    assert not fuse(
        *case, bundle(calibration={**made.CALIBRATION, "calibrated": False}), "dog"
    ).calibrated
    assert not fuse(*case, load_bundle(BUILT_IN), "dog").calibrated


def test_it_is_calibrated_only_for_what_held_out_rows_showed(bundle, case):
    extracted, encoding = case
    deaf = replace(encoding, audio=None, audio_windows=None)
    seen = {"calibrated": True, "temperature": {"*": 1.0, "vision": 1.0}}
    assert not fuse(extracted, encoding, bundle(calibration=seen), "dog").calibrated
    assert fuse(extracted, deaf, bundle(calibration=seen), "dog").calibrated


def test_temperature_goes_by_what_is_there(bundle, case):
    extracted, encoding = case
    warm = {"calibrated": True, "temperature": {"*": 1.0, "vision+audio": 4.0}}
    deaf = replace(encoding, audio=None, audio_windows=None)
    for one, differ in ((encoding, True), (deaf, False)):
        cold, hot = (
            fuse(extracted, one, bundle(calibration=c), "dog").probabilities
            for c in (made.CALIBRATION, warm)
        )
        assert (max(hot.values()) < max(cold.values()) - 0.05) == differ


def test_with_the_ethogram_both_are_multiplied_by_their_exponents(bundle, case):
    both = {**made.CALIBRATION, "experts": {"learned": 0.5, "ethogram": 2.0}}
    said = fuse(*case, bundle(decides="with_ethogram", calibration=both), "dog")
    asked, _ = learned.ask(bundle(), *case, "dog", "")
    table = load_ethogram(load_bundle(BUILT_IN)).of("dog")
    signs = evidence(table, read_signs(table, case[0])[0])
    expected = softmax(0.5 * (asked.base + asked.added) + 2.0 * signs)
    assert list(said.probabilities.values()) == pytest.approx(expected, abs=1e-4)


def test_alone_the_signs_move_nothing(bundle, case):
    extracted, encoding = case
    calm = replace(
        extracted.facts.movement, energy_median=1e-4, travel_median=1e-4, still_share=1.0
    )
    changed = replace(extracted, facts=replace(extracted.facts, movement=calm))
    chosen = bundle()
    one, other = (fuse(e, encoding, chosen, "dog").probabilities for e in (extracted, changed))
    assert one == other


def test_what_a_breed_shifts_is_added_to_its_species_and_to_no_other(bundle, case):
    shifts = {
        "dog": (1.0, 0, 0, 0, 0),
        "dog/shiba/akita": (0, 0, 0, 0, 2.0),
        "cat": (0, 9, 0, 0, 0),
    }
    plain, shifted = bundle(), bundle(calibration={**made.CALIBRATION, "offsets": shifts})

    def moved(breed):
        now, before = (learned.ask(b, *case, "dog", breed)[0].base for b in (shifted, plain))
        return now - before

    assert moved("") == pytest.approx([1, 0, 0, 0, 0], abs=1e-9)
    assert moved("Whippet") == pytest.approx([1, 0, 0, 0, 0], abs=1e-9)
    assert moved(" Shiba/Akita") == pytest.approx([1, 0, 0, 0, 2], abs=1e-9)
    said = [fuse(*case, shifted, "dog", breed).probabilities for breed in ("Shiba/Akita", "")]
    assert said[0]["Distressed"] > said[1]["Distressed"]


def test_the_set_holds_what_cannot_be_excluded(bundle, case):
    for quantile, size in ((1.0, 5), (0.0, 1)):
        fitted = {**made.CALIBRATION, "conformal": {"alpha": 0.1, "quantile": {"*": quantile}}}
        said = fuse(*case, bundle(calibration=fitted), "dog").as_json()
        assert len(said["set"]) == size
        assert said["set"][0] == max(said["probabilities"], key=said["probabilities"].get)
    assert fuse(*case, bundle(), "dog").as_json()["set"] is None


def test_a_set_that_is_too_wide_is_ambiguous(bundle, case):
    limits = {"min_evidence_nats": 0, "min_margin": 0, "max_conflict": 100, "max_set": 2}
    for quantile, code in ((1.0, "ambiguous"), (0.0, None)):
        fitted = {
            **made.CALIBRATION,
            "abstain": limits,
            "conformal": {"alpha": 0.1, "quantile": {"*": quantile}},
        }
        said = fuse(*case, bundle(calibration=fitted), "dog")
        assert (said.abstention and said.abstention.code) == code


def test_a_clip_unlike_those_learned_from_is_refused(bundle, case):
    said = fuse(*case, bundle(ood=True), "dog")
    assert said.emotion is None
    assert said.abstention.code == "out_of_distribution"


def test_a_network_that_heard_nothing_new_is_insufficient(bundle, case):
    limits = {"min_evidence_nats": 50.0, "min_margin": 0, "max_conflict": 100}
    said = fuse(*case, bundle(calibration={**made.CALIBRATION, "abstain": limits}), "dog")
    assert said.abstention.code == "insufficient_evidence"


def test_the_closed_gates_come_before_the_network(bundle, case):
    extracted, encoding = case
    empty = replace(
        extracted, facts=replace(extracted.facts, pet=Pet((None,) * 5, 0.0, 0, None, 0.0))
    )
    assert fuse(empty, encoding, bundle(), "dog").abstention.code == "no_pet_visible"


def test_late_fusion_without_sound_says_so_and_the_ethogram_decides(bundle, case):
    extracted, encoding = case
    deaf = replace(
        encoding, audio=None, presence=replace(encoding.presence, audio="no sound track")
    )
    said = fuse(extracted, deaf, bundle("late_fusion"), "dog")
    own = fuse(extracted, deaf, load_bundle(BUILT_IN), "dog")
    assert said.probabilities == own.probabilities
    assert not said.calibrated
    assert (
        "the ethogram decides (audio: no sound track)"
        in dict(said.not_measurable)["network of trial"]
    )


def test_another_encoders_numbers_count_as_missing(bundle, case):
    encoders = [{"role": "audio_encoder", "name": "whisper-tiny.en", "sha256": "0" * 64}]
    said = fuse(*case, bundle(encoders=encoders), "dog")
    why = dict(said.not_measurable)["audio for the network"]
    assert why == "made by whisper-tiny; the bundle learned from whisper-tiny.en"


def test_a_bundle_that_learned_from_the_mean_of_the_sound_reads_no_deviation():
    sound = np.arange(768, dtype=np.float32)
    row = Row(None, sound, None, None, np.zeros(3, np.float32), "dog")
    fed = feed(["audio", "vision"], {"audio": (384,), "vision": (576,)}, [row])
    assert np.array_equal(fed["audio"], [sound[:384]])
    assert not fed["vision"].any()


def test_a_species_that_it_never_saw_is_left_to_the_ethogram(bundle, case):
    said = fuse(*case, bundle(species=["cat"]), "dog")
    assert dict(said.not_measurable)["network of trial"] == "it did not learn from dogs"


@pytest.mark.parametrize("arch", ["masked_fusion", "late_fusion", "face_sequence"])
def test_every_architecture_answers_with_a_timeline_of_its_own(arch, bundle, case):
    extracted, encoding = case
    chosen = bundle(arch)
    said = fuse(extracted, encoding, chosen, "dog").as_json()
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert len(said["timeline"]) == len(extracted.windows.middles_s)
    asked, _ = learned.ask(chosen, extracted, encoding, "dog", "")
    assert asked.windows.shape == (len(extracted.windows.middles_s), 5)
    assert np.ptp(asked.windows, axis=0).max() > 0.01
    for point in said["timeline"]:
        assert sum(point["probabilities"].values()) == pytest.approx(1.0, abs=1e-3)


def test_the_parts_of_modalities_sum_to_what_was_added(bundle, case):
    from worker.pipeline.fuse.decide import Case, decide
    from worker.pipeline.fuse.ethogram import gain

    chosen = bundle(decides="with_ethogram")
    said = fuse(*case, chosen, "dog")
    table = load_ethogram(chosen).of("dog")
    asked, _ = learned.ask(chosen, *case, "dog", "")
    decision = decide(
        Case(chosen, table, "dog", read_signs(table, case[0])[0], asked), is_pet_seen=True
    )
    total = sum(m.nats for m in said.modalities.values())
    assert total == pytest.approx(gain(decision.added, decision.state), abs=1e-3)


def test_shapley_values_of_a_known_game():
    worth = {frozenset(): 0.0, frozenset("a"): 1.0, frozenset("b"): 2.0, frozenset("ab"): 5.0}
    assert shapley(worth) == pytest.approx({"a": 2.0, "b": 3.0})


def test_the_same_encodings_give_the_same_bytes(bundle, case):
    chosen = bundle()
    assert len({json.dumps(fuse(*case, chosen, "dog").as_json()) for _ in range(3)}) == 1


def test_silence_of_every_encoder_leaves_the_ethogram(bundle, measured):
    extracted = measured(LOUD)[0]
    encoding = encode(extracted, EncodeModels(None, None))
    said = fuse(extracted, encoding, bundle(), "dog")
    assert not said.calibrated
    assert "so the ethogram decides" in dict(said.not_measurable)["network of trial"]
    assert set(said.probabilities) == set(CLASSES)
