"""A run's folder is its own once something can be learned, and says what another run differs in."""

from dataclasses import replace

import numpy as np
import pytest
from structlog.testing import capture_logs

from worker.training import crossfit
from worker.training.fit import NothingToLearn, OtherRecipe
from worker.training.plan import Plan, Recipe
from worker.training.splits import TooFewGroups

SMALL = Recipe(config={"width": 16, "hidden": 16}, epochs=2, batch=16)
PLAN = Plan(table="labels.csv", table_sha256="a" * 64, folds=3, recipe=SMALL)
SEQUENCES = Recipe(arch="face_sequence", config={"backbone": "features", "hidden": 8}, epochs=2)
OF_SEQUENCES = PLAN.model_copy(update={"recipe": SEQUENCES})


def readable(corpus, rows):
    """Return a corpus in which only these rows have a sequence of pictures."""
    face = corpus.table.parts["face"].copy()
    others = np.setdiff1d(np.arange(len(corpus)), rows)
    face[others] = np.nan
    return replace(corpus, table=replace(corpus.table, parts=corpus.table.parts | {"face": face}))


def test_what_is_refused_leaves_the_folder_to_the_next_try(corpus_of, tmp_path):
    corpus, run = corpus_of(8), tmp_path / "run"  # four animals
    five = PLAN.model_copy(update={"folds": 5})
    with pytest.raises(TooFewGroups):
        crossfit.cross_fit(corpus, five, run, np.arange(8))
    with pytest.raises(NothingToLearn):
        crossfit.cross_fit(readable(corpus, []), OF_SEQUENCES, run, np.arange(8))
    two = PLAN.model_copy(update={"folds": 2})
    assert len(crossfit.cross_fit(corpus, two, run, np.arange(8)).rows) == 8


def test_another_run_in_a_folder_is_told_what_differs(tmp_path):
    crossfit.claim(tmp_path, PLAN)
    crossfit.claim(tmp_path, PLAN)
    other = Plan(
        table="labels.csv",
        table_sha256="b" * 64,
        folds=4,
        recipe=SMALL.model_copy(update={"arch": "late_fusion", "config": {"dropout": 0.1}}),
    )
    with pytest.raises(OtherRecipe) as refused:
        crossfit.claim(tmp_path, other)
    told = refused.value.detail
    assert "folds was 3 and is now 4" in told
    assert "arch was masked_fusion and is now late_fusion" in told
    assert "config.width was 16 and is now None" in told
    assert "table was labels.csv (aaaaaaaaaaaa) and is now labels.csv (bbbbbbbbbbbb)" in told
    assert "epochs" not in told


def test_a_folder_with_a_plan_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / crossfit.PLAN).write_text("{}")
    with pytest.raises(OtherRecipe, match="no plan of this version"):
        crossfit.claim(tmp_path, PLAN)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_that_reads_few_rows_of_a_mixed_table_learns_from_those(
    corpus_of, tmp_path, seed
):
    rows = np.arange(60)
    corpus = readable(corpus_of(60, seed=seed), rows[:24:3])  # eight clips of eight animals
    found = crossfit.cross_fit(corpus, OF_SEQUENCES, tmp_path, rows)
    assert list(found.rows) == list(rows[:24:3])
    assert len(found.dealt) == 60


def test_without_rows_that_tell_when_to_stop_all_epochs_are_trained_and_it_is_said(
    corpus_of, tmp_path
):
    corpus = readable(corpus_of(60), [0, 30])
    plan = OF_SEQUENCES.model_copy(update={"folds": 2})
    with capture_logs() as logs:
        found = crossfit.cross_fit(corpus, plan, tmp_path, np.arange(60))
    assert list(found.rows) == [0, 30]
    assert [one["event"] for one in logs] == ["no_early_stopping"] * 2
    history = (tmp_path / "fits" / "fold0-seed0" / "history.csv").read_text("utf-8")
    assert len(history.splitlines()) == 1 + SEQUENCES.epochs


def test_rows_that_are_all_tested_at_once_teach_nothing(corpus_of, tmp_path):
    corpus = readable(corpus_of(60), [0])
    with pytest.raises(TooFewGroups, match=r"reads \(face\) are tested in fold"):
        crossfit.cross_fit(corpus, OF_SEQUENCES, tmp_path, np.arange(60))
    assert list(tmp_path.iterdir()) == []
