"""Numbers of labelled files: what a picture gives beside its encoding."""

import hashlib

import cv2
import numpy as np
import pytest

from worker.pipeline.encode import EncodeModels
from worker.pipeline.extract import ExtractModels
from worker.pipeline.extract.crop import crops
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


class Remembering:
    """An encoder that keeps what it was shown and answers with each picture's mean brightness."""

    def __init__(self) -> None:
        self.shown = []

    def encode(self, pictures):
        self.shown.append(pictures)
        return np.repeat(pictures.mean(axis=(1, 2, 3))[:, None], 576, axis=1).astype(np.float32)


def test_a_still_is_looked_at_sixteen_times_and_its_row_is_their_mean(photo, tmp_path):
    encoder = Remembering()
    seen = ExtractModels(Sighted(finds=True), None, None)
    models = features.Models(seen, EncodeModels(encoder, None), ())
    folder = features.folder_of(models, tmp_path, 2)
    found = features.of_all([photo], models, folder, variants=2)[0]

    plain, *changed, around = encoder.shown
    assert [len(p) for p in encoder.shown] == [16, 16, 16, 1]
    served = crops(cv2.imread(str(photo.path))[None, :, :, ::-1], [(0.1, 0.1, 0.9, 0.9)])
    assert np.array_equal(plain[0], served[0])
    assert len({p.tobytes() for p in plain}) == 16
    assert not np.array_equal(changed[0], changed[1])
    assert np.array_equal(around[0][112, 112], [127, 127, 127])
    assert found.vision.shape == (3, 1, 576)
    assert found.vision[0, 0, 0] == pytest.approx(plain.mean(), rel=1e-5)
    assert len(found.picture_bits) == 1
