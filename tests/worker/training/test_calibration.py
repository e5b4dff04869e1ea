"""Temperatures that are known come out again, and are only called calibrated where they help."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from worker.pipeline.manifest import ANY
from worker.training import calibration, metrics
from worker.training.crossfit import Predictions


@pytest.fixture
def answered(corpus_of):
    """Return a function: a corpus and logits that boast by a factor of what is true."""

    def make(n=400, boast=2.0, audio_boast=None, seed=0):
        corpus = corpus_of(n)
        rng = np.random.default_rng(seed)
        honest = rng.normal(0, 1.5, (n, 5))
        drawn = softmax(honest, axis=1).cumsum(axis=1) > rng.random((n, 1))
        corpus = replace(corpus, truth=drawn.argmax(axis=1))
        logits = {ANY: (boast * honest)[None].astype(np.float32)}
        if audio_boast:
            audio = np.where(corpus.table.present[:, 1:2], audio_boast * honest, np.nan)
            logits["audio"] = audio[None].astype(np.float32)
        return corpus, Predictions(logits, corpus.groups % 5)

    return make


@pytest.mark.parametrize("boast", [0.5, 1.0, 3.0])
def test_the_temperature_is_the_factor_of_the_boast(answered, boast):
    corpus, predictions = answered(n=2000, boast=boast)
    found = calibration.temperatures(predictions, corpus, predictions.rows)
    assert found[ANY] == pytest.approx(boast, rel=0.15)


def test_a_pattern_has_a_temperature_of_its_own_that_few_rows_cannot_move(answered):
    corpus, predictions = answered(n=1500, boast=1.0, audio_boast=3.0)
    many = calibration.temperatures(predictions, corpus, predictions.rows)
    assert many["audio"] == pytest.approx(3.0, rel=0.25)
    heard = predictions.rows[corpus.table.present[predictions.rows, 1]][:12]
    few = calibration.temperatures(predictions, corpus, np.concatenate([heard, np.arange(300)]))
    nothing = calibration.temperatures(predictions, corpus, heard[:8])
    assert few[ANY] < few["audio"] < 3.3
    assert "audio" not in nothing


def test_held_out_rows_judge_and_true_temperatures_mend_boasts(answered):
    corpus, predictions = answered(n=600, boast=3.0)
    evidence = calibration.judge(predictions, corpus)
    assert evidence.holds
    assert evidence.nll_after < evidence.nll_before
    assert evidence.ece_after.value < 0.5 * evidence.ece_before.value
    assert evidence.coverage == pytest.approx(0.9, abs=0.04)
    assert 0 < evidence.answered < 1


@pytest.mark.parametrize("seed", range(5))
def test_a_network_that_is_right_already_is_calibrated_though_nothing_is_gained(answered, seed):
    corpus, predictions = answered(n=600, boast=1.0, seed=seed)
    evidence = calibration.judge(predictions, corpus)
    assert evidence.nll_after == pytest.approx(evidence.nll_before, abs=0.01)
    assert evidence.ece_after.value < 0.1
    assert evidence.holds


def test_an_error_that_cannot_be_chance_is_not_called_calibrated(answered):
    corpus, predictions = answered(n=600, boast=1.0)
    leaning = predictions.logits[ANY] + np.array([0, 0, 4, 0, 0], np.float32)
    evidence = calibration.judge(Predictions({ANY: leaning}, predictions.fold), corpus)
    assert evidence.nll_after <= evidence.nll_before + 0.01
    assert evidence.ece_after.low > evidence.ece_of_chance
    assert not evidence.holds


def test_probabilities_that_are_right_pass_their_own_chance_once_in_twenty():
    chances = np.random.default_rng(1).dirichlet(np.ones(5), 200)
    limit = calibration.ece_of_chance(chances[None])
    rng = np.random.default_rng(2)
    drawn = [metrics.ece(calibration.labels_of(chances, rng), chances) for _ in range(400)]
    assert 0.02 < np.mean(np.array(drawn) > limit) < 0.09


def test_temperatures_that_do_not_carry_over_to_other_animals_are_not_called_calibrated(answered):
    corpus, predictions = answered(n=600, boast=1.0)
    fold = corpus.groups % 2
    logits = predictions.logits[ANY] * np.where(fold == 0, 3.0, 0.33)[:, None].astype(np.float32)
    evidence = calibration.judge(Predictions({ANY: logits}, fold), corpus)
    assert evidence.nll_after > evidence.nll_before
    assert not evidence.holds


def test_too_few_rows_are_not_called_calibrated_whatever_they_say(answered):
    corpus, predictions = answered(n=18, boast=3.0)
    assert not calibration.judge(predictions, corpus).holds


def test_a_fold_is_never_judged_by_its_own_temperature(answered):
    corpus, predictions = answered(n=200, boast=1.0)
    mine = predictions.fold == 0
    spoiled = {ANY: np.where(mine[:, None], 50 * predictions.logits[ANY], predictions.logits[ANY])}
    plain = calibration.cross_calibrated(predictions, corpus)[ANY]
    other = calibration.cross_calibrated(Predictions(spoiled, predictions.fold), corpus)[ANY]
    own = softmax(spoiled[ANY][0, mine].astype(float), axis=1)
    assert np.abs(other[0, mine] - own).max() < 0.25  # about 1: the others' temperature
    assert np.abs(other[0, ~mine] - plain[0, ~mine]).max() > 0.05  # whose rows it does reach


def test_sets_hold_the_truth_as_often_as_they_promise_in_each_species(answered):
    corpus, predictions = answered(n=2000, boast=1.0)
    fitted, rest = np.arange(1000), np.arange(1000, 2000)
    chances = softmax(predictions.logits[ANY].astype(float), axis=2)
    found = calibration.conformal(chances, corpus, fitted)
    assert set(found.quantile) == {"*", "dog", "cat"}
    for species in ("dog", "cat"):
        rows = [i for i in rest if corpus.dataset.examples[i].species == species]
        scores = 1 - chances[0, rows, corpus.truth[rows]]
        assert (scores <= found.quantile[species]).mean() == pytest.approx(0.9, abs=0.045)
