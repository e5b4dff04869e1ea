"""Controls see what a network leans on; the report holds all of it and nothing from outside."""

from dataclasses import replace

import numpy as np
import pytest

from worker.training import calibration, controls, crossfit, report, study
from worker.training.crossfit import Predictions
from worker.training.plan import Plan, Recipe, Split

SMALL = Recipe(config={"width": 16, "hidden": 16}, epochs=15, patience=15, batch=16)
PLAN = Plan(table="labels.csv", table_sha256="0", folds=3, seeds=1, recipe=SMALL)


@pytest.fixture
def ran(corpus_of, tmp_path):
    corpus = corpus_of(120)
    rows = np.arange(120)
    predictions = crossfit.cross_fit(corpus, PLAN, tmp_path / "run", rows)
    return corpus, predictions, tmp_path / "run", rows


def test_a_study_finds_what_was_put_into_the_numbers(ran):
    corpus, predictions, folder, _ = ran
    found = study.study(corpus, PLAN, predictions, folder)
    assert found.figures["macro_f1"].value > 0.8
    assert found.controls["shuffled labels"].low < 0.25
    assert found.controls["metadata only"].low < 0.25  # noise
    assert found.controls["background only"].low < 0.25  # noise
    assert found.controls["swapped sound: points lost"].value > 0.1
    assert found.missing_modalities["vision"].value > 0.6
    assert set(found.missing_modalities) == {"vision", "audio", "vision+audio"}
    assert {"species dog", "kind clip"} <= set(found.subgroups)
    page = report.write(folder / "report", found).read_text("utf-8")
    assert page.count("<svg") == 3
    assert f"{found.figures['macro_f1'].value:.3f}" in page


def test_a_network_that_cannot_read_every_row_is_studied_by_its_own_folds(corpus_of, tmp_path):
    recipe = Recipe(arch="late_fusion", config={"modalities": ["vision"]}, epochs=2, batch=16)
    plan = PLAN.model_copy(update={"recipe": recipe})
    corpus = corpus_of(120)
    found = crossfit.cross_fit(corpus, plan, tmp_path / "run", np.arange(120))
    assert len(found.rows) < len(found.dealt) == 120
    controls_of = study.study(corpus, plan, found, tmp_path / "run").controls
    assert {"shuffled labels", "frozen frames: points lost"} <= set(controls_of)


def test_a_finished_run_is_read_again_as_it_was(ran):
    _, predictions, folder, _ = ran
    plan, again = crossfit.load(folder)
    assert plan == PLAN
    assert (again.fold == predictions.fold).all()
    assert all(
        np.array_equal(again.logits[k], predictions.logits[k], equal_nan=True)
        for k in predictions.logits
    )


def test_no_row_is_answered_by_a_network_that_saw_its_group(ran):
    corpus, predictions, _, rows = ran
    for fold in crossfit.folds(corpus, PLAN, rows):
        seen = np.concatenate([fold.train, fold.stop])
        assert not set(corpus.groups[seen]) & set(corpus.groups[fold.test])
    assert (predictions.fold >= 0).all()


def test_a_table_asked_again_unchanged_answers_the_same(ran):
    corpus, predictions, folder, rows = ran
    again = crossfit.asked_again(corpus, PLAN, folder, rows, {"same": corpus.table})["same"]
    assert np.array_equal(again, predictions.logits["*"], equal_nan=True)
    sound = controls.swapped(corpus, rows)
    touched = controls.touched_rows(corpus, sound, rows)
    assert set(touched) == set(np.flatnonzero(corpus.table.present[:, 1]))


def test_patterns_hide_what_they_leave_out(ran):
    corpus, predictions, _, rows = ran
    own = np.array(calibration.pattern_of(corpus, rows))
    full = predictions.logits["*"]
    for pattern in ("vision", "audio", "vision+audio"):
        mine = own == pattern
        assert np.allclose(predictions.logits[pattern][:, mine], full[:, mine])
    clips = own == "vision+audio"
    assert not np.allclose(predictions.logits["vision"][:, clips], full[:, clips])
    assert np.isnan(predictions.logits["audio"][:, own == "vision"]).all()


def test_a_random_split_is_marked(corpus_of):
    plan = PLAN.model_copy(update={"split": Split.RANDOM})
    corpus = corpus_of(12)
    assert any("LEAKY" in mark for mark in study.marks(corpus, plan, all_answered(corpus)))
    assert "LEAKY" in plan.split_in_words


def all_answered(corpus):
    logits = np.zeros((1, len(corpus), 5), np.float32)
    return Predictions({"*": logits}, np.zeros(len(corpus), np.int64))


def test_a_class_that_nothing_shows_is_marked(corpus_of):
    corpus = corpus_of(12)
    assert not any("labelled" in mark for mark in study.marks(corpus, PLAN, all_answered(corpus)))
    calm = replace(corpus, truth=np.minimum(corpus.truth, 3))
    told = study.marks(calm, PLAN, all_answered(corpus))
    assert any("labelled Distressed" in mark for mark in told)


def test_files_that_the_network_cannot_read_are_told(corpus_of):
    corpus = corpus_of(12)
    answered = all_answered(corpus)
    answered.logits["*"][:, :4] = np.nan
    told = study.marks(corpus, PLAN, answered)
    assert "4 of 12 files have nothing that it reads." in told


def test_one_class_alone_is_nothing_to_learn(corpus_of, tmp_path):
    corpus = corpus_of(12)
    same = replace(corpus, truth=np.zeros_like(corpus.truth))
    with pytest.raises(crossfit.OneClass, match="Relaxed"):
        crossfit.cross_fit(same, PLAN, tmp_path / "run", np.arange(12))
