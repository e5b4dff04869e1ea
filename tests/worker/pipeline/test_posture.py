"""Posture from made-up points: known angles come out, and what cannot be seen is not claimed."""

import numpy as np
import pytest

from worker.pipeline.extract.keypoints import EARS, NAMES, POINTS, POSTURES, Pose
from worker.pipeline.extract.posture import FEATURES, WIDTH, measure_posture

# A standing animal that looks to the right, y upward, spine length 1; both sides on one place.
STANDING = {
    "withers": (0.5, 1.0), "mid_back": (0.0, 1.0), "tail_base": (-0.5, 1.0),
    "tail_mid": (-0.8, 1.0), "tail_tip": (-1.1, 1.0), "nose": (1.2, 1.3), "chin": (1.15, 1.2),
    "ear_base": (0.8, 1.4), "ear_tip": (0.8, 1.6), "eye": (1.0, 1.38), "elbow": (0.4, 0.5),
    "carpus": (0.45, 0.2), "front_paw": (0.45, 0.0), "stifle": (-0.3, 0.5), "hock": (-0.6, 0.25),
    "rear_paw": (-0.5, 0.0),
}  # fmt: skip
ASPECT = 16 / 9


def pose_of(*frames, view=(0.95, 0.1), unsure=()):
    """Return a pose of pictures 16:9 in which a spine is a fifth of the height."""
    n = len(frames)
    points = np.zeros((n, POINTS, 2), np.float32)
    for i, changed in enumerate(frames):
        for k, name in enumerate(NAMES):
            x, y = (STANDING | changed)[name.removesuffix("_a").removesuffix("_b")]
            points[i, k] = (0.5 + 0.2 * x / ASPECT, 0.8 - 0.2 * y)
    confidence = np.full((n, POINTS), 0.9, np.float32)
    confidence[:, [NAMES.index(u) for u in unsure]] = 0.1
    posture = np.full((n, len(POSTURES)), 1 / len(POSTURES), np.float32)
    return Pose(
        points=points,
        confidence=confidence,
        present=np.full((n, POINTS), 0.9, np.float32),
        view=np.tile(np.array(view, np.float32), (n, 1)),
        posture=posture,
        ears=np.full((n, len(EARS)), 1 / len(EARS), np.float32),
        masks=np.full((n, 64, 64), 255, np.uint8),
        squares=np.tile(np.array([0.2, 0.2, 0.6, 0.9], np.float32), (n, 1)),
    )


def value(name, *frames, **given):
    posture = measure_posture(pose_of(*frames, **given), ASPECT, np.arange(len(frames)) / 2)
    return posture.values(name)


@pytest.mark.parametrize(
    ("tip", "right_angles"),
    [((-1.1, 1.0), 0.0), ((-0.5, 1.6), 1.0), ((-0.9, 0.6), -0.5), ((-0.5, 0.4), -1.0)],
)
def test_a_tail_is_measured_against_the_spine(tip, right_angles):
    assert value("tail_angle", {"tail_tip": tip})[0] == pytest.approx(right_angles, abs=1e-3)


def test_it_is_the_same_for_an_animal_that_looks_to_the_left():
    mirrored = {name: (-x, y) for name, (x, y) in (STANDING | {"tail_tip": (-0.5, 1.6)}).items()}
    assert value("tail_angle", mirrored, view=(-0.95, 0.1))[0] == pytest.approx(1.0, abs=1e-3)


def test_a_hunched_back_is_the_middles_distance_from_the_chord():
    assert value("spine_curvature", {"mid_back": (0.0, 1.2)})[0] == pytest.approx(0.2, abs=1e-3)
    assert value("spine_curvature", {"mid_back": (0.0, 0.9)})[0] == pytest.approx(-0.1, abs=1e-3)


def test_a_bow_has_the_rump_above_the_withers():
    bowed = {"withers": (0.45, 0.5), "tail_base": (-0.5, 0.95)}
    assert value("bow", bowed)[0] > 0.3
    assert value("bow", {})[0] == pytest.approx(0.0, abs=1e-3)


def test_ears_lie_back_or_stand():
    assert value("ear_position", {"ear_tip": (0.6, 1.45)})[0] < 0.2
    assert value("ear_position", {})[0] == pytest.approx(0.84, abs=0.05)


def test_nothing_that_needs_the_side_is_measured_from_the_front():
    posture = measure_posture(pose_of({}, view=(0.1, -0.95)), ASPECT, np.zeros(1))
    known = dict(zip(FEATURES, posture.known[0], strict=True))
    assert not known["tail_angle"]
    assert not known["spine_curvature"]
    assert known["view_sin"]
    assert known["sitting"]


def test_a_point_that_is_not_sure_takes_its_measures_with_it():
    assert len(value("tail_angle", {}, unsure=["tail_tip"])) == 0
    assert len(value("tail_root_angle", {}, unsure=["tail_tip"])) == 1


def test_speed_is_in_spine_lengths_a_second():
    pose = pose_of({}, {})
    pose.squares[1, [0, 2]] += 0.2 / ASPECT  # one spine to the right in half a second
    posture = measure_posture(pose, ASPECT, np.array([0.0, 0.5]))
    assert posture.values("speed") == pytest.approx([2.0], rel=1e-3)


def test_there_are_32_and_they_are_finite():
    posture = measure_posture(pose_of({}, {"tail_tip": (-0.5, 1.0)}), ASPECT, np.array([0.0, 0.5]))
    assert posture.rows.shape == (2, WIDTH) == (2, 32)
    assert np.isfinite(posture.rows).all()
