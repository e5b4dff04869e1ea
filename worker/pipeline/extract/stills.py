"""Keeps small pictures of the whole scene, for people to look at; no measure is taken from them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.shrink import shrink

STILL_SIDE_PX = 320
QUALITY = 82  # about 12 kB a picture


def keep(pictures: NDArray[np.uint8]) -> tuple[bytes, ...]:
    """Return each picture (h, w, 3) RGB as a JPEG of at most 320 px."""
    height, width = pictures.shape[1:3]
    scale = min(1.0, STILL_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return tuple(as_jpeg(shrink(p, size)) for p in pictures)


def as_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Encode RGB as JPEG."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def as_picture(jpeg: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG to RGB. Raises ValueError."""
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("not a picture")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def packed(stills: tuple[bytes, ...]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return all stills in one array, and where each ends."""
    ends = np.cumsum([len(s) for s in stills], dtype=np.int64)
    return np.frombuffer(b"".join(stills), np.uint8), ends


def unpacked(joined: NDArray[np.uint8], ends: NDArray[np.int64]) -> tuple[bytes, ...]:
    """Return what `packed` joined."""
    whole, starts = joined.tobytes(), [0, *ends[:-1].tolist()]
    return tuple(whole[a:b] for a, b in zip(starts, ends.tolist(), strict=True))
