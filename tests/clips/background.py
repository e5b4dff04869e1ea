"""Paints the place once, larger than the picture, so that a moving camera only has to warp it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .coat import cloud
from .spec import Scenery

MARGIN = 0.3  # of the picture's size, painted beyond each edge
Image = NDArray[np.uint8]


def grain(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> NDArray[np.float32]:
    """Return texture of several sizes, (h, w, 1), zero mean, in 8-bit steps."""
    sizes = (2.0, 5.0, 14.0, 45.0, 130.0)
    return strength * sum(cloud(rng, shape, size) for size in sizes)[..., None] / len(sizes) ** 0.5


def colour(rng: np.random.Generator, low: int, high: int) -> NDArray[np.float32]:
    """Return a muted BGR colour."""
    grey = rng.uniform(low, high)
    return (grey + rng.uniform(-14, 14, 3)).astype(np.float32)


def box(image, rng: np.random.Generator, top_left, size, shade: NDArray) -> None:
    """Put a piece of furniture or a picture on the wall: a framed, textured rectangle."""
    x, y = (max(int(v), 0) for v in top_left)
    w, h = (int(v) for v in size)
    part = image[y : y + h, x : x + w]
    if part.shape[0] < 6 or part.shape[1] < 6:
        return
    part[:] = shade + grain(rng, part.shape[:2], 9)
    part[:3], part[-3:], part[:, :3], part[:, -3:] = (shade * 0.6,) * 4


def room(rng: np.random.Generator, h: int, w: int, horizon: int) -> NDArray[np.float32]:
    image = np.empty((h, w, 3), np.float32)
    wall = colour(rng, 130, 205)
    image[:horizon] = wall + grain(rng, (horizon, w), 7)
    floor = colour(rng, 75, 150) + np.array([-18, 0, 18], np.float32)
    image[horizon:] = floor + grain(rng, (h - horizon, w), 10)
    for row in np.geomspace(1, h - horizon, 9)[:-1]:  # floor boards
        image[horizon + int(row)] *= 0.72
    image[horizon - max(h // 60, 2) : horizon] = wall * 0.55  # skirting board
    for _ in range(3):
        size = rng.uniform(0.08, 0.22, 2) * (w, h)
        place = rng.uniform((0, 0.05 * h), (w - size[0], horizon - size[1]))
        box(image, rng, place, size, colour(rng, 60, 190))
    size = np.array([rng.uniform(0.25, 0.4) * w, rng.uniform(0.2, 0.3) * h])
    place = (rng.uniform(0, w - size[0]), horizon - 0.7 * size[1])
    box(image, rng, place, size, colour(rng, 50, 140))
    return image


def garden(rng: np.random.Generator, h: int, w: int, horizon: int) -> NDArray[np.float32]:
    image = np.empty((h, w, 3), np.float32)
    light = np.linspace(1.06, 0.95, horizon, dtype=np.float32)[:, None, None]
    image[:horizon] = np.array([215, 195, 175], np.float32) * light
    leaves = cloud(rng, (horizon, w), 60) + 0.5 * cloud(rng, (horizon, w), 12)
    bush = leaves + np.linspace(-2.2, 2.0, horizon)[:, None] > 0
    green = np.array([45, 95, 70], np.float32) + grain(rng, (horizon, w), 22)
    image[:horizon][bush] = green[bush]
    grass = cv2.GaussianBlur(
        rng.standard_normal((h - horizon, w)).astype(np.float32), (0, 0), 0.7, 0, 2
    )
    lawn = np.array([60, 135, 105], np.float32) + 40 * grass[..., None]
    image[horizon:] = lawn + grain(rng, (h - horizon, w), 9)
    return image


def paint(scenery: Scenery, size_px: tuple[int, int], seed: int) -> Image:
    """Paint a place for a picture of (width, height); the result is larger by MARGIN all round."""
    rng = np.random.default_rng([seed, 23])
    width, height = size_px
    w, h = int(width * (1 + 2 * MARGIN)), int(height * (1 + 2 * MARGIN))
    horizon = int(h * rng.uniform(0.5, 0.58))
    image = (room if scenery == Scenery.ROOM else garden)(rng, h, w, horizon)
    return cv2.GaussianBlur(np.clip(image, 0, 255).astype(np.uint8), (0, 0), 0.8)


def object_texture(size_px: tuple[int, int], seed: int) -> Image:
    """Paint the object that stands in front of an animal, (height, width, 3)."""
    rng = np.random.default_rng([seed, 29])
    image = colour(rng, 60, 150) + grain(rng, size_px[::-1], 14)
    image[:, :3], image[:, -3:], image[:3] = 40, 40, 40
    return np.clip(image, 0, 255).astype(np.uint8)
