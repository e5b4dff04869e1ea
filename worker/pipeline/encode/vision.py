"""MobileNetV3-small on the pet's crops: 576 numbers a picture."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

WIDTH = 576
BATCH = 8  # as fast as 32, and a fourth of the memory
MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255  # ImageNet's, on 0-255
STD = np.array([0.229, 0.224, 0.225], np.float32) * 255
SCALE, SHIFT = (1 / STD)[:, None, None], (-MEAN / STD)[:, None, None]


class VisionEncoder:
    """MobileNetV3-small without its classifier (Howard et al. 2019, arXiv 1905.02244), fp32.

    INT8 destroys it (notes/pipeline.md 8), so there is none.
    """

    def __init__(self, path: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # the file declares batch 1 and runs any
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def encode(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode pictures (n, 224, 224, 3) uint8 RGB to (n, 576) float32."""
        parts = [self.batch(pictures[i : i + BATCH]) for i in range(0, len(pictures), BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, WIDTH), np.float32)

    def batch(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode one batch."""
        images = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)).astype(np.float32)
        images *= SCALE  # (n, 3, 224, 224)
        images += SHIFT
        features = self.session.run(None, {self.input: images})[0]
        return np.asarray(features, np.float32).reshape(len(pictures), WIDTH)
