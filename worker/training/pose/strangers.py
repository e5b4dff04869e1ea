"""People and hands beside, behind and before the animal; bodies as capsules, like the animal's."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worker.training.pose.coat import CLOTH, HAIR, LEGGING, SHOE, SKIN

Capsules = tuple[NDArray[np.float64], NDArray[np.uint8]]


def up(by: float) -> NDArray[np.float64]:
    """Return a way straight up."""
    return np.array([0.0, 0.0, by])


def draw_person(rng: Generator, azimuth: float) -> Capsules:
    """Return a standing or crouching person near the animal, in its space."""
    size = float(rng.uniform(2.2, 5.0))  # height in the animal's spine lengths
    away = rng.choice([-1, 1], p=[0.25, 0.75]) * rng.uniform(0.35, 1.6)
    beside = rng.normal(0, 0.9)
    sa, ca = np.sin(azimuth), np.cos(azimuth)
    foot = np.array([beside * ca + away * sa, -beside * sa + away * ca, 0.0])
    stoop = float(rng.uniform(0, 0.5)) if rng.random() < 0.4 else 0.0
    hip = foot + up(size * (0.5 - 0.3 * stoop))
    lean = np.array([*(-foot[:2] / (np.linalg.norm(foot[:2]) + 1e-6) * stoop), 1.0])
    chest = hip + lean * size * 0.3
    across = np.array([ca, -sa, 0.0]) * size
    rows, parts = [], []

    def bone(
        part: int, a: NDArray[np.float64], ra: float, b: NDArray[np.float64], rb: float
    ) -> None:
        rows.append([*a, ra * size, *b, rb * size])
        parts.append(part)

    for side in (-1, 1):
        sole = (
            foot
            + across * side * rng.uniform(0.04, 0.1)
            + rng.normal(0, 0.03, 3) * (1, 1, 0) * size
        )
        bone(LEGGING, hip + across * side * 0.05, 0.055, sole + up(0.03 * size), 0.032)
        bone(SHOE, sole + up(0.02 * size), 0.03, sole + 0.06 * across * side, 0.03)
        shoulder = chest + across * side * 0.1
        hand = shoulder + np.array([*rng.normal(0, 0.12, 2), -rng.uniform(0.15, 0.4)]) * size
        if rng.random() < 0.35:
            hand = np.array([rng.uniform(-0.6, 0.8), rng.normal(0, 0.2), rng.uniform(0.4, 1.1)])
        elbow = (shoulder + hand) / 2 + rng.normal(0, 0.04, 3) * size
        bone(CLOTH, shoulder, 0.035, elbow, 0.028)
        bone(SKIN if rng.random() < 0.5 else CLOTH, elbow, 0.026, hand, 0.02)
        bone(SKIN, hand, 0.024, hand + rng.normal(0, 0.02, 3) * size, 0.018)
    bone(CLOTH, hip, 0.08, chest, 0.09)
    bone(SKIN, chest, 0.035, chest + lean * size * 0.1, 0.035)
    bone(SKIN, chest + lean * size * 0.14, 0.06, chest + lean * size * 0.17, 0.058)
    bone(HAIR, chest + lean * size * 0.16, 0.06, chest + lean * size * 0.19, 0.055)
    return np.array(rows), np.array(parts, np.uint8)


def draw_hand(rng: Generator) -> Capsules:
    """Return an arm that reaches into the picture and touches the animal."""
    hand = np.array([rng.uniform(-0.6, 1.0), rng.normal(0, 0.15), rng.uniform(0.3, 1.2)])
    way = rng.normal(0, 1, 3) + up(0.7)
    way /= np.linalg.norm(way)
    thick = float(rng.uniform(0.04, 0.12))
    rows = [[*(hand + way * 3), 1.4 * thick, *(hand + way * 0.25), thick]]
    rows.append([*(hand + way * 0.25), thick, *hand, 1.1 * thick])
    for _ in range(4):
        rows.append(
            [*hand, 0.5 * thick, *(hand - way * 0.12 + rng.normal(0, 0.05, 3)), 0.3 * thick]
        )
    sleeve = CLOTH if rng.random() < 0.5 else SKIN
    return np.array(rows), np.array([sleeve, *[SKIN] * 5], np.uint8)
