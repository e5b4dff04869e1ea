"""From a clip's encodings to the rows that a learned bundle reads. Training uses the same.

A row is what a network is given for one clip: each modality as one vector, or None.
"""

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.architectures.inputs import SEQUENCE_FRAMES
from worker.pipeline.extract import Extract

Array = NDArray[np.float32]


def pooled(pose: Array | None, mask: NDArray[np.bool_] | None) -> Array | None:
    """Return each pose feature's mean (32,) over the pictures that show it, 0 where none does.

    pose (n, 32) with its mask (n, 32); None where no feature was ever seen.
    """
    if pose is None or mask is None or not mask.any():
        return None
    seen = mask.sum(axis=0)
    return np.asarray(np.where(mask, pose, 0).sum(axis=0) / np.maximum(seen, 1), np.float32)


def evenly(n: int) -> NDArray[np.int64]:
    """Return which 16 of n pictures make a sequence: evenly spaced, repeated where too few."""
    return np.round(np.linspace(0, n - 1, SEQUENCE_FRAMES)).astype(np.int64)


def sequence(vision: Array | None) -> Array | None:
    """Return 16 evenly spaced pictures (16, 576) of a clip, None below two."""
    return None if vision is None or len(vision) < 2 else vision[evenly(len(vision))]


def quality(extracted: Extract, mask: NDArray[np.bool_] | None) -> Array:
    """Return how far vision, audio and pose can be trusted (3,), 0..1.

    Sharpness of the pictures, share of the sound that is not clipped, share of the pose seen.
    """
    sound = extracted.facts.sound
    trust = (
        extracted.facts.quality.sharpness,
        1 - sound.clipped_share if sound else 0.0,
        float(mask.mean()) if mask is not None and mask.size else 0.0,
    )
    return np.array(trust, np.float32)
