"""Runs the product's own pose stage over labelled photos, or over held-out drawings."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from shared.errors import InputError
from worker.pipeline.extract.pose import MARGIN, PoseNetwork, peaks
from worker.training.pose.coco import Labelled
from worker.training.pose.sample import VISIBLE
from worker.training.pose.score import Look
from worker.training.pose.stream import Batch


class PhotoUnreadable(InputError):
    """A labelled photo is missing or is no picture."""

    code = "photo_unreadable"


def look_at_photos(
    labels: Iterable[Labelled], network: PoseNetwork, on_photo: Callable[[], None]
) -> Iterator[Look]:
    """Yield what the network finds in each photo, in pixels. Raises PhotoUnreadable."""
    for label in labels:
        picture = read_photo(label.path)
        size = np.array([picture.shape[1], picture.shape[0]], float)
        x0, y0, x1, y1 = np.array(label.box) / np.tile(size, 2)
        pose = network.look(picture[None], [(x0, y0, x1, y1)])
        side = max(label.box[2] - label.box[0], label.box[3] - label.box[1])
        confidence = pose.confidence[0].astype(float)
        yield Look(pose.points[0] * size, confidence, label.points, label.asked, side)
        on_photo()


def read_photo(path: Path) -> "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]":
    """Return a photo as RGB. Raises PhotoUnreadable."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise PhotoUnreadable(f"{path.name} is missing or is no picture.")
    return np.asarray(picture[:, :, ::-1], np.uint8)


def look_at_drawings(batch: Batch, network: PoseNetwork) -> Iterator[Look]:
    """Yield what the network finds in drawings; only visible points are asked for.

    The square itself stands for the box, so that the error is a share of the square's side / 1.15.
    """
    for at in range(0, len(batch), 32):
        found = network.run(batch.picture[at : at + 32])
        points, confidence = peaks(found["heat"])
        for k in range(len(points)):
            seen = batch.seen[at + k] == VISIBLE
            yield Look(
                points[k].astype(float),
                confidence[k].astype(float),
                batch.points[at + k].astype(float),
                seen,
                1 / MARGIN,
            )
