"""One network: it learns what can be learned, and a killed run ends where a whole one does."""

import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from worker.training import fit, splits
from worker.training.fit import CHECKPOINT, NothingToLearn, OtherRecipe, Task
from worker.training.plan import Balance, Recipe

SMALL = Recipe(config={"width": 16, "hidden": 16}, epochs=12, patience=12, batch=16)
ALL = SMALL.model_copy(update={"patience": 0})  # without stopping rows


@pytest.fixture
def task(corpus_of):
    corpus = corpus_of(60)
    fold = next(splits.folds(corpus.truth, corpus.groups, k=3, seed=0))
    return Task(corpus.table, corpus.targets, corpus.groups, fold, seed=0)


def same(first, second):
    pairs = zip(
        first.module.state_dict().values(), second.module.state_dict().values(), strict=True
    )
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_network_learns_what_classes_differ_in_and_nothing_where_they_do_not(corpus_of):
    scores = []
    for strength in (2.0, 0.0):
        corpus = corpus_of(150, strength=strength)
        fold = next(splits.folds(corpus.truth, corpus.groups, k=3, seed=0))
        fitted = fit.fit(Task(corpus.table, corpus.targets, corpus.groups, fold, 0), SMALL)
        chosen = fit.predict(fitted.module, corpus.table, fold.test).argmax(axis=1)
        scores.append((chosen == corpus.truth[fold.test]).mean())
    assert scores[0] > 0.9
    assert scores[1] < 0.4


def test_the_same_seed_gives_the_same_network_and_another_seed_another(task):
    first, again = fit.fit(task, SMALL), fit.fit(task, SMALL)
    other = fit.fit(replace(task, seed=1), SMALL)
    assert same(first, again)
    assert first.history == again.history
    assert not same(first, other)


def run_until_killed(task, folder, recipe, epochs):
    """Train in this process and die by SIGKILL after some epochs."""
    left = iter(range(epochs))

    def count(epoch):
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    fit.fit(task, recipe, folder, on_epoch=count)


@pytest.mark.parametrize("recipe", [SMALL, ALL])
def test_a_run_killed_three_times_at_random_ends_as_if_nothing_had_happened(task, tmp_path, recipe):
    whole = fit.fit(task, recipe)
    rng = np.random.default_rng(5)
    spawn = multiprocessing.get_context("spawn")
    for _ in range(3):
        child = spawn.Process(
            target=run_until_killed, args=(task, tmp_path, recipe, int(rng.integers(1, 4)))
        )
        child.start()
        child.join(120)
        assert child.exitcode == -signal.SIGKILL
    done = len(torch.load(tmp_path / CHECKPOINT, weights_only=True)["history"])
    assert 3 < done < recipe.epochs  # it did get somewhere, and was not finished
    resumed = fit.fit(task, recipe, tmp_path)
    assert same(whole, resumed)
    assert whole.history == resumed.history


def test_a_kill_while_writing_leaves_the_checkpoint_before(task, tmp_path, monkeypatch):
    whole = fit.fit(task, SMALL)

    def broken(state, path):
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fit.torch, "save", broken)
        with pytest.raises(KeyboardInterrupt):
            fit.fit(task, SMALL, tmp_path)
    assert same(whole, fit.fit(task, SMALL, tmp_path))


def test_a_finished_run_is_not_trained_again(task, tmp_path, monkeypatch):
    first = fit.fit(task, SMALL, tmp_path)
    epochs = []
    monkeypatch.setattr(fit, "prepare", None)  # nor is what its rows tell read off them again
    again = fit.fit(task, SMALL, tmp_path, on_epoch=epochs.append)
    assert epochs == []
    assert same(first, again)


@pytest.mark.parametrize(
    "other",
    [
        lambda t, r: (t, r.model_copy(update={"batch": 8})),
        lambda t, r: (replace(t, seed=1), r),
        lambda t, r: (replace(t, targets=t.targets[::-1].copy()), r),
    ],
)
def test_a_folder_of_another_run_is_refused(task, tmp_path, other):
    fit.fit(task, SMALL, tmp_path)
    changed, recipe = other(task, SMALL)
    with pytest.raises(OtherRecipe):
        fit.fit(changed, recipe, tmp_path)


def test_training_stops_when_it_no_longer_helps_and_keeps_the_best(corpus_of):
    corpus = corpus_of(60, strength=0.0)
    fold = next(splits.folds(corpus.truth, corpus.groups, k=3, seed=0))
    recipe = SMALL.model_copy(update={"epochs": 60, "patience": 4})
    fitted = fit.fit(Task(corpus.table, corpus.targets, corpus.groups, fold, 0), recipe)
    assert len(fitted.history) == fitted.best.epoch + 5 < 60
    assert fitted.best.stop_loss == min(e.stop_loss for e in fitted.history)


def test_a_network_that_needs_every_modality_leaves_other_rows_out_and_says_when_none_is_left(
    corpus_of,
):
    corpus = corpus_of(60)
    fold = next(splits.folds(corpus.truth, corpus.groups, k=3, seed=0))
    task = Task(corpus.table, corpus.targets, corpus.groups, fold, 0)
    both = Recipe(arch="late_fusion", config={"modalities": ["vision", "audio"]}, epochs=2)
    module = fit.fit(task, both).module
    rows = fit.learnable(task, module, fold.train)
    assert set(rows) == {i for i in fold.train if i % 3 == 0}  # the clips
    with pytest.raises(NothingToLearn, match="vision, audio, pose"):
        fit.fit(task, Recipe(arch="late_fusion"))


