"""A max-margin detector's file is read as dlib wrote it, and its network finds what dlib finds."""

import cv2
import numpy as np
import pytest

from tests.worker.pipeline.mmod_files import (
    MEAN,
    brightness_layers,
    integer,
    random_layers,
    text,
    written,
)
from worker.pipeline.extract.mmod import MmodDetector, Sighting, is_same, kept, lay_out, tiles_of
from worker.pipeline.extract.mmod_file import NetworkUnreadable, Overlap, parse_mmod, read_mmod
from worker.pipeline.run import load_heads

# What dlib 20.0.99 (commit 3d40bf5) finds in the given photographs at their own size: left, top,
# right, bottom, score.
FOUND_BY_DLIB = {
    "relaxed/42677834812_a1889a2918_b.jpg": (25, 61, 189, 225, 0.98664),
    "relaxed/9045.jpg": (35, 7, 171, 144, 1.04770),
    "sad/9786709806_63a33e1c95_b.jpg": (49, 9, 332, 292, 1.03698),
    "relaxed/4739301519_0ce40f9cd0_b.jpg": (92, -6, 256, 158, 1.05253),
    "relaxed/7081.jpg": (-5, 50, 90, 145, 0.66975),
    "sad/11221.jpg": (52, 23, 166, 137, 1.01057),
}


@pytest.mark.parametrize("modern", [True, False], ids=["newest form", "form of 2016"])
def test_a_network_comes_back_as_it_was_written(noise, modern):
    layers = random_layers(noise)
    network = parse_mmod(written(layers, window=(80, 60), modern=modern))
    assert network.windows == ((80, 60),)
    assert network.mean == MEAN
    assert (network.gap, network.rim) == (10, 11)
    assert network.overlap == Overlap(0.25, 0.5)
    assert [c.stride for c in network.convolutions] == [la.stride for la in layers]
    assert [c.padding for c in network.convolutions] == [la.padding for la in layers]
    assert np.array_equal(network.convolutions[-1].weight, layers[-1].weight)


@pytest.mark.parametrize("modern", [True, False], ids=["newest form", "form of 2016"])
def test_the_graph_computes_what_the_layers_do(noise, modern):
    layers = random_layers(noise)
    detector = MmodDetector(parse_mmod(written(layers, modern=modern)), 1)
    picture = noise.normal(0, 0.3, (1, 3, 93, 117)).astype(np.float32)
    scores = detector.runner.run({"picture": picture})["scores"][0]
    expected = picture[0].astype(np.float64)
    for k, one in enumerate(layers):
        expected = convolved(expected, one)
        if k < len(layers) - 1:
            expected = expected * one.factors[:, None, None] + one.shifts[:, None, None]
            expected = np.maximum(expected, 0)
    assert scores.shape == expected.shape
    assert expected.std() > 0.01
    assert np.abs(scores - expected).max() < 1e-4


def convolved(maps, one):
    """Convolve (in, h, w), window by window."""
    padded = np.pad(maps, ((0, 0), (one.padding,) * 2, (one.padding,) * 2))
    kernel = one.weight.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    windows = windows[:, :: one.stride, :: one.stride]
    return np.einsum("irckl,oikl->orc", windows, one.weight) + one.bias[:, None, None]


def test_a_file_that_ends_early_is_refused_wherever_it_ends(noise):
    content = written(random_layers(noise))
    for end in [*range(120), *noise.integers(120, len(content), 60)]:
        with pytest.raises(NetworkUnreadable):
            parse_mmod(content[:end])


def test_a_file_with_wrong_bytes_is_read_or_refused_but_nothing_else(noise):
    content = written(random_layers(noise))
    refused = 0
    for _ in range(300):
        broken = bytearray(content)
        for at in noise.integers(0, 400, 3):
            broken[at] = noise.integers(0, 256)
        try:
            parse_mmod(bytes(broken))
        except NetworkUnreadable:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (text("loss_mmod_"), text("loss_ranking_")),
        (text("con_6"), text("con_9")),
        (text("con_6") + integer(2), text("con_6") + integer(2) + integer(2**62)),
        (text("affine_2"), text("bn_con2")),
        (text("relu_2") + b"0", text("relu_2") + b"1"),
        (integer(80), integer(-80)),
    ],
    ids=["another loss", "another form", "a giant", "not folded", "switched off", "below nothing"],
)
def test_another_network_is_refused(noise, before, after):
    content = written(random_layers(noise))
    assert before in content
    with pytest.raises(NetworkUnreadable):
        parse_mmod(content.replace(before, after, 1))


