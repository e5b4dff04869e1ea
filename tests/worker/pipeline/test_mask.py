"""Silhouettes, heads and the box that is carried by what it shows: on pictures drawn here."""

import cv2
import numpy as np
import pytest

from worker.pipeline.extract.crop import crop, square_of
from worker.pipeline.extract.face import find_heads, sequence
from worker.pipeline.extract.flow import Flow
from worker.pipeline.extract.guess import guess_boxes
from worker.pipeline.extract.heads import Source
from worker.pipeline.extract.keypoints import EARS, MASK_PX, NAMES, POSTURES, Pose
from worker.pipeline.extract.mask import resampled, silhouettes
from worker.pipeline.extract.track import match

BOX = (0.3, 0.3, 0.7, 0.7)
SIZE = (320, 240)
WHOLE = np.float32([[0, 0, 1, 1]])  # the square that a mask covers


def scene(noise, middle=(0.5, 0.5)):
    """A brown ellipse with spots, 40 % of each side, on a green, noisy ground."""
    picture = noise.normal((90, 140, 80), 14, (SIZE[1], SIZE[0], 3))
    shape = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    at = (round(middle[0] * SIZE[0]), round(middle[1] * SIZE[1]))
    cv2.ellipse(shape, at, (64, 48), 0, 0, 360, 1, -1)
    coat = noise.normal((120, 80, 50), 20, picture.shape)
    spots = cv2.resize(noise.integers(0, 2, (12, 16)).astype(np.uint8), SIZE) * 40
    coat -= np.roll(spots, (at[1] - 120, at[0] - 160), (0, 1))[:, :, None]
    picture[shape > 0] = coat[shape > 0]
    return np.clip(picture, 0, 255).astype(np.uint8), shape > 0


def overlap(mask, truth):
    """Intersection over union of a mask over BOX's square with a whole picture's truth."""
    whole = (0.0, 0.0, 1.0, 1.0)
    wanted = resampled(
        truth.astype(np.uint8) * 255, np.float32(whole), square_of(BOX, SIZE), MASK_PX
    )
    a, b = mask > 127, wanted > 127
    return (a & b).sum() / (a | b).sum()


def test_a_silhouette_follows_the_animal_and_not_its_box(noise):
    picture, truth = scene(noise)
    mask = silhouettes(picture[None], [BOX])[0]
    assert mask.shape == (MASK_PX, MASK_PX)
    assert overlap(mask, truth) > 0.8


def test_a_networks_silhouette_replaces_the_box(noise):
    picture, truth = scene(noise, middle=(0.42, 0.5))
    half = truth.copy()
    half[:, 160:] = False  # the network sees only a part, and is sure of it
    small = cv2.resize(half.astype(np.uint8) * 255, (MASK_PX, MASK_PX))
    mask = silhouettes(picture[None], [BOX], (small[None], WHOLE))[0]
    assert overlap(mask, half) > 0.95


def test_a_networks_silhouette_that_leaves_the_box_nearly_empty_is_not_believed(noise):
    picture, truth = scene(noise)
    speck = np.zeros((1, MASK_PX, MASK_PX), np.uint8)
    speck[:, 32:36, 32:36] = 255
    mask = silhouettes(picture[None], [BOX], (speck, WHOLE))[0]
    assert overlap(mask, truth) > 0.8


def test_where_a_network_sees_nothing_its_neighbours_silhouette_stands_in(noise):
    picture, truth = scene(noise)
    seen = np.zeros((4, MASK_PX, MASK_PX), np.uint8)
    small = cv2.resize(truth.astype(np.uint8) * 255, (MASK_PX, MASK_PX))
    seen[1] = small
    masks = silhouettes(
        np.stack([picture * 0] * 4), [BOX, BOX, None, BOX], (seen, WHOLE.repeat(4, 0))
    )
    assert all(overlap(masks[i], truth) > 0.95 for i in (0, 1, 3))
    assert not masks[2].any()


def test_pictures_without_a_box_have_no_silhouette(noise):
    pictures = np.stack([scene(noise)[0]] * 2)
    masks = silhouettes(pictures, [None, BOX])
    assert not masks[0].any()
    assert masks[1].any()


