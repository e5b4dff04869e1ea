import numpy as np
import pytest
from sklearn import metrics as theirs

from worker.training import metrics


@pytest.fixture
def drawn():
    rng = np.random.default_rng(3)
    chances = rng.dirichlet(np.ones(5), 400)
    labels = np.where(rng.random(400) < 0.4, chances.argmax(axis=1), rng.integers(0, 5, 400))
    return labels, chances


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_f1_is_scikit_learns(drawn, average):
    labels, chances = drawn
    counts = metrics.confusion(labels, chances.argmax(axis=1)).astype(float)
    ours = metrics.f1_of(counts, weighted=average == "weighted")
    assert ours == pytest.approx(theirs.f1_score(labels, chances.argmax(1), average=average))


def test_a_class_that_nobody_has_does_not_count_in_macro_f1():
    labels, chosen = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 3])
    counts = metrics.confusion(labels, chosen).astype(float)
    expected = theirs.f1_score(labels, chosen, labels=[0, 1], average="macro")
    assert metrics.f1_of(counts) == pytest.approx(expected)


def test_accuracy_confusion_and_classes_are_scikit_learns(drawn):
    labels, chances = drawn
    chosen = chances.argmax(axis=1)
    counts = metrics.confusion(labels, chosen)
    assert (counts == theirs.confusion_matrix(labels, chosen)).all()
    assert metrics.accuracy_of(counts.astype(float)) == (labels == chosen).mean()
    alert = metrics.per_class(labels, chosen)["Alert"]
    assert alert.recall == pytest.approx(theirs.recall_score(labels == 1, chosen == 1))
    assert alert.n == (labels == 1).sum()


def test_brier_and_cross_entropy_are_scikit_learns(drawn):
    labels, chances = drawn
    assert metrics.nll(np.eye(5)[labels], chances) == pytest.approx(
        theirs.log_loss(labels, chances)
    )
    each = [theirs.brier_score_loss(labels == c, chances[:, c]) for c in range(5)]
    assert metrics.brier(labels, chances) == pytest.approx(sum(each))


def test_the_calibration_error_is_none_of_true_chances_and_large_of_boasts():
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(5, 0.7), 40_000)
    labels = (chances.cumsum(axis=1) > rng.random((40_000, 1))).argmax(axis=1)
    assert metrics.ece(labels, chances) < 0.01
    boasts = np.eye(5)[chances.argmax(axis=1)]
    right = (chances.argmax(axis=1) == labels).mean()
    assert metrics.ece(labels, boasts) == pytest.approx(1 - right)


def test_surest_first_makes_few_errors_and_ends_at_the_error_rate(drawn):
    labels, chances = drawn
    curve = metrics.risk_coverage(labels, chances)
    assert curve[-1].x == 1
    assert curve[-1].y == pytest.approx((chances.argmax(1) != labels).mean())
    knowing = np.where(np.eye(5)[labels] > 0, 0.9, 0.025)
    assert metrics.aurc(labels, knowing) == 0
    assert metrics.coverage_at_90(labels, knowing) == 1


def test_distress_called_well_is_counted_and_unknown_without_distress():
    labels, chosen = np.array([4, 4, 4, 4, 0]), np.array([0, 3, 2, 4, 4])
    assert metrics.called_well_in_distress(labels, chosen) == 0.5
    assert metrics.called_well_in_distress(labels[4:], chosen[4:]) is None
