"""Fur: a colour picture in the animal's own plane that drawing lays over the grey body."""

import numpy as np
from cv2 import GaussianBlur, resize
from numpy.typing import NDArray

from .spec import Animal, Coat, Species

PX_PER_UNIT = 110  # of a spine length
LEFT, RIGHT, BOTTOM, TOP = -1.5, 1.5, -0.2, 1.9  # the part of the plane that is painted
BGR = {
    Coat.TAN: ((95, 150, 200), (150, 190, 225)),
    Coat.BLACK: ((38, 36, 38), (60, 60, 66)),
    Coat.BROWN: ((45, 75, 120), (70, 105, 150)),
    Coat.WHITE: ((205, 218, 224), (225, 235, 238)),
    Coat.GREY: ((120, 122, 124), (190, 190, 190)),
    Coat.GINGER: ((60, 130, 205), (160, 200, 235)),
    Coat.SADDLE: ((80, 135, 190), (38, 40, 46)),
    Coat.PATCHED: ((195, 208, 216), (40, 60, 100)),
    Coat.TABBY: ((110, 130, 145), (45, 55, 66)),
}


def cloud(rng: np.random.Generator, shape: tuple[int, int], cell_px: float) -> NDArray[np.float32]:
    """Return smooth noise of unit variance with features of about that size."""
    coarse = (max(int(shape[0] / cell_px), 2) + 1, max(int(shape[1] / cell_px), 2) + 1)
    return resize(rng.standard_normal(coarse).astype(np.float32), shape[::-1], interpolation=2)


def second_colour(
    rng: np.random.Generator, animal: Animal, x: NDArray, y: NDArray
) -> NDArray[np.float32]:
    """Return the share (0-1) of the coat's second colour over the plane."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    wild = cloud(rng, shape, 0.35 * PX_PER_UNIT)
    match animal.coat:
        case Coat.SADDLE:
            edge = 0.78 + 0.06 * wild
            return np.clip((y / (0.7 * animal.leg_length + 0.3) - edge) * 12, 0, 1) * (x < 0.62)
        case Coat.PATCHED:
            return np.clip((wild - 0.7) * 4, 0, 1) * (y > 0.45 * animal.leg_length)
        case Coat.TABBY:
            return np.clip(np.sin(x * 42 + 1.6 * wild + 4.0 * y) * 1.6, 0, 1) * 0.42
        case _:  # lighter below and in front
            return np.clip((0.62 - y) * 2.2 + np.clip(x - 0.9, 0, 1) * 2 + 0.12 * wild, 0, 1)


def paint(animal: Animal, seed: int) -> NDArray[np.uint8]:
    """Paint the coat, BGR; row 0 is the top of the plane."""
    rng = np.random.default_rng([seed, 11])
    height, width = int((TOP - BOTTOM) * PX_PER_UNIT), int((RIGHT - LEFT) * PX_PER_UNIT)
    x = np.linspace(LEFT, RIGHT, width, dtype=np.float32)[None]
    y = np.linspace(TOP, BOTTOM, height, dtype=np.float32)[:, None]
    share = second_colour(rng, animal, x, y)[..., None]
    first, second = (np.array(colour, np.float32) for colour in BGR[animal.coat])
    hair = GaussianBlur(
        rng.standard_normal((height, width)).astype(np.float32), (0, 0), 2.4, 0, 0.8
    )
    hair = hair / hair.std() * (0.11 if animal.species == Species.DOG else 0.08)
    tone = 1 + hair + 0.07 * cloud(rng, (height, width), 14) + 0.06 * cloud(rng, (height, width), 6)
    colour = (first + (second - first) * share) * tone[..., None]
    return np.clip(colour + 12 * hair[..., None], 0, 255).astype(np.uint8)
