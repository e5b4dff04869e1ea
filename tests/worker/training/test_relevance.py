"""How loudly each modality may speak, told from rows that were drawn with a known answer."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from worker.training.relevance import LEAST_NATS, experts_of, fitted

ROWS = 3_000


def drawn(rng, *, widths, nats):
    """Return blocks whose weights were drawn with those deviations, and one-hot classes of rows."""
    blocks = [rng.normal(size=(ROWS, width)) / width**0.5 for width in widths]
    logits = sum(
        block @ rng.normal(0, s, (block.shape[1], 4)) for block, s in zip(blocks, nats, strict=True)
    )
    chances = softmax(logits, axis=1)
    return blocks, np.array([np.eye(4)[rng.choice(4, p=p)] for p in chances])


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def nats_of(blocks, wanted, nats=1.0):
    shown = np.stack([block.any(axis=1) for block in blocks], axis=1)
    return [expert.nats for expert in experts_of(blocks, shown, wanted, nats)[0]]


def test_the_deviation_that_weights_were_drawn_with_is_found(rng):
    blocks, wanted = drawn(rng, widths=(60, 30), nats=(2.0, 0.7))
    assert nats_of(blocks, wanted) == pytest.approx([2.0, 0.7], rel=0.25)


def test_a_block_that_tells_nothing_is_all_but_silenced(rng):
    blocks, wanted = drawn(rng, widths=(60, 30), nats=(1.5, 0.0))
    told, nothing = nats_of(blocks, wanted)
    assert told > 1
    assert nothing < 0.25


def test_a_class_that_nobody_wants_changes_little_and_is_hardly_ever_said(rng):
    blocks, wanted = drawn(rng, widths=(20,), nats=(1.0,))
    wider = np.insert(wanted, 2, 1e-300, axis=1)
    assert nats_of(blocks, wider) == pytest.approx(nats_of(blocks, wanted), rel=0.02)
    (expert,), bias = experts_of(blocks, np.ones((ROWS, 1), bool), wider, 1.0)
    said = softmax(blocks[0] @ expert.weights + expert.bias + bias, axis=1)
    assert said[:, 2].max() < 0.01


def test_one_class_alone_tells_nothing_and_leaves_the_beginning():
    rows = np.random.default_rng(0).normal(size=(50, 5))
    assert nats_of([rows], np.ones((50, 1)), 0.8) == [0.8]


def test_rows_without_a_modality_do_not_blow_it_up(rng):
    blocks, wanted = drawn(rng, widths=(20,), nats=(1.0,))
    found = nats_of([blocks[0], np.zeros((ROWS, 8))], wanted)
    assert found[1] == LEAST_NATS


def test_what_is_common_among_the_rows_of_one_modality_is_not_said_of_anothers(rng):
    """Photos of two classes and sounds of two others, told apart by what they show."""
    blocks = [rng.normal(size=(400, 6)) for _ in range(2)]
    shown = np.repeat([[True, False], [False, True]], 200, axis=0)
    for i, block in enumerate(blocks):
        block[~shown[:, i]] = 0
    classes = np.where(shown[:, 0], blocks[0][:, 0] > 0, 2 + (blocks[1][:, 0] > 0))
    (sight, sound), bias = experts_of(blocks, shown, np.eye(4)[classes], 1.0)
    assert softmax(sight.bias + bias)[:2].sum() > 0.95
    assert softmax(sound.bias + bias)[2:].sum() > 0.95


def test_weights_are_those_of_penalised_logistic_regression(rng):
    blocks, wanted = drawn(rng, widths=(12,), nats=(2.0,))
    rows, nats = blocks[0][:300], 0.6
    ours = fitted(rows, wanted[:300], np.full(12, nats), np.zeros((12, 4)))
    theirs = LogisticRegression(C=nats**2, fit_intercept=False, tol=1e-8, max_iter=1000)
    theirs.fit(rows, wanted[:300].argmax(axis=1))
    assert np.abs(ours.T - theirs.coef_).max() < 1e-3
