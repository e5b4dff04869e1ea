"""Places that no camera saw: rooms, floors, grass, foliage, clutter."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worker.training.pose.camera import PX
from worker.training.pose.coat import FURS
from worker.training.pose.noise import SIZE, draw_noise

Picture = NDArray[np.float32]  # (SIZE, SIZE, 3), 0..255
GROUNDS = np.array(
    [
        (70, 92, 44), (96, 118, 58), (128, 138, 84), (150, 132, 98), (120, 94, 68), (186, 160, 124),
        (92, 64, 44), (160, 156, 150), (204, 200, 194), (226, 228, 232), (74, 74, 78), (40, 40, 44),
        (168, 182, 200), (110, 60, 54), (60, 72, 104), (216, 196, 160),
    ],
    float,
)  # fmt: skip


def tone(rng: Generator) -> NDArray[np.float64]:
    """Draw a colour that places have; now and then any."""
    if rng.random() < 0.25:
        return rng.uniform(5, 250, 3)
    pool = GROUNDS if rng.random() < 0.75 else FURS
    return np.asarray(np.clip(pool[rng.integers(len(pool))] + rng.normal(0, 15, 3), 3, 252))


def rough(rng: Generator) -> Picture:
    """Grass, carpet, sand, stone: two colours mixed by noise, fine noise on top."""
    mix = draw_noise(rng, rng.uniform(0.4, 1.8), np.exp(rng.normal(0, 0.5)))
    fine = draw_noise(rng, rng.uniform(0.0, 0.8), np.exp(rng.normal(0, 0.6)))
    share = 1 / (1 + np.exp(-mix * np.exp(rng.normal(0, 0.7))))[..., None]
    made = tone(rng) * share + tone(rng) * (1 - share)
    return np.asarray(made + (rng.uniform(2, 32) * fine)[..., None], np.float32)


def plain(rng: Generator) -> Picture:
    """A wall or a sky: a slow gradient with faint stains."""
    ramp = np.linspace(0, 1, SIZE)[:, None, None]
    made = tone(rng) * ramp + tone(rng) * (1 - ramp) if rng.random() < 0.5 else tone(rng) + 0 * ramp
    stain = draw_noise(rng, 1.5)[..., None] * rng.uniform(0, 12)
    return np.asarray(made + stain, np.float32)


def laid(rng: Generator) -> Picture:
    """Planks, tiles, a fence, a striped blanket."""
    made = rough(rng) if rng.random() < 0.6 else plain(rng)
    step = int(rng.integers(8, 60))
    dark = tone(rng)
    for at in range(int(rng.integers(step)), SIZE, step):
        cv2.line(
            made,
            (at, 0),
            (at + int(rng.normal(0, 8)), SIZE),
            dark.tolist(),
            int(rng.integers(1, 4)),
        )
    if rng.random() < 0.5:
        for at in range(int(rng.integers(step)), SIZE, step):
            cv2.line(made, (0, at), (SIZE, at), dark.tolist(), int(rng.integers(1, 4)))
    turn = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), float(rng.uniform(0, 180)), 1.4)
    return np.asarray(
        cv2.warpAffine(made, turn, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT), np.float32
    )


def cluttered(rng: Generator) -> Picture:
    """Furniture, toys, cars: boxes, discs and bars of all sizes over another place."""
    made = (plain, rough, laid)[int(rng.integers(3))](rng)
    for _ in range(int(rng.integers(4, 22))):
        x, y = rng.uniform(0, SIZE, 2)
        w, h = np.exp(rng.uniform(np.log(6), np.log(120), 2))
        colour = tone(rng).tolist()
        kind = rng.integers(3)
        if kind == 0:
            box = cv2.boxPoints(((x, y), (w, h), float(rng.choice([0, rng.uniform(0, 180)]))))
            cv2.fillConvexPoly(made, box.astype(np.int32), colour, cv2.LINE_AA)
        elif kind == 1:
            cv2.ellipse(made, ((x, y), (w, h), float(rng.uniform(0, 180))), colour, -1, cv2.LINE_AA)
        else:
            end = rng.uniform(0, SIZE, 2)
            cv2.line(made, (int(x), int(y)), (int(end[0]), int(end[1])), colour,
                     int(rng.integers(2, 22)), cv2.LINE_AA)  # fmt: skip
    return made + (draw_noise(rng, rng.uniform(0.2, 1.6)) * rng.uniform(0, 12))[..., None]


def leafy(rng: Generator) -> Picture:
    """Foliage, long grass, fur rugs: hundreds of strokes."""
    made = rough(rng)
    first, second = tone(rng), tone(rng)
    upright = rng.random() < 0.5
    for _ in range(int(rng.integers(150, 500))):
        x, y = rng.uniform(0, SIZE, 2)
        angle = rng.normal(-np.pi / 2, 0.3) if upright else rng.uniform(0, 2 * np.pi)
        length = rng.uniform(4, 30)
        colour = (first + (second - first) * rng.random() + rng.normal(0, 10)).tolist()
        end = (int(x + length * np.cos(angle)), int(y + length * np.sin(angle)))
        cv2.line(made, (int(x), int(y)), end, colour, int(rng.integers(1, 4)), cv2.LINE_AA)
    return made


PLACES: tuple[Callable[[Generator], Picture], ...] = (rough, plain, laid, cluttered, leafy)


class Backdrops:
    """A stock of places; squares are cut, turned and recoloured from it."""

    def __init__(self, rng: Generator, count: int = 160) -> None:
        shares = (0.22, 0.16, 0.17, 0.3, 0.15)
        kinds = rng.choice(len(PLACES), size=count, p=shares)
        self.stock = [np.clip(PLACES[k](rng), 0, 255).astype(np.uint8) for k in kinds]

    def cut(self, rng: Generator) -> Picture:
        """Return one texture, (PX, PX, 3)."""
        source = self.stock[int(rng.integers(len(self.stock)))]
        side = int(rng.integers(48, SIZE))
        x, y = rng.integers(0, SIZE - side + 1, 2)
        piece = cv2.resize(
            source[y : y + side, x : x + side], (PX, PX), interpolation=cv2.INTER_LINEAR
        )
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        shifted = piece * rng.uniform(0.6, 1.3) + rng.normal(0, 10, 3)
        return np.asarray(np.clip(shifted, 0, 255), np.float32)

    def scene(self, rng: Generator, horizon: float, roll: float) -> Picture:
        """Return a floor under a background, parted at a height in pixels."""
        made = self.cut(rng)
        if rng.random() < 0.55:
            below = self.cut(rng)
            slope = np.tan(roll) * (np.arange(PX) - PX / 2) + horizon
            soft = np.clip((np.arange(PX)[:, None] - slope[None, :]) / rng.uniform(0.5, 8), 0, 1)
            made = made * (1 - soft[..., None]) + below * soft[..., None]
        if rng.random() < 0.45:
            blurred = cv2.GaussianBlur(made, (0, 0), float(rng.uniform(0.6, 4.0)))
            return np.asarray(blurred, np.float32)
        return np.asarray(made, np.float32)
