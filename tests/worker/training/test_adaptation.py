from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from worker.pipeline.architectures import build
from worker.pipeline.fuse.calibrate import offset
from worker.pipeline.manifest import ANY
from worker.training import adaptation, bundling, calibration
from worker.training.crossfit import Predictions
from worker.training.plan import Recipe

SHIFT = np.array([1.5, -1.5, 0, 0, 0])


def shifted(corpus, shift, seed=0):
    """Return a corpus in which Beagles' truth is shifted, and logits that know nothing of it."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 1, (len(corpus), 5))
    beagle = np.array([e.breed == "Beagle" for e in corpus.dataset.examples])
    true = softmax(honest + beagle[:, None] * shift, axis=1)
    truth = (true.cumsum(axis=1) > rng.random((len(corpus), 1))).argmax(axis=1)
    corpus = replace(corpus, truth=truth)
    return corpus, Predictions({ANY: honest[None].astype(np.float32)}, corpus.groups % 5)


def chances(predictions):
    return softmax(predictions.logits[ANY].astype(float), axis=2)


def gained(corpus, predictions):
    cross = calibration.cross_calibrated(predictions, corpus)[ANY]
    return adaptation.gained(cross, predictions, corpus)


def test_a_breeds_offset_is_found_and_its_species_stays_near_nothing(corpus_of):
    corpus, predictions = shifted(corpus_of(1600), SHIFT)
    found = adaptation.fit(chances(predictions), corpus, predictions.rows)
    beagle = offset(found, "dog", "Beagle")
    assert beagle[0] - beagle[1] == pytest.approx(3.0, abs=0.9)


def test_a_breed_that_was_hardly_seen_has_hardly_an_offset(corpus_of):
    corpus, predictions = shifted(corpus_of(1600), SHIFT)
    beagles = [i for i in predictions.rows if corpus.dataset.examples[i].breed == "Beagle"]
    many = adaptation.offset(np.log(chances(predictions)[:, beagles]), corpus, np.array(beagles))
    few = adaptation.offset(
        np.log(chances(predictions)[:, beagles[:2]]), corpus, np.array(beagles[:2])
    )
    assert np.abs(few).max() < 0.35 < np.abs(many).max()


def test_a_breed_that_was_never_seen_has_its_species_offset(corpus_of):
    corpus, predictions = shifted(corpus_of(200), SHIFT)
    found = adaptation.fit(chances(predictions), corpus, predictions.rows)
    assert (offset(found, "dog", "Basenji") == found["dog"]).all()
    assert (offset(found, "fox", "") == 0).all()


def test_offsets_help_unseen_animals_where_breeds_differ_and_only_there(corpus_of):
    helped, idle = (gained(*shifted(corpus_of(600), shift)) for shift in (SHIFT, 0 * SHIFT))
    assert helped.low > 0.02
    assert -0.03 < idle.value < 0.02


@pytest.mark.parametrize(("shift", "served"), [(SHIFT, True), (0 * SHIFT, False)])
def test_a_bundle_holds_offsets_only_where_unseen_animals_gain_by_them(
    corpus_of, tmp_path, shift, served
):
    corpus, predictions = shifted(corpus_of(600), shift)
    final = bundling.final_fold(corpus, Recipe(), predictions.rows)
    network = build.build("masked_fusion", {"width": 16, "hidden": 16}).eval()
    evidence = calibration.judge(predictions, corpus)
    found = bundling.calibrate(corpus, predictions, network, network, final, tmp_path, evidence)
    assert ("dog/beagle" in found.offsets) == served
    if served:
        assert found.offsets["dog/beagle"][0] - found.offsets["dog/beagle"][1] > 1
