"""MobileNetV3-small on the pet's crops: 576 numbers a picture."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.architectures.inputs import IMAGENET_DEVIATION, IMAGENET_MEAN
from worker.pipeline.runtime import Network

WIDTH = 576
BATCH = 5  # as fast as 20; a clip's are shared out between two threads
MEAN = np.array(IMAGENET_MEAN, np.float32) * 255
STD = np.array(IMAGENET_DEVIATION, np.float32) * 255
Pictures = NDArray[np.uint8]
Rows = NDArray[np.float32]
Each = Callable[[Callable[[Pictures], Rows], Iterable[Pictures]], Iterable[Rows]]
SCALE, SHIFT = (1 / STD)[:, None, None], (-MEAN / STD)[:, None, None]


class VisionEncoder:
    """MobileNetV3-small without its classifier (Howard et al. 2019, arXiv 1905.02244), fp32.

    INT8 destroys it (cosine with full precision .02-.38) and bf16 changes decisions (down to .89),
    so there is neither. `made_by` is the registry's name of the numbers; `normalises` says that the
    network is given the pictures as they are.
    """

    def __init__(
        self, network: Network, made_by: str, *, batch: int = BATCH, normalises: bool = False
    ) -> None:
        self.network, self.made_by = network, made_by
        self.most, self.normalises = batch, normalises

    def encode(self, pictures: Pictures, each: Each = map) -> Rows:
        """Encode pictures (n, 224, 224, 3) uint8 RGB to (n, 576) float32.

        `each` runs the batches as `map` does, in threads of its own if it likes.
        """
        cut = (pictures[i : i + self.most] for i in range(0, len(pictures), self.most))
        parts = list(each(self.batch, cut))
        return np.concatenate(parts) if parts else np.empty((0, WIDTH), np.float32)

    def batch(self, pictures: Pictures) -> Rows:
        """Encode one batch."""
        given = pictures if self.normalises else normalised(pictures)
        found = self.network.run({self.network.inputs[0]: given})
        return found[self.network.outputs[0]].reshape(len(pictures), WIDTH)


def normalised(pictures: Pictures) -> Rows:
    """Return pictures (n, 224, 224, 3) uint8 RGB as ImageNet's (n, 3, 224, 224) float32."""
    images = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32)
    images *= SCALE
    images += SHIFT
    return images
