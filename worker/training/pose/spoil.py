"""What a phone does to a picture: blur, noise, compression, bad light; and styles no phone has.

The styles (random mixing of colours and small filters) keep the network from trusting texture.
"""

import functools

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worker.training.pose.camera import PX

Picture = NDArray[np.float32]


def spoil(rng: Generator, picture: Picture) -> NDArray[np.uint8]:
    """Return the picture as a careless camera gives it, (PX, PX, 3) uint8."""
    if rng.random() < 0.18:
        picture = restyle(rng, picture)
    picture = expose(rng, picture)
    picture = soften(rng, picture)
    if rng.random() < 0.6:
        picture = picture + grain(rng) * np.float32(rng.uniform(1, 12))
    made = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 92))]
        packed = cv2.imencode(".jpg", made, quality)[1]
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return made


@functools.cache
def grains() -> Picture:
    """Return noise to cut from: drawing it anew costs more than all else here."""
    return np.random.default_rng(11).normal(size=(3 * PX, 3 * PX, 3)).astype(np.float32)


def grain(rng: Generator) -> Picture:
    """Return noise of deviation 1, (PX, PX, 3)."""
    x, y = rng.integers(0, 2 * PX, 2)
    return grains()[y : y + PX, x : x + PX]


def restyle(rng: Generator, picture: Picture) -> Picture:
    """Pass the picture through a random small filter and a random mixing of its channels."""
    mix = np.eye(3) * rng.uniform(0.2, 1.0) + rng.normal(0, 0.45, (3, 3))
    made = cv2.transform(picture - 128, mix.astype(np.float32))
    if rng.random() < 0.6:
        size = int(rng.choice([3, 5]))
        kernel = rng.normal(0, 1, (size, size)).astype(np.float32)
        kernel[size // 2, size // 2] += size
        made = cv2.filter2D(made, -1, kernel / max(1.0, abs(kernel.sum())))
    spread = float(made.std()) + 1e-3
    return np.asarray(made / spread * rng.uniform(30, 65) + 128, np.float32)


def expose(rng: Generator, picture: Picture) -> Picture:
    """Change light and colour: gamma, contrast, white balance, grey night pictures, shade."""
    share = np.linspace(0, 1, 256)[:, None] ** float(np.exp(rng.normal(0, 0.28)))
    curve = (share - 0.5) * rng.uniform(0.65, 1.35) + 0.52 + rng.normal(0, 0.07)
    curve = curve * (1 + rng.normal(0, 0.07, 3)) * 255  # (256, 3)
    levels = np.clip(picture, 0, 255).astype(np.uint8)
    made = cv2.LUT(levels, curve.astype(np.float32)[None])
    if rng.random() < 0.3:
        keep = float(rng.choice([0.0, rng.uniform(0.2, 1.6)], p=[0.3, 0.7]))
        made = cv2.transform(made, (keep * np.eye(3) + (1 - keep) / 3).astype(np.float32))
    if rng.random() < 0.25:
        a, b = rng.uniform(-0.5, 0.5, 2)
        ramp = np.linspace(-0.5, 0.5, PX, dtype=np.float32)
        made = made * (
            1 + np.float32(a) * ramp[None, :, None] + np.float32(b) * ramp[:, None, None]
        )
    return np.asarray(made, np.float32)


def soften(rng: Generator, picture: Picture) -> Picture:
    """Blur, smear by motion, or lose resolution."""
    kind = rng.random()
    if kind < 0.25:
        small = int(PX / rng.uniform(1.2, 3.2))
        less = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(less, (PX, PX), interpolation=cv2.INTER_LINEAR), np.float32)
    if kind < 0.35:
        length = int(rng.integers(3, 10))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        half = length / 2
        way = half * np.array([np.cos(angle), np.sin(angle)])
        start, end = (half - way).astype(int), (half + way).astype(int)
        cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1.0)
        return np.asarray(cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 1)), np.float32)
    if kind < 0.85:
        return np.asarray(
            cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.35, 1.1))), np.float32
        )
    return picture
