import numpy as np
import pytest

from worker.training import intervals, metrics


def answers(rng, n, right):
    labels = rng.integers(0, 5, n)
    chosen = np.where(rng.random(n) < right, labels, rng.integers(0, 5, n))
    return labels, np.eye(5)[chosen][None]


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    """Accuracy of 0.6 + 0.4 / 5: of 60 draws, 95 % intervals should miss about three."""
    missed = 0
    for seed in range(60):
        labels, chances = answers(np.random.default_rng(seed), 200, 0.6)
        found = intervals.of_counts(metrics.accuracy_of, labels, chances, np.arange(200))
        missed += not found.low <= 0.68 <= found.high
    assert missed <= 8  # P(more) = .004


def test_clips_of_one_animal_widen_the_interval():
    labels, chances = answers(np.random.default_rng(0), 100, 0.6)
    alone = intervals.of_counts(metrics.accuracy_of, labels, chances, np.arange(100))
    again = [np.repeat(a, 9, axis=-1 if a.ndim == 1 else 1) for a in (labels, chances)]
    ninefold = intervals.of_counts(metrics.accuracy_of, *again, np.repeat(np.arange(100), 9))
    assert ninefold.value == pytest.approx(alone.value)
    assert (ninefold.high - ninefold.low) == pytest.approx(alone.high - alone.low, rel=0.1)
    naive = intervals.of_counts(metrics.accuracy_of, *again, np.arange(900))
    assert (naive.high - naive.low) < 0.5 * (alone.high - alone.low)


def test_any_statistic_has_the_interval_that_counts_give():
    labels, chances = answers(np.random.default_rng(1), 200, 0.5)
    groups = np.arange(200) // 2
    counted = intervals.of_counts(metrics.accuracy_of, labels, chances, groups)
    other = intervals.of_statistic(
        lambda y, p: float((p.argmax(1) == y).mean()), labels, chances, groups
    )
    assert other.value == counted.value
    assert other.low == pytest.approx(counted.low, abs=0.02)
    assert other.high == pytest.approx(counted.high, abs=0.02)


def test_seeds_have_a_deviation_and_one_seed_has_none():
    labels, one = answers(np.random.default_rng(1), 100, 0.5)
    other = answers(np.random.default_rng(1), 100, 0.9)[1]
    both = np.concatenate([one, other])
    groups = np.arange(100)
    assert intervals.of_counts(metrics.accuracy_of, labels, one, groups).sd is None
    found = intervals.of_counts(metrics.accuracy_of, labels, both, groups)
    each = [float((p.argmax(1) == labels).mean()) for p in both]
    assert found.value == pytest.approx(np.mean(each))
    assert found.sd == pytest.approx(np.std(each, ddof=1))


def test_a_paired_difference_is_surer_than_two_intervals():
    rng = np.random.default_rng(2)
    labels, weak = answers(rng, 400, 0.5)
    strong = weak.copy()
    mended = np.flatnonzero(weak[0].argmax(1) != labels)[:30]
    strong[0, mended] = np.eye(5)[labels[mended]]
    groups = np.arange(400)
    gain = intervals.paired(metrics.accuracy_of, labels, strong, weak, groups)
    assert gain.value == pytest.approx(30 / 400)
    assert gain.low > 0.04
    same = intervals.paired(metrics.accuracy_of, labels, weak, weak, groups)
    assert (same.value, same.low, same.high) == (0, 0, 0)
