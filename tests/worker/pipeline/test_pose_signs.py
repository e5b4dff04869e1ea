"""Signs of posture: read where they show, missing with a reason where they do not."""

import dataclasses

import numpy as np
import pytest

from tests.clips import SAMPLES
from worker.pipeline.extract.posture import FEATURES, WIDTH, Posture
from worker.pipeline.fuse.ethogram import Missing
from worker.pipeline.fuse.pose_signs import read_pose

N = 8


def postured(extracted, n=N, **columns):
    """Return the extract of a seen pet with features of n pictures, the rest not measurable."""
    rows, known = np.zeros((n, WIDTH), np.float32), np.zeros((n, WIDTH), bool)
    for name, values in columns.items():
        rows[:, FEATURES.index(name)] = values
        known[:, FEATURES.index(name)] = True
    pet = dataclasses.replace(extracted.facts.pet, pet_frames_share=1.0)
    return dataclasses.replace(
        extracted,
        facts=dataclasses.replace(extracted.facts, pet=pet),
        picture_times_s=np.arange(n) / 2,
        posture=Posture(rows, known),
    )


@pytest.fixture
def extracted(measured):
    return measured(next(iter(SAMPLES)))[0]


def test_without_a_detector_every_sign_of_posture_is_missing(extracted):
    for key in ("tail_carriage", "low_posture", "play_bow", "hunched_spine"):
        said = read_pose(key, extracted)
        assert isinstance(said, Missing)
        assert "weights are missing" in said.why


def test_a_tails_carriage_is_its_median_angle_in_degrees(extracted):
    said = read_pose("tail_carriage", postured(extracted, tail_angle=np.linspace(-0.7, -0.3, N)))
    assert said.value == pytest.approx(-45, abs=0.1)
    assert 0 < said.reliability < 1
    assert said.span_s == (0.0, 3.5)


def test_two_pictures_of_a_tail_are_not_enough(extracted):
    two = postured(extracted, tail_angle=0.5)
    two.posture.known[2:, FEATURES.index("tail_angle")] = False
    assert isinstance(read_pose("tail_carriage", two), Missing)


def test_a_cats_tail_is_up_only_if_it_is(extracted):
    assert read_pose("tail_up", postured(extracted, tail_angle=0.9)).value == pytest.approx(81)
    assert read_pose("tail_up", postured(extracted, tail_angle=0.2)) is None


def test_a_crouch_must_last_and_not_stand_tall(extracted):
    crouching = np.array([0.9] * 4 + [0.1] * 4)
    said = read_pose("low_posture", postured(extracted, crouching=crouching))
    assert said.value == pytest.approx(0.5)
    assert said.span_s == (0.0, 1.5)
    assert read_pose("low_posture", postured(extracted, crouching=0.1)) is None
    tall = postured(extracted, crouching=crouching, withers_height=1.0)
    assert read_pose("low_posture", tall) is None


def test_a_bow_is_denied_by_a_rump_that_is_not_up(extracted):
    bowing = np.array([0.0, 0.8, 0.9, 0.7, 0.0, 0.0, 0.0, 0.0])
    seen = {"bowing": bowing, "view_cos": 0.9}
    assert read_pose("play_bow", postured(extracted, **seen)).value == 1.0
    assert read_pose("play_bow", postured(extracted, **seen, bow=-0.1)) is None


def test_a_bow_is_not_believed_where_the_view_is_unknown(extracted):
    assert read_pose("play_bow", postured(extracted, bowing=0.9)) is None


def test_a_back_is_hunched_only_while_standing(extracted):
    hunched = postured(extracted, spine_curvature=0.2, sitting=0.1, lying=0.1)
    assert read_pose("hunched_spine", hunched).value == pytest.approx(0.2)
    sitting = postured(extracted, spine_curvature=0.2, sitting=0.9, lying=0.0)
    assert isinstance(read_pose("hunched_spine", sitting), Missing)
