"""How loudly each modality may speak, told from rows that were drawn with a known answer."""

import numpy as np
import pytest
from scipy.special import softmax

from worker.training.relevance import LEAST_NATS, nats_of

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


def test_the_deviation_that_weights_were_drawn_with_is_found(rng):
    blocks, wanted = drawn(rng, widths=(60, 30), nats=(2.0, 0.7))
    assert nats_of(blocks, wanted, 1.0) == pytest.approx([2.0, 0.7], rel=0.25)


def test_a_block_that_tells_nothing_is_all_but_silenced(rng):
    blocks, wanted = drawn(rng, widths=(60, 30), nats=(1.5, 0.0))
    told, nothing = nats_of(blocks, wanted, 1.0)
    assert told > 1
    assert nothing < 0.25


def test_a_class_that_nobody_wants_changes_nothing(rng):
    blocks, wanted = drawn(rng, widths=(20,), nats=(1.0,))
    wider = np.insert(wanted, 2, 1e-300, axis=1)
    assert nats_of(blocks, wider, 1.0) == nats_of(blocks, wanted, 1.0)


def test_one_class_alone_tells_nothing_and_leaves_the_beginning():
    rows = np.random.default_rng(0).normal(size=(50, 5))
    assert nats_of([rows], np.ones((50, 1)), 0.8) == [0.8]


def test_rows_without_a_modality_do_not_blow_it_up(rng):
    blocks, wanted = drawn(rng, widths=(20,), nats=(1.0,))
    found = nats_of([blocks[0], np.zeros((ROWS, 8))], wanted, 1.0)
    assert found[1] == LEAST_NATS
