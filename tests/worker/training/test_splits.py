from dataclasses import replace

import numpy as np
import pytest

from worker.training import crossfit, splits
from worker.training.splits import Fold, LeakFound, TestSetChanged, TooFewGroups


def test_rows_that_any_chain_of_reasons_joins_are_one_group(corpus_of):
    corpus = corpus_of(12)
    examples, found = list(corpus.dataset.examples), list(corpus.features)
    assert len(np.unique(corpus.groups)) == 6  # two rows of each animal
    examples[0] = replace(examples[0], source="channel")
    examples[3] = replace(examples[3], source="channel")  # joins two animals
    found[4] = replace(found[4], picture_bits=found[1].picture_bits)  # row 1 is of pet 0
    found[11] = replace(found[11], sound_bits=found[6].sound_bits)
    groups = splits.links(examples, found).groups(12)
    assert len(np.unique(groups)) == 3
    assert len({groups[i] for i in range(6)}) == 1
    assert groups[6] == groups[7] == groups[10] == groups[11] != groups[8]


@pytest.mark.parametrize("seed", range(4))
def test_folds_share_no_group_and_test_every_row_once(corpus_of, seed):
    corpus = corpus_of(60, seed=seed)
    made = list(splits.folds(corpus.truth, corpus.groups, k=5, seed=seed))
    assert sorted(np.concatenate([f.test for f in made])) == list(range(60))
    for fold in made:
        splits.check(corpus.joined, fold, corpus.dataset.examples)
        assert sorted([*fold.train, *fold.stop, *fold.test]) == list(range(60))
        assert len(np.unique(corpus.truth[fold.train])) == 5


def test_leaving_one_out_tests_each_group_by_itself(corpus_of):
    corpus = corpus_of(20)
    made = list(splits.leave_one_out(corpus.truth, corpus.groups, seed=0))
    assert len(made) == 10
    assert all(len(np.unique(corpus.groups[f.test])) == 1 for f in made)


def test_those_that_tell_when_to_stop_are_drawn_from_rows_that_can_be_read(corpus_of):
    corpus = corpus_of(60)
    telling = np.arange(60) < 12  # six animals
    everything = np.arange(60)
    train, stop = splits.stopped_by(everything, corpus.truth, corpus.groups, telling, seed=0)
    assert telling[train].any()
    assert telling[stop].any()
    assert not set(corpus.groups[train]) & set(corpus.groups[stop])
    assert sorted([*train, *stop]) == list(everything)
    of_one = np.arange(60) < 2
    train, stop = splits.stopped_by(everything, corpus.truth, corpus.groups, of_one, seed=0)
    assert (len(train), len(stop)) == (60, 0)


def test_a_leak_is_told_with_files_and_reason(corpus_of):
    corpus = corpus_of(6)
    rows = np.arange(6)
    fold = Fold(rows[:3], rows[4:5], rows[[3, 5]])  # rows 2 and 3 are one animal, 4 and 5 too
    with pytest.raises(LeakFound) as caught:
        splits.check(corpus.joined, fold, corpus.dataset.examples)
    assert "2.x (train) and 3.x (test): pet_id" in caught.value.detail
    assert "4.x (stop) and 5.x (test): pet_id" in caught.value.detail
    assert "2 leak(s)" in caught.value.detail


def test_a_random_split_would_leak_and_the_check_sees_it(corpus_of):
    corpus = corpus_of(60)
    fold = next(splits.leaky_folds(corpus.truth, k=5, seed=0))
    with pytest.raises(LeakFound):
        splits.check(corpus.joined, fold, corpus.dataset.examples)


def test_too_few_animals_are_told(corpus_of):
    corpus = corpus_of(6)
    with pytest.raises(TooFewGroups, match="3 group"):
        next(splits.folds(corpus.truth, corpus.groups, k=5, seed=0))
    with pytest.raises(TooFewGroups, match="no class has"):
        next(splits.folds(np.arange(6) % 5, np.arange(6), k=5, seed=0))


def test_a_frozen_test_set_is_found_again_in_any_order(corpus_of, tmp_path):
    corpus = corpus_of(20)
    path = tmp_path / "test.json"
    splits.freeze(path, corpus.dataset.examples, np.array([3, 17, 4]))
    assert list(splits.frozen(path, corpus.dataset.examples)) == [3, 4, 17]
    assert list(splits.frozen(path, corpus.dataset.examples[::-1])) == [2, 15, 16]


def test_an_edited_or_incomplete_test_set_is_refused(corpus_of, tmp_path):
    examples = corpus_of(20).dataset.examples
    path = tmp_path / "test.json"
    splits.freeze(path, examples, np.array([3, 17, 4]))
    with pytest.raises(TestSetChanged, match="1 of 3 files"):
        splits.frozen(path, examples[:10])
    path.write_text(path.read_text().replace(examples[3].sha256, examples[5].sha256))
    with pytest.raises(TestSetChanged, match="was edited"):
        splits.frozen(path, examples)
    path.write_text("[]")
    with pytest.raises(TestSetChanged, match="no record"):
        splits.frozen(path, examples)


def test_only_usable_rows_teach_and_every_row_tests(corpus_of):
    corpus = corpus_of(60)
    usable = np.arange(60) % 7 > 0
    corpus = replace(corpus, usable=usable)
    fold = next(splits.folds(corpus.truth, corpus.groups, k=5, seed=0))
    kept = crossfit.teachable(corpus, fold)
    assert usable[kept.train].all()
    assert (kept.test == fold.test).all()
