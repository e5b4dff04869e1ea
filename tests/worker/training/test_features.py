"""Numbers of labelled files: what a picture gives beside its encoding."""

import hashlib

import cv2
import numpy as np
import pytest

from worker.pipeline.encode import EncodeModels
from worker.pipeline.extract import ExtractModels
from worker.pipeline.extract.detect import Found
from worker.pipeline.extract.pose import PoseNetwork
from worker.training import features
from worker.training.dataset import Example, Kind
from worker.training.pose.stream import Drawer

DOG = 16  # COCO's number of a dog


class Sighted:
    """A detector that finds a dog in the middle of everything, or nothing at all."""

    def __init__(self, *, finds: bool) -> None:
        self.finds = finds

    def detect(self, picture, *, room=1.0, min_score):
        return [Found((0.1, 0.1, 0.9, 0.9), DOG, 0.9)] if self.finds else []


@pytest.fixture
def photo(tmp_path):
    drawing = Drawer(5).draw(0, 1).picture[0]
    cv2.imwrite(str(tmp_path / "dog.png"), cv2.resize(drawing, (256, 256))[:, :, ::-1])
    sha256 = hashlib.sha256((tmp_path / "dog.png").read_bytes()).hexdigest()
    path = tmp_path / "dog.png"
    return Example(path, Kind.IMAGE, sha256, "tom", "", "dog", "", None, (0,))


def numbers_of(photo, folder, *, finds):
    seen = ExtractModels(Sighted(finds=finds), None, PoseNetwork())
    models = features.Models(seen, EncodeModels(None, None), (("detector", str(finds), ""),))
    kept = features.folder_of(models, folder, 0)
    return features.of_all([photo], models, kept, variants=0)[0]


def test_a_picture_gives_posture_as_a_clip_does_where_its_pet_was_found(photo, tmp_path):
    found = numbers_of(photo, tmp_path, finds=True)
    assert found.pose.shape == (1, 32)
    measured = ~np.isnan(found.pose)
    assert measured.any()
    assert found.quality[2] == pytest.approx(measured.mean())
    assert numbers_of(photo, tmp_path, finds=False).pose.shape == (0, 32)
