"""Asks a second network where the first one sees neither dog nor cat: EfficientDet-Lite0.

MediaPipe's ObjectDetector runs it, which needs system libraries, half a second to load and 80 MB;
nothing of it is imported where the file was not pulled.
"""

import weakref
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import (
    COCO_SPECIES,
    PAD_VALUE,
    PERSON,
    Found,
    PetDetector,
    as_box,
    suppress,
)

MIN_SCORE = 0.5  # nobody measured it on pets here: it has to be sure
SURE = 0.2  # the first detector's dog or cat from here on is enough
KINDS = {name: kind for kind, name in COCO_SPECIES.items()}


class EfficientDet:
    """EfficientDet-Lite0 (Tan et al. 2020, arXiv 1911.09070; Google, Apache-2.0), dogs and cats.

    Raises what MediaPipe raises: ImportError or OSError without its libraries, ValueError or
    RuntimeError for a file that is no detector with metadata.
    """

    def __init__(self, path: Path) -> None:
        from mediapipe.tasks.python import vision
        from mediapipe.tasks.python.core.base_options import BaseOptions

        options = vision.ObjectDetectorOptions(
            base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
            score_threshold=MIN_SCORE,
            category_allowlist=list(KINDS),
        )
        self.detector: Any = vision.ObjectDetector.create_from_options(options)
        weakref.finalize(self, self.detector.close)  # left to itself it complains when Python ends

    def detect(
        self, picture: NDArray[np.uint8], *, room: float = 1.0, min_score: float
    ) -> list[Found]:
        """Find dogs and cats in one RGB picture (h, w, 3), seen from `room` times as far."""
        from mediapipe import Image, ImageFormat

        height, width = picture.shape[:2]
        more = round((room - 1) * height), round((room - 1) * width)
        grey = (PAD_VALUE,) * 3
        shown = cv2.copyMakeBorder(picture, 0, more[0], 0, more[1], cv2.BORDER_CONSTANT, value=grey)
        image = Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(shown))
        found = [as_found(seen, width, height) for seen in self.detector.detect(image).detections]
        return suppress([f for f in found if f.score >= min_score])


class InTurn:
    """Asks one detector, and a second one where the first sees neither dog nor cat."""

    def __init__(self, first: PetDetector, second: PetDetector) -> None:
        self.first, self.second = first, second

    def detect(
        self, picture: NDArray[np.uint8], *, room: float = 1.0, min_score: float
    ) -> list[Found]:
        """Find people and animals in one RGB picture (h, w, 3)."""
        found = self.first.detect(picture, room=room, min_score=min_score)
        if any(f.kind in COCO_SPECIES and f.score >= SURE for f in found):
            return found
        people = [f for f in found if f.kind == PERSON]
        animals = [f for f in found if f.kind != PERSON]
        more = self.second.detect(picture, room=room, min_score=min_score)
        return suppress(animals + more) + people


def as_found(seen: Any, width: int, height: int) -> Found:  # noqa: ANN401 - MediaPipe's Detection
    """Return one detection of MediaPipe's in a picture of (width, height)."""
    box, best = seen.bounding_box, seen.categories[0]
    far = box.origin_x + box.width, box.origin_y + box.height
    edges = np.array([box.origin_x / width, box.origin_y / height, far[0] / width, far[1] / height])
    return Found(as_box(np.clip(edges, 0, 1)), KINDS[best.category_name], round(best.score, 4))
