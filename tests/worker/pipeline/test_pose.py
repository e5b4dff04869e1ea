"""Decoding: from heat to points in the picture, and tails that are not believed."""

import numpy as np
import pytest

from worker.pipeline.extract import pose as poses
from worker.pipeline.extract.given_pose import load_pose_network
from worker.pipeline.extract.keypoints import NAMES, POINTS
from worker.pipeline.extract.pose import PoseNetwork, believable_tails, cut_square, peaks, square_of

TIP, BASE, PAW = NAMES.index("tail_tip"), NAMES.index("tail_base"), NAMES.index("rear_paw_a")
WITHERS = NAMES.index("withers")


@pytest.fixture(scope="module")
def network() -> PoseNetwork:
    return PoseNetwork()


def test_a_heat_maps_peak_becomes_a_point_between_cells():
    heat = np.zeros((1, 1, 32, 32), np.float32)
    heat[0, 0, 10, 20:22] = 0.4
    heat[0, 0, 30, 3] = 0.2
    points, confidence = peaks(heat)
    assert points[0, 0] == pytest.approx([21 / 32, 10.5 / 32])
    assert confidence[0, 0] == pytest.approx(0.8)


def test_the_square_is_as_wide_as_high_in_pixels():
    x0, y0, x1, y1 = square_of((0.4, 0.2, 0.6, 0.8), aspect=2.0)
    assert (x1 - x0) * 2.0 == pytest.approx(y1 - y0)
    assert y1 - y0 == pytest.approx(0.6 * poses.MARGIN)


def test_a_square_that_leaves_the_picture_is_filled_with_grey():
    picture = np.full((90, 160, 3), 200, np.uint8)
    cut = cut_square(picture, np.array([-0.25, -0.5, 0.25, 0.5], np.float32))
    assert cut.shape == (128, 128, 3)
    assert (cut[:40] == 114).all()
    assert (cut[-20:, -20:] == 200).all()


def tail(tip, seen=0.9, spine=0.3):
    points = np.zeros((1, POINTS, 2), np.float32)
    points[0, WITHERS], points[0, BASE] = (0.6, 0.5), (0.6 - spine, 0.5)
    points[0, PAW], points[0, TIP] = (0.3, 0.8), tip
    sure = np.full((1, POINTS), 0.8, np.float32)
    present = np.full((1, POINTS), seen, np.float32)
    return believable_tails(points, sure, present)[0, TIP]


def test_a_tail_is_believed_where_it_can_be():
    assert tail((0.15, 0.35)) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("tip", "given"),
    [((0.15, 0.35), {"seen": 0.3}), ((0.3, 0.79), {}), ((0.95, 0.1), {})],
    ids=["unseen", "on a paw", "out of reach"],
)
def test_a_tail_that_cannot_be_is_not_believed(tip, given):
    assert tail(tip, **given) == 0.0


def test_pictures_without_a_box_hold_zeros(network, noise):
    pictures = noise.integers(0, 255, (3, 90, 160, 3), np.uint8)
    pose = network.look(pictures, [None, (0.2, 0.2, 0.8, 0.8), None])
    assert not pose.confidence[[0, 2]].any()
    assert not pose.masks[[0, 2]].any()
    assert pose.confidence[1].max() > 0
    assert network.look(pictures, [None] * 3).points.shape == (3, POINTS, 2)


def test_in_the_mirror_it_finds_the_mirrored_points(noise):
    both = PoseNetwork(mirrored=True)
    cut = noise.integers(0, 255, (2, 128, 128, 3), np.uint8)
    here, there = both.run(cut), both.run(np.ascontiguousarray(cut[:, :, ::-1]))
    assert np.allclose(here["heat"], there["heat"][:, poses.MIRRORED, :, ::-1], atol=1e-4)
    assert np.allclose(here["view"] * (-1, 1), there["view"], atol=1e-4)


def test_what_is_found_does_not_hang_on_what_is_looked_at_beside_it(network, noise):
    pictures = noise.integers(0, 255, (12, 90, 160, 3), np.uint8)
    boxes = [(0.2, 0.2, 0.8, 0.8)] * 12
    alone = network.look(pictures[5:6], boxes[:1])
    assert np.allclose(network.look(pictures, boxes).points[5], alone.points[0], atol=1e-3)


def a_given_network(folder):
    """Write a network that finds point 0 at the picture's brightest place, and its manifest."""
    import hashlib
    import json

    import onnx
    from onnx import TensorProto, helper

    pool = helper.make_node(
        "AveragePool", ["picture"], ["small"], kernel_shape=[4, 4], strides=[4, 4]
    )
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        [pool],
        "given",
        [helper.make_tensor_value_info("picture", floats, ["n", 3, 128, 128])],
        [helper.make_tensor_value_info("small", floats, ["n", 3, 32, 32])],
    )
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), folder / "given.onnx")
    manifest = {
        "name": "given-1",
        "file": "given.onnx",
        "sha256": hashlib.sha256((folder / "given.onnx").read_bytes()).hexdigest(),
        "licence": "MIT",
        "input_px": 128,
        "mean": [0, 0, 0],
        "deviation": [255, 255, 255],
        "points": {"nose": 0},
    }
    (folder / "pose.json").write_text(json.dumps(manifest), "utf-8")
    return manifest


def test_a_given_network_takes_our_ones_place_by_its_manifest(tmp_path):
    a_given_network(tmp_path)
    network = load_pose_network([tmp_path], 1)
    assert network.made_by == "given-1"
    picture = np.zeros((1, 100, 100, 3), np.uint8)
    picture[0, 28:34, 68:74] = 255
    pose = network.look(picture, [(0.1, 0.1, 0.9, 0.9)])
    nose = NAMES.index("nose")
    assert pose.points[0, nose] == pytest.approx((0.71, 0.31), abs=0.03)
    assert pose.confidence[0, nose] > 0.5
    assert pose.confidence[0].sum() - pose.confidence[0, nose] < 1.0
    assert not pose.posture.any()


@pytest.mark.parametrize("changed", [{"sha256": "0" * 64}, {"points": {"wing": 0}}, {"file": 3}])
def test_a_given_network_that_is_not_as_described_is_not_used(tmp_path, changed):
    import json

    manifest = a_given_network(tmp_path)
    (tmp_path / "pose.json").write_text(json.dumps(manifest | changed), "utf-8")
    assert load_pose_network([tmp_path], 1).made_by == poses.NAME
