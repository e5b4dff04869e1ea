"""Foreign keypoint names, and what is said of files that are none."""

import json

import pytest

from worker.training.pose.coco import AnnotationsUnreadable, meaning, read_labels


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        ("Nose", "nose"),
        ("L_Eye", "eye_a"),
        ("Root of tail", "tail_base"),
        ("R_B_Paw", "rear_paw_b"),
        ("L_Knee", "stifle_a"),
        ("R_B_Knee", "hock_b"),
        ("left_front_paw", "front_paw_a"),
        ("right_rear_middle", "hock_b"),
        ("left_earbase", "ear_base_a"),
        ("tail_end", "tail_tip"),
        ("ear_tip_b", "ear_tip_b"),
        ("L_Shoulder", None),
    ],
)
def test_the_names_of_the_usual_data_sets_are_known(foreign, ours):
    assert meaning(foreign) == ours


def written(tmp_path, **changed):
    file = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 1, "bbox": [10, 20, 30, 40], "keypoints": [11, 21, 2, 0, 0, 0]},
        ],
        "categories": [{"id": 1, "name": "dog", "keypoints": ["nose", "tail_tip"]}],
    }  # fmt: skip
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(file | changed), "utf-8")
    return path


def test_only_labelled_points_are_asked_for(tmp_path):
    (one,) = read_labels(written(tmp_path), tmp_path)
    assert one.box == (10, 20, 40, 60)
    assert one.asked.sum() == 1
    assert tuple(one.points[one.asked][0]) == (11, 21)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"annotations": [{"image_id": 2, "bbox": [0, 0, 1, 1], "keypoints": [0] * 6}]}, "image 2"),
        (
            {"annotations": [{"image_id": 1, "bbox": [0, 0, 1, 1], "keypoints": [0] * 5}]},
            "5 numbers",
        ),
        ({"annotations": [{"image_id": 1, "keypoints": []}]}, "bbox"),
        ({"categories": [{"id": 1, "keypoints": ["left_wing"]}]}, "no keypoint"),
        ({"images": None}, "images"),
    ],
)
def test_a_faulty_file_is_refused_with_what_is_wrong(tmp_path, changed, said):
    with pytest.raises(AnnotationsUnreadable, match=said):
        read_labels(written(tmp_path, **changed), tmp_path)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "labels.json").write_bytes(b"\xff\xfe")
    with pytest.raises(AnnotationsUnreadable):
        read_labels(tmp_path / "labels.json", tmp_path)