def test_a_face_sequence_learns_from_clips(task):
    config = {"backbone": "features", "over_time": "tcn", "hidden": 8}
    fitted = fit.fit(task, Recipe(arch="face_sequence", config=config, epochs=2))
    assert len(fitted.history) == 2


def test_rare_classes_weigh_more_by_loss_and_come_more_often_by_sampler():
    targets = np.eye(5)[[0] * 80 + [1] * 20]
    weight = fit.class_weights(targets)
    assert weight[0] * 80 == pytest.approx(weight[1] * 20)
    assert (targets @ weight).mean() == pytest.approx(1)
    assert (weight[2:] == 0).all()
    assert (fit.class_weights(targets + 1e-319)[2:] == 0).all()
    drawn = {
        balance: fit.drawn(targets @ weight, balance, np.random.default_rng(0))
        for balance in Balance
    }
    assert (drawn[Balance.SAMPLER] >= 80).mean() == pytest.approx(0.5, abs=0.12)
    assert sorted(drawn[Balance.LOSS]) == sorted(drawn[Balance.NEITHER]) == list(range(100))


@pytest.mark.parametrize("balance", Balance)
def test_what_a_row_counts_over_an_epoch_is_the_same_however_it_is_drawn(corpus_of, balance):
    """Experts see no epochs: they are fitted to what an epoch would have drawn on average."""
    corpus = corpus_of(60)
    rows = np.arange(0, 60, 3)
    targets = np.eye(5)[np.where(np.arange(60) < 45, 0, 1)]  # 15 rows of one class, 5 of another
    task = Task(corpus.table, targets, np.arange(60), None, seed=0)
    mean = (targets[rows] * fit.expected(task, Recipe(balance=balance), rows)).sum(axis=0)
    times = {Balance.NEITHER: 1 / 3, Balance.BOTH: 3}.get(balance, 1)
    assert mean[1] / mean[0] == pytest.approx(times)


def test_experts_are_fitted_before_the_first_epoch_and_kept(task):
    first, last = (
        fit.fit(task, ALL.model_copy(update={"epochs": epochs})).module for epochs in (1, 12)
    )
    for one, other in zip(first.experts.parameters(), last.experts.parameters(), strict=True):
        assert torch.equal(one, other)
    assert torch.count_nonzero(first.experts[0].weight)
    assert not torch.equal(first.classify.weight, last.classify.weight)


def test_a_class_is_rare_among_rows_that_show_the_same(corpus_of):
    corpus = corpus_of(60)
    rows = np.arange(60)
    targets = np.eye(5)[np.where(rows % 3 == 1, rows % 2, 4)]  # pictures: two classes of ten rows
    task = Task(corpus.table, targets, corpus.groups, None, seed=0)
    weight = fit.weights_of(task, rows)
    assert weight[rows % 3 == 1][:, :2] == pytest.approx(1)
    assert weight[rows % 3 == 2][:, 4] == pytest.approx(1)
    one = np.array([1, *rows[rows % 3 == 1][rows[rows % 3 == 1] % 2 == 0]])
    assert fit.weights_of(task, one).max() <= fit.MOST


def test_rows_that_would_tell_when_to_stop_teach_as_well(task):
    network = fit.fit(task, ALL).module
    less = replace(task, fold=replace(task.fold, stop=task.fold.stop[:0]))
    assert not same(fit.fit(task, ALL), fit.fit(less, ALL))
    first = network.get_buffer("vision_middle")
    rows = np.concatenate([task.fold.train, task.fold.stop])
    there = rows[task.table.present[rows, 0]]
    assert first.numpy() == pytest.approx(
        task.table.parts["vision"][there, 0].mean(axis=0), abs=1e-5
    )


def test_many_rows_of_one_animal_count_less_than_as_many_of_many_animals(corpus_of):
    corpus = corpus_of(60)
    rows = np.arange(0, 60, 3)  # clips: all show the same
    groups = np.arange(60)
    groups[rows[:10]] = 0  # ten rows of one animal, ten of ten animals
    task = Task(corpus.table, corpus.targets, groups, None, seed=0)
    count = fit.alike_count(task, rows, 0.3)
    assert count.mean() == pytest.approx(1)
    assert count[:10].sum() / count[10:].sum() == pytest.approx(1 / (1 + 9 * 0.3))
    assert fit.alike_count(task, rows, 0.0) == pytest.approx(1)
    assert fit.alike_count(task, rows, 1.0)[:10].sum() == pytest.approx(20 / 11)  # as one row


def test_what_an_animal_with_many_rows_shows_does_not_outvote_the_others(task):
    one_of_many = replace(task, groups=np.where(task.groups < 12, 0, task.groups))
    strangers = SMALL.model_copy(update={"kinship": 0.0})
    assert not same(fit.fit(one_of_many, SMALL), fit.fit(one_of_many, strangers))
