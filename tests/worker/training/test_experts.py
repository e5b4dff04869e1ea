"""What the ethogram is worth beside a network is fitted, and taken only where it is worth some."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from worker.pipeline.architectures import build
from worker.pipeline.manifest import ANY
from worker.training import bundling, calibration, experts
from worker.training.crossfit import Predictions
from worker.training.plan import Recipe


def told(corpus, learned, ethogram, seed=0):
    """Return a corpus whose clips' truth follows both experts with given exponents, and logits."""
    rng = np.random.default_rng(seed)
    logits, signs = rng.normal(0, 1.5, (2, len(corpus), 5))
    signs[np.isnan(corpus.table.signs[:, 0])] = np.nan
    true = softmax(learned * logits + ethogram * np.nan_to_num(signs), axis=1)
    truth = (true.cumsum(axis=1) > rng.random((len(corpus), 1))).argmax(axis=1)
    table = replace(corpus.table, signs=signs.astype(np.float32))
    predictions = Predictions({ANY: logits[None].astype(np.float32)}, corpus.groups % 5)
    return replace(corpus, truth=truth, table=table), predictions


def cross_of(corpus, predictions):
    return calibration.cross_calibrated(predictions, corpus)[ANY]


@pytest.mark.parametrize(("learned", "ethogram"), [(1.0, 0.8), (0.6, 0.3), (1.0, 0.0)])
def test_known_exponents_come_out_again(corpus_of, learned, ethogram):
    corpus, predictions = told(corpus_of(3000), learned, ethogram)
    chances = softmax(predictions.logits[ANY].astype(float), axis=2)
    found = experts.fit(chances, corpus, predictions.rows)
    assert found.learned == pytest.approx(learned, abs=0.12)
    assert found.ethogram == pytest.approx(ethogram, abs=0.12)


def test_few_clips_leave_the_network_alone(corpus_of):
    corpus, predictions = told(corpus_of(45), 1.0, 1.0)
    assert experts.fit(cross_of(corpus, predictions), corpus, predictions.rows) == experts.ALONE
    assert experts.gained(cross_of(corpus, predictions), predictions, corpus) is None


def test_photos_and_recordings_keep_what_the_network_says(corpus_of):
    corpus, predictions = told(corpus_of(300), 1.0, 1.0)
    cross = cross_of(corpus, predictions)
    better = experts.cross_multiplied(cross, predictions, corpus)
    moved = (better != cross).any(axis=(0, 2))
    clips = ~np.isnan(corpus.table.signs[:, 0])
    assert (moved == clips).all()


@pytest.mark.parametrize(("worth", "decides"), [(0.8, True), (0.0, False)])
def test_a_bundle_asks_the_ethogram_only_where_unseen_clips_gain_by_it(
    corpus_of, tmp_path, worth, decides
):
    corpus, predictions = told(corpus_of(600), 1.0, worth)
    final = bundling.final_fold(corpus, Recipe(), predictions.rows)
    network = build.build("masked_fusion", {"width": 16, "hidden": 16}).eval()
    evidence = calibration.judge(predictions, corpus)
    found = bundling.calibrate(corpus, predictions, network, network, final, tmp_path, evidence)
    assert (found.experts.ethogram > 0) == decides
    if decides:
        assert found.experts.ethogram == pytest.approx(worth, abs=0.3)
    else:
        assert found.experts == experts.ALONE
