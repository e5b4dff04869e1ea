"""Colours of an animal's coat or of a person's clothes, and how light falls on them."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worker.training.pose.compiled import compiled
from worker.training.pose.skeleton import (
    EAR,
    EYE,
    JAW,
    LOWER,
    MUZZLE,
    NECK,
    NOSE,
    PAW,
    SKULL,
    TAIL,
    TONGUE,
    TORSO,
)

N_PARTS = 24  # parts of animals, then of people
CLOTH, SKIN, HAIR, SHOE, LEGGING = 16, 17, 18, 19, 20
FURS = np.array(
    [
        (22, 20, 20), (40, 34, 32), (70, 50, 38), (110, 74, 48), (150, 100, 60), (190, 140, 92),
        (214, 176, 130), (232, 214, 186), (240, 236, 228), (128, 124, 122), (86, 84, 86),
        (176, 104, 54),        (62, 58, 60), (204, 196, 186), (168, 150, 128),
    ],
    float,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coat:
    """colours (N_PARTS, 2, 3): two tones of each part, mixed by patches; 0..255.

    The rest is what `paint` takes: patch size and sharpness, stripes, countershade, streaks, light.
    """

    colours: NDArray[np.float64]
    marks: NDArray[np.float64]  # (9,)


def draw_coat(rng: Generator, is_cat: bool) -> Coat:
    """Draw a coat: one colour, two, three, striped, mottled; now and then one no animal has."""
    tones = FURS[rng.integers(len(FURS), size=4)] + rng.normal(0, 12, (4, 3))
    if rng.random() < 0.12:
        tones = rng.uniform(10, 245, (4, 3))
    colours = np.empty((N_PARTS, 2, 3))
    colours[:, 0] = tones[0]
    colours[:, 1] = tones[1] if rng.random() < 0.5 else tones[0] * rng.uniform(0.75, 1.15)
    point_share = rng.random()
    for part in (EAR, MUZZLE, JAW, PAW, LOWER, TAIL, SKULL, NECK, TORSO):
        if rng.random() < (0.5 if part in (EAR, MUZZLE, JAW, PAW) else 0.2) * 1.4 * point_share:
            colours[part, :] = tones[2 if part in (MUZZLE, JAW, PAW, LOWER) else 3]
    colours[JAW] = colours[MUZZLE]
    colours[NOSE, :] = (26, 22, 22) if rng.random() < 0.72 else (176, 112, 104)
    colours[TONGUE, :] = (206, 104, 108)
    iris = ((40, 26, 18), (92, 58, 24), (150, 150, 60), (110, 140, 70), (90, 130, 170))
    colours[EYE, 0] = iris[int(rng.choice(5, p=(0.15, 0.1, 0.4, 0.25, 0.1) if is_cat
                                          else (0.62, 0.3, 0.03, 0.02, 0.03)))]  # fmt: skip
    colours[EYE, 1] = (12, 10, 10)
    striped = rng.random() < (0.45 if is_cat else 0.06)
    marks = np.array(
        [
            rng.uniform(8, 60),  # size of patches
            rng.uniform(-1.2, 1.2),  # how much of the second tone
            np.exp(rng.uniform(-0.5, 2.0)),  # sharpness of their edges
            rng.uniform(0.15, 0.5) if striped else 0.0,
            rng.uniform(18, 50),  # stripes' frequency
            rng.uniform(0.0, 0.35) if rng.random() < 0.6 else 0.0,  # paler below
            rng.uniform(0.02, 0.28),  # streaks of fur
            rng.uniform(0.3, 0.85),  # light from everywhere
            rng.uniform(0.0, 0.25),  # sheen
        ]
    )
    return Coat(np.clip(colours, 3, 250), marks)


def draw_clothes(rng: Generator) -> Coat:
    """Draw a person's clothes and skin; stripes and streaks are cloth."""
    coat = draw_coat(rng, is_cat=False)
    skin = np.array((224, 178, 148)) * rng.uniform(0.3, 1.05)
    for part, tone in (
        (CLOTH, rng.uniform(10, 245, 3)),
        (LEGGING, rng.uniform(10, 200, 3)),
        (SHOE, rng.uniform(10, 245, 3)),
        (HAIR, FURS[rng.integers(8)]),
        (SKIN, skin),
    ):
        coat.colours[part] = np.clip(tone, 3, 250)
    return coat


@compiled
def paint(
    picture: NDArray[np.float32],
    index: NDArray[np.int32],
    along: NDArray[np.float32],
    normal: NDArray[np.float32],
    capsules: NDArray[np.float64],
    parts: NDArray[np.uint8],
    first: int,
    colours: NDArray[np.float64],
    marks: NDArray[np.float64],
    light: NDArray[np.float64],
    coarse: NDArray[np.float32],
    fine: NDArray[np.float32],
) -> None:
    """Colour the pixels of one figure; one loop over pixels, hence its length."""
    n_rows, n_columns = index.shape
    size = coarse.shape[0]
    for y in range(n_rows):
        for x in range(n_columns):
            i = index[y, x] - first
            if i < 0 or i >= len(parts):
                continue
            t = along[y, x]
            radius = capsules[i, 3] + (capsules[i, 7] - capsules[i, 3]) * t
            u = capsules[i, 0] + (capsules[i, 4] - capsules[i, 0]) * t + normal[y, x, 0] * radius
            v = capsules[i, 1] + (capsules[i, 5] - capsules[i, 1]) * t
            w = capsules[i, 2] + (capsules[i, 6] - capsules[i, 2]) * t + normal[y, x, 1] * radius
            row = int(marks[0] * (v * 2.3 + w + 9)) % size
            column = int(marks[0] * (u - v + 9)) % size
            patch = 1 / (1 + np.exp(-marks[2] * 3 * (coarse[row, column] + marks[1])))
            part = parts[i]
            if part == EYE:  # the pupil in the eye's middle
                patch = 1.0 if normal[y, x, 0] ** 2 + normal[y, x, 1] ** 2 < 0.3 else 0.0
            streak = fine[(y * 3 + i * 31) % size, (x * 3 + int(t * 9) * 17) % size]
            shade = 1.0 + marks[6] * streak * 0.5
            if marks[3] > 0:
                wave = np.sin(marks[4] * (u + 0.35 * w) + 2.2 * coarse[column, row])
                shade *= 1 - marks[3] * max(0.0, wave)
            facing = -(
                normal[y, x, 0] * light[0] + normal[y, x, 1] * light[1] + normal[y, x, 2] * light[2]
            )
            lit = marks[7] + (1 - marks[7]) * max(0.0, facing)
            lit *= 1 + marks[5] * normal[y, x, 1]
            gleam = marks[8] * 90 * max(0.0, facing) ** 12
            if part in (NOSE, EYE):
                gleam = 150 * max(0.0, facing) ** 14
            for c in range(3):
                base = colours[part, 0, c] * (1 - patch) + colours[part, 1, c] * patch
                picture[y, x, c] = min(255.0, base * shade * lit + gleam)


def draw_light(rng: Generator) -> NDArray[np.float64]:
    """Return the direction that light travels in: mostly from above, in camera space."""
    way = np.array([rng.normal(0, 0.6), rng.uniform(0.1, 1.2), rng.normal(0.35, 0.5)])
    return np.asarray(way / np.linalg.norm(way))