def test_layers_that_do_not_fit_together_are_refused(noise):
    layers = random_layers(noise)
    with pytest.raises(NetworkUnreadable):
        parse_mmod(written([*layers[:3], layers[2], *layers[4:]]))


def test_a_file_that_is_no_network_leaves_the_worker_without_a_head_detector(
    accepted, said, tmp_path
):
    folder = accepted("head_detector", tmp_path, b"not the network")
    assert load_heads(folder, tmp_path / "cache", 1) is None
    assert [line["event"] for line in said] == ["weights_refused"]
    assert said[0]["path"].startswith(str(tmp_path))


def test_a_file_is_used_under_its_official_name(accepted, said, tmp_path):
    folder = accepted("head_detector", tmp_path, written(brightness_layers()))
    assert isinstance(load_heads(folder, tmp_path / "cache", 1), MmodDetector)
    assert said == []


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (97, 61), (30, 500), (8, 4)])
def test_sizes_lie_apart_in_the_one_picture(size):
    tiles = tiles_of(*size, 10, 11)
    filled = np.zeros((tiles.height, tiles.width), np.uint8)
    for left, top, width, height in tiles.places:
        assert min(left, top) >= 11
        filled[top : top + height, left : left + width] += 1
    assert filled.max() == 1
    assert filled.sum() == sum(w * h for _, _, w, h in tiles.places)
    assert tiles.places[0] == (11, 11, *size)


def test_what_is_laid_out_is_the_picture_five_sixths_at_a_time(noise):
    picture = cv2.GaussianBlur(noise.integers(0, 256, (120, 160, 3)).astype(np.uint8), (0, 0), 9)
    tiles = tiles_of(160, 120, 10, 11)
    laid = lay_out(picture, tiles, MEAN)
    left, top, width, height = tiles.places[2]
    small = laid[:, top : top + height, left : left + width].transpose(1, 2, 0) * 256 + MEAN
    assert (width, height) == (110, 83)
    assert np.abs(small - cv2.resize(picture, (width, height))).mean() < 2


@pytest.mark.parametrize("middle", [(60, 50), (200, 150), (250, 60)])
def test_every_size_shows_a_thing_at_its_place_in_the_picture(middle):
    detector = MmodDetector(parse_mmod(written(brightness_layers())), 1)
    picture = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(picture, middle, 24, (255, 0, 0), -1)
    tiles = tiles_of(320, 240, 10, 11)
    scores = detector.runner.run({"picture": lay_out(picture, tiles, MEAN)[None]})["scores"][0]
    seen = detector.sightings(scores, tiles, 0.0)
    assert len(seen) > 20
    assert len({round(s.edges[2] - s.edges[0]) for s in seen}) > 4  # several sizes
    for one in seen:
        x, y = (one.edges[0] + one.edges[2]) / 2, (one.edges[1] + one.edges[3]) / 2
        assert np.hypot(x - middle[0], y - middle[1]) < 30


def test_of_boxes_of_one_thing_the_surest_is_kept():
    overlap = Overlap(0.25, 0.5)
    boxes = [(0, 0, 79, 79), (10, 10, 89, 89), (300, 0, 379, 79), (20, 20, 39, 39)]
    seen = [Sighting(b, 1 - k / 10) for k, b in enumerate(boxes)]
    assert [s.edges for s in kept(seen, overlap)] == [boxes[0], boxes[2]]
    assert not is_same((0, 0, 9, 9), (10, 0, 19, 9), overlap)


@pytest.mark.real
def test_dlibs_own_boxes_and_scores_are_found_in_photographs(shared_folder):
    detector = MmodDetector(read_mmod(shared_folder / "weights" / "dlib_dog_head.dat"), 1)
    for name, (*edges, score) in FOUND_BY_DLIB.items():
        picture = cv2.imread(str(shared_folder / "data" / "dog-photos" / name))[:, :, ::-1]
        seen = detector.detect(np.ascontiguousarray(picture))[0]
        assert np.abs(np.subtract(seen.edges, edges)).max() <= 0.5  # dlib rounds them
        assert seen.score == pytest.approx(score, abs=0.01)  # another libjpeg: other pixels