def test_pictures_between_those_cut_out_have_a_silhouette(noise):
    pictures = np.stack([scene(noise)[0]] * 20)
    assert all(m.any() for m in silhouettes(pictures, [BOX] * 20))


def test_a_crop_is_blurred_outside_the_silhouette_and_sharp_inside(noise):
    picture, _ = scene(noise)
    mask = silhouettes(picture[None], [BOX])[0]
    cut = crop(picture, BOX, mask).astype(int)
    edges = np.abs(np.diff(cut, axis=1)).mean(axis=2)
    assert edges[105:120, 105:120].mean() > 4 * edges[5:20, 5:20].mean()


def test_a_box_is_carried_to_where_the_same_animal_is(noise):
    before, after = scene(noise)[0], scene(noise)[0]
    rolled = np.roll(before, 32, axis=1)  # a tenth of the picture
    found = match(np.stack([before, rolled, after * 0]), {0: BOX}, [1, 2])
    assert found[1] == pytest.approx((0.4, 0.3, 0.8, 0.7), abs=0.02)
    assert 2 not in found


def pose_with(**points):
    n = len(NAMES)
    xy, sure = np.zeros((1, n, 2), np.float32), np.zeros((1, n), np.float32)
    for name, at in points.items():
        xy[0, NAMES.index(name)], sure[0, NAMES.index(name)] = at, 0.9
    zeros = np.zeros((1, 2), np.float32), np.zeros((1, len(POSTURES)), np.float32)
    ears = np.zeros((1, len(EARS)), np.float32)
    masks, squares = np.zeros((1, 64, 64), np.uint8), np.zeros((1, 4), np.float32)
    return Pose(xy, sure, sure, *zeros, ears, masks, squares)


def test_the_head_is_where_its_points_are(noise):
    pose = pose_with(nose=(0.6, 0.4), eye_a=(0.55, 0.35), eye_b=(0.65, 0.35))
    masks = silhouettes(scene(noise)[0][None], [BOX])
    face = find_heads([BOX], masks, SIZE, pose)
    assert face.sources == (Source.KEYPOINTS,)
    x0, y0, x1, y1 = face.boxes[0]
    assert x0 < 0.55 < 0.65 < x1
    assert y0 < 0.35 < 0.4 < y1


def test_without_points_the_head_is_guessed_and_said_so(noise):
    picture = scene(noise)[0]
    masks = silhouettes(picture[None], [BOX])
    face = find_heads([BOX], masks, SIZE)
    assert face.sources == (Source.BOX,)
    pictures = sequence(picture[None], face, [BOX], masks)
    assert pictures.shape == (16, 224, 224, 3)
    assert pictures.dtype == np.uint8


def test_no_pet_and_a_tiny_one_have_no_face_and_a_reason(noise):
    picture = scene(noise)[0]
    none = find_heads([None], silhouettes(picture[None], [None]), SIZE)
    tiny_box = (0.5, 0.5, 0.55, 0.55)
    tiny = find_heads([tiny_box], silhouettes(picture[None], [tiny_box]), SIZE)
    assert none.why == "no pet was found"
    assert tiny.why == "the head is too small in the picture"
    assert sequence(picture[None], none, [None], np.zeros((1, 64, 64), np.uint8)) is None


def test_without_a_detector_a_box_lies_around_what_moves():
    blocks = np.zeros((30, 18, 32, 2), np.float32)
    blocks[:, 8:12, 20:24, 0] = 2.0
    flow = Flow(blocks, np.ones(blocks.shape[:3], np.float32), 160)
    x0, y0, x1, y1 = guess_boxes(flow, np.arange(30) / 30, np.array([0.5]))[0]
    assert x0 < 20 / 32 < 24 / 32 < x1
    assert y0 < 8 / 18 < 12 / 18 < y1
    assert (x1 - x0) * (y1 - y0) < 0.5


def test_without_any_movement_the_guess_is_the_middle():
    flow = Flow(np.zeros((30, 18, 32, 2), np.float32), np.ones((30, 18, 32), np.float32), 160)
    x0, y0, x1, y1 = guess_boxes(flow, np.arange(30) / 30, np.array([0.5]))[0]
    assert (x0 + x1) / 2 == pytest.approx(0.5, abs=0.01)
    assert (y0 + y1) / 2 == pytest.approx(0.5, abs=0.01)
