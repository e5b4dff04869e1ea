"""Keypoints of real animals, against points set by eye."""

import pytest

from tests.clips import by_hand
from worker.pipeline.extract.pose import BUILT_IN, PoseNetwork
from worker.training.pose.coco import read_labels
from worker.training.pose.evaluate import look_at_photos
from worker.training.pose.score import score


@pytest.mark.real
def test_points_of_real_animals_are_where_an_eye_sees_them(shared_folder, tmp_path):
    annotations = by_hand.write(shared_folder / "data" / "clips", tmp_path)
    labels = read_labels(annotations, tmp_path)
    found = score(look_at_photos(labels, PoseNetwork(BUILT_IN), lambda: None))
    assert found.animals == 41
    assert found.every.pck_10 > 0.65  # the target, .72, is not reached: docs/pose-card.md
    assert found.sure.pck_10 > 0.82
    assert found.tails.within_30 > 0.7
