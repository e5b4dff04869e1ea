import numpy as np
import pytest

from worker.pipeline.manifest import CLASSES
from worker.training import agreement, labels, raters

RELAXED, ALERT, ANXIOUS, PLAYFUL, DISTRESSED = range(5)

# Dawid & Skene 1979, table 1: observer 1 saw each of 45 patients three times, 2-5 once.
ANAESTHETISTS = """
111.1.1.1.1 333.4.3.3.4 112.2.1.2.2 222.3.1.2.1 222.3.2.2.2 222.3.3.2.2 122.2.1.1.1 333.3.4.3.3
222.2.2.2.3 232.2.2.2.3 444.4.4.4.4 222.3.3.4.3 111.1.1.1.1 222.3.2.1.2 121.1.1.1.1 111.2.1.1.1
111.1.1.1.1 111.1.1.1.1 222.2.2.2.1 222.1.3.2.2 222.2.2.2.2 222.2.2.2.1 222.3.2.2.2 221.2.2.2.2
111.1.1.1.1 111.1.1.1.1 232.2.2.2.2 111.1.1.1.1 111.1.1.1.1 112.1.1.2.1 111.1.1.1.1 333.3.2.3.3
111.1.1.1.1 222.2.2.2.2 222.3.2.3.2 433.4.3.4.3 221.2.2.3.2 232.3.2.3.3 333.3.4.3.2 111.1.1.1.1
111.1.1.1.1 121.2.1.1.1 232.2.2.2.2 121.1.1.1.1 222.2.2.2.2
"""


def units() -> np.ndarray:
    """Return Krippendorff 2011, section C: four observers, twelve units."""
    rows = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    return np.array([[-1 if c == "." else int(c) - 1 for c in row] for row in rows]).T


@pytest.mark.parametrize(("metric", "published"), [("nominal", 0.743), ("interval", 0.849)])
def test_alpha_is_what_krippendorff_prints(metric, published):
    steps = np.arange(5)
    distance = {
        "nominal": agreement.nominal(5),
        "interval": (steps[:, None] - steps[None]) ** 2.0,
    }[metric]
    assert agreement.with_interval(units(), distance).value == pytest.approx(published, abs=5e-4)


def test_alphas_interval_holds_alpha_and_narrows_with_items():
    few = agreement.with_interval(units(), agreement.nominal(5))
    many = agreement.with_interval(np.tile(units(), (10, 1)), agreement.nominal(5))
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 2
    assert few.items == 11  # the twelfth unit has one vote and can disagree with nobody


def test_alpha_is_zero_by_chance_and_one_in_agreement():
    rng = np.random.default_rng(0)
    chance = rng.integers(0, 5, (4000, 3))
    assert abs(agreement.with_interval(chance, agreement.nominal(5)).value) < 0.03
    same = np.repeat(rng.integers(0, 5, (50, 1)), 3, axis=1)
    assert agreement.with_interval(same, labels.DISTANCE**2).value == 1


def test_near_misses_cost_less_with_distances():
    votes = np.array([[ANXIOUS, DISTRESSED], [RELAXED, RELAXED], [PLAYFUL, PLAYFUL]] * 5)
    plain = agreement.with_interval(votes, agreement.nominal(5)).value
    assert agreement.with_interval(votes, labels.DISTANCE**2).value > plain + 0.2


def test_dawid_and_skenes_own_patients_come_out_as_published():
    patients = ANAESTHETISTS.split()
    counts = np.zeros((45, 5, 4))
    for i, patient in enumerate(patients):
        for observer, said in enumerate(patient.split(".")):
            for vote in said:
                counts[i, observer, int(vote) - 1] += 1
    found = raters.fit_counts(counts, few=np.zeros(5, bool))
    assert len(patients) == 45
    assert found.marginals == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)
    assert found.posterior[0].argmax() == 0
    assert found.posterior[10].argmax() == 3
    assert found.errors[0, 0] == pytest.approx([0.89, 0.11, 0, 0], abs=0.01)


def test_a_careless_rater_does_not_outvote_a_careful_one():
    rng = np.random.default_rng(3)
    true = rng.integers(0, 5, 300)
    careful = np.where(rng.random((300, 2)) < 0.85, true[:, None], rng.integers(0, 5, (300, 2)))
    careless = rng.integers(0, 5, (300, 2))
    votes = np.concatenate([careful, careless], axis=1)
    by_trust = raters.dawid_skene(votes, 5).posterior.argmax(axis=1)
    by_count = labels.shares(votes).argmax(axis=1)
    assert (by_trust == true).mean() > (by_count == true).mean() + 0.02


def test_few_items_are_fitted_with_one_number_a_rater():
    votes = np.array([[0, 0, 1], [1, 1, 1], [2, 2, 0], [3, 3, 3]])
    errors = raters.dawid_skene(votes, 5).errors
    assert len(np.unique(errors[2][~np.eye(5, dtype=bool)])) == 1


def test_the_majority_rule_is_the_seeds():
    votes = np.array([
        [RELAXED, RELAXED, ALERT],  # two of three, neighbours
        [RELAXED, RELAXED, DISTRESSED],  # two of three, but further than one apart
        [RELAXED, ALERT, PLAYFUL],  # three labels
        [ANXIOUS, -1, -1],
        [ANXIOUS, DISTRESSED, -1],  # one against one
    ])  # fmt: skip
    assert labels.majority(votes).tolist() == [RELAXED, RELAXED, -1, ANXIOUS, -1]
    assert labels.more_than_one_apart(votes).tolist() == [False, True, True, False, False]
    _, usable = labels.targets(votes, labels.Rule.MAJORITY)
    assert usable.tolist() == [True, False, False, True, False]


def test_every_class_has_a_neighbour_and_opposites_are_none():
    near = labels.DISTANCE <= labels.ONE_APART + 1e-9
    assert (near.sum(axis=1) >= 2).all()
    assert not near[CLASSES.index("Relaxed"), CLASSES.index("Distressed")]
    assert not near[CLASSES.index("Playful"), CLASSES.index("Anxious")]


def test_disagreements_have_a_label_for_scoring_and_stay_in_the_test_set():
    votes = np.array([[RELAXED, ALERT, PLAYFUL], [ANXIOUS, ANXIOUS, ALERT]])
    assert (labels.truth(votes) >= 0).all()
    soft, usable = labels.targets(votes, labels.Rule.SOFT)
    assert usable.all()
    assert soft[0] == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3, 0])
