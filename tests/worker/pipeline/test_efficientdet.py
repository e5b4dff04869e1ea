"""The second detector, in MediaPipe itself: on a small detector of the same form, written here.

EfficientDet-Lite0's own file is not among the given ones; no test has seen it run.
"""

import sys

import numpy as np
import pytest

from worker.pipeline import run
from worker.pipeline.extract.detect import Found, overlap
from worker.pipeline.extract.efficientdet import EfficientDet, InTurn
from worker.pipeline.extract.locate import How, locate

CAT, DOG, PERSON, SHEEP = 15, 16, 0, 18
NAMES = {"cat": 0, "dog": 1, "sofa": 2}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The four quarters are a cat, a dog, a sofa and a dog; MediaPipe needs system libraries."""
    path = tmp_path_factory.mktemp("tflite") / "efficientdet_lite0.tflite"
    try:
        path.write_bytes(written("cat", "dog", "sofa", "dog"))
        return EfficientDet(path)
    except (ImportError, OSError) as error:
        pytest.skip(f"MediaPipe does not load here: {error}")


def written(*names):
    """Return a file whose quarters are these."""
    from tests.worker.pipeline import tflite_files

    return tflite_files.detector([NAMES[n] for n in names])


class Sees:
    """A detector that always says the same, and counts how often it was asked."""

    def __init__(self, *found):
        self.found, self.asked = list(found), 0

    def detect(self, picture, *, room=1.0, min_score):
        self.asked += 1
        return self.found


def quarters(upper_left=0, upper_right=0, lower_left=0, lower_right=0):
    """A picture (40, 80) whose quarters are as bright as said."""
    rows = (upper_left, upper_right), (lower_left, lower_right)
    grey = np.repeat(np.repeat(np.array(rows, np.uint8), 20, 0), 40, 1)
    return np.stack([grey] * 3, axis=2)


def test_a_dog_and_a_cat_are_found_where_they_are_and_nothing_else(network):
    found = network.detect(quarters(upper_left=230, upper_right=180, lower_left=255), min_score=0)
    assert [(f.kind, f.box) for f in found] == [
        (CAT, (0.0, 0.0, 0.5, 0.5)),
        (DOG, (0.5, 0.0, 1.0, 0.5)),
    ]
    assert [f.score for f in found] == pytest.approx([230 / 255, 180 / 255], abs=0.005)


def test_it_has_to_be_sure_whatever_the_look_asks_for(network):
    assert network.detect(quarters(upper_left=110), min_score=0.1) == []
    assert network.detect(quarters(upper_left=160), min_score=0.9) == []


def test_seen_from_further_away_a_box_is_in_the_pictures_own_shares(network):
    picture = np.full((40, 80, 3), 255, np.uint8)
    found = network.detect(picture, room=2.0, min_score=0.1)
    assert [(f.kind, f.box) for f in found] == [(CAT, (0.0, 0.0, 1.0, 1.0))]


def test_it_is_asked_only_where_the_first_sees_neither_dog_nor_cat():
    dog, faint_dog = (Found((0.1, 0.1, 0.5, 0.5), DOG, score) for score in (0.3, 0.12))
    cat, sheep = Found((0.5, 0.5, 0.9, 0.9), CAT, 0.7), Found((0.1, 0.1, 0.5, 0.5), SHEEP, 0.8)
    person = Found((0.0, 0.0, 1.0, 1.0), PERSON, 0.9)
    picture = quarters()
    for first, asked, together in (
        (Sees(dog, person), 0, [dog, person]),
        (Sees(person), 1, [cat, person]),
        (Sees(sheep), 1, [sheep, cat]),
        (Sees(faint_dog), 1, [cat, faint_dog]),
        (Sees(), 1, [cat]),
    ):
        second = Sees(cat)
        assert InTurn(first, second).detect(picture, min_score=0.1) == together
        assert second.asked == asked


def test_alone_it_makes_the_pet_verified(network):
    pictures = np.stack([quarters(lower_right=200)] * 9)
    pet = locate(pictures, np.arange(9) * 0.5, network)
    assert pet.species_seen == "dog"
    assert set(pet.how) == {How.DETECTED, How.TRACKED}
    assert all(overlap(box, (0.5, 0.5, 1, 1)) > 0.95 for box in pet.boxes)


ROLE = "second_detector"


def test_where_it_was_pulled_it_serves_without_the_first(network, accepted, tmp_path):
    folder = accepted(ROLE, tmp_path, written("dog", "dog", "dog", "dog"))
    assert type(run.load_detector(folder, tmp_path / "cache", 1)) is type(network)


def test_a_file_that_mediapipe_refuses_changes_nothing_but_the_log(accepted, said, tmp_path):
    folder = accepted(ROLE, tmp_path, b"no network" * 9)
    assert run.load_detector(folder, tmp_path / "cache", 1) is None
    assert [line["event"] for line in said] == ["second_detector_missing"]


def test_without_mediapipes_libraries_nothing_changes_but_the_log(
    accepted, said, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "mediapipe.tasks.python", None)
    folder = accepted(ROLE, tmp_path, b"whatever")
    assert run.load_detector(folder, tmp_path / "cache", 1) is None
    assert [line["event"] for line in said] == ["second_detector_missing"]


def test_where_it_was_not_pulled_mediapipe_is_not_even_imported(said, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe.tasks.python", None)
    assert run.load_detector(tmp_path, tmp_path / "cache", 1) is None
    assert said == []
