"""Sequences of pictures for networks that look for themselves, read row by row as they are needed.

A clip's sixteen crops take 2.4 MB: a table of clips need not fit into memory.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.architectures.inputs import PICTURE_PX, SEQUENCE_FRAMES
from worker.pipeline.encode import pooling
from worker.pipeline.encode.vision import normalised
from worker.pipeline.extract import artifact
from worker.training import augment

NAME = "pictures"
SHAPE = (SEQUENCE_FRAMES, PICTURE_PX, PICTURE_PX, 3)

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shown:
    """Where each row's sequence lies (n), None of a row that is no clip.

    `is_still`: as if each clip showed its first picture all the time.
    """

    paths: tuple[Path | None, ...]
    is_still: bool = False

    @property
    def there(self) -> NDArray[np.bool_]:
        """Tell which rows have a sequence (n,)."""
        return np.array([path is not None for path in self.paths])

    def read(self, rows: Rows, variants: Rows | None = None) -> NDArray[np.float32]:
        """Return sequences (rows, 16, 3, 224, 224), normalised; cropped and mirrored by `variants`.

        Zeros where a row has none.
        """
        shown = np.zeros((len(rows), SEQUENCE_FRAMES, 3, PICTURE_PX, PICTURE_PX), np.float32)
        for i, row in enumerate(rows):
            path = self.paths[row]
            if path is None:
                continue
            pictures = read_sequence(path)
            if self.is_still:
                pictures = np.repeat(pictures[:1], SEQUENCE_FRAMES, axis=0)
            if variants is not None:
                pictures = augment.cropped(pictures, np.random.default_rng([row, variants[i]]))
            shown[i] = normalised(pictures)
        return shown


def keep_sequence(path: Path, pictures: NDArray[np.uint8]) -> None:
    """Write sixteen of a clip's pictures (n, 224, 224, 3), evenly spaced."""
    part = path.with_suffix(".part")
    artifact.write(part, b"{}", {NAME: pictures[pooling.evenly(len(pictures))]})
    part.replace(path)


def read_sequence(path: Path) -> NDArray[np.uint8]:
    """Return a kept sequence (16, 224, 224, 3) uint8 RGB. Raises ArtifactInvalid."""
    return np.asarray(artifact.expect(artifact.read(path)[1], NAME, SHAPE, "uint8"), np.uint8)
