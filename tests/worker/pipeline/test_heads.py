"""Heads by a face detector: looked for inside the pet's box, and only in the sequence's pictures.

The detector here is a real one of a small file written on the spot: it finds what is red.
"""

import cv2
import numpy as np
import pytest

from tests.worker.pipeline.mmod_files import brightness_layers, written
from worker.pipeline.extract.detect import overlap
from worker.pipeline.extract.face import Face, chosen_of, find_heads, look_closer, sequence
from worker.pipeline.extract.heads import ByFace, ByOutline, ByPoints, Source
from worker.pipeline.extract.keypoints import EARS, MASK_PX, NAMES, POSTURES, Pose
from worker.pipeline.extract.mmod import MmodDetector
from worker.pipeline.extract.mmod_file import parse_mmod

BOX = (0.2, 0.2, 0.8, 0.9)
RED = (0.55, 0.4)


@pytest.fixture(scope="module")
def network():
    return MmodDetector(parse_mmod(written(brightness_layers())), 1)


def pictures_of(*middles):
    """Pictures (n, 240, 320, 3), each with a red disc, or with none."""
    pictures = np.zeros((len(middles), 240, 320, 3), np.uint8)
    for picture, middle in zip(pictures, middles, strict=True):
        if middle:
            at = round(middle[0] * 320), round(middle[1] * 240)
            cv2.circle(picture, at, 16, (255, 0, 0), -1)
    return pictures


def test_a_face_inside_the_pets_box_is_found_in_the_whole_pictures_shares(network):
    x0, y0, x1, y1 = ByFace(network, pictures_of(RED), [BOX]).find(0)
    assert abs((x0 + x1) / 2 - RED[0]) < 0.08
    assert abs((y0 + y1) / 2 - RED[1]) < 0.08
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1


def by_face(network):
    return ByFace(network, pictures_of(RED, RED), [BOX, None])


def by_points(network):
    n, zeros = len(NAMES), np.zeros
    points, sure = zeros((2, n, 2), np.float32), zeros((2, n), np.float32)
    for name, at in {"nose": (0.6, 0.4), "eye_a": (0.55, 0.35), "eye_b": (0.65, 0.35)}.items():
        points[0, NAMES.index(name)], sure[0, NAMES.index(name)] = at, 0.9
    rest = zeros((2, 2)), zeros((2, len(POSTURES))), zeros((2, len(EARS)))
    masks, squares = zeros((2, MASK_PX, MASK_PX), np.uint8), zeros((2, 4))
    return ByPoints(Pose(points, sure, sure, *rest, masks, squares))


def by_outline(network):
    return ByOutline([BOX, None], np.full((2, MASK_PX, MASK_PX), 255, np.uint8), (320, 240))


@pytest.mark.parametrize("make", [by_face, by_points, by_outline])
def test_every_way_to_know_gives_a_box_in_the_picture_or_none_without_a_pet(network, make):
    detector = make(network)
    x0, y0, x1, y1 = detector.find(0)
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1
    assert BOX[0] < (x0 + x1) / 2 < BOX[2]
    assert BOX[1] < (y0 + y1) / 2 < BOX[3]
    assert detector.find(1) is None
    assert detector.source in Source


def test_a_face_beside_the_pet_is_not_the_pets(network):
    beside = ByFace(network, pictures_of((0.1, 0.4)), [BOX])
    assert beside.find(0) is None
    on_the_rim = ByFace(network, pictures_of((0.84, 0.5)), [(0.2, 0.2, 0.78, 0.9)])
    assert on_the_rim.find(0) is None


def test_without_a_pet_nobody_looks(network):
    assert ByFace(network, pictures_of(RED), [None]).find(0) is None


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.5, 0.5, 0.5, 0.5), (0.99, 0.0, 1.0, 1.0)])
def test_a_box_of_any_shape_can_be_looked_at(network, box):
    ByFace(network, pictures_of(RED), [box]).find(0)


def test_a_found_face_takes_the_place_of_a_guess_and_each_picture_says_its_source(network):
    pictures = pictures_of(RED, None, RED)
    boxes, masks = [BOX] * 3, np.full((3, MASK_PX, MASK_PX), 255, np.uint8)
    guessed = find_heads(boxes, masks, (320, 240))
    face = look_closer(guessed, ByFace(network, pictures, boxes))
    assert guessed.sources == (Source.BOX,) * 3
    assert face.sources == (Source.DETECTOR, Source.BOX, Source.DETECTOR)
    assert face.boxes[1] == guessed.boxes[1]
    assert overlap(face.boxes[0], guessed.boxes[0]) < 1
    shown = sequence(pictures, face, boxes, masks)
    assert (shown[0].reshape(-1, 3).argmax(axis=1) == 0).mean() > 0.02  # the disc is in the cut


def test_only_the_sequences_pictures_are_looked_at():
    face = Face((BOX,) * 40, "", (Source.BOX,) * 40)
    asked = []

    class Counting:
        source = Source.DETECTOR

        def find(self, i):
            asked.append(i)

    assert look_closer(face, Counting()) == face
    assert asked == sorted(set(chosen_of(face)))
    assert len(asked) == 16


def test_where_there_is_no_sequence_nobody_looks():
    face = Face((None,), "no pet was found", (None,))
    assert look_closer(face, ByFace(None, np.zeros((1, 8, 8, 3), np.uint8), [None])) == face
