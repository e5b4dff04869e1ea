"""Draws how an animal holds itself: posture, legs, back, neck, head, ears, tail.

Leg angles are from straight down, positive forward, in the world's upright plane; degrees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worker.pipeline.extract.keypoints import EARS, POSTURES
from worker.training.pose.anatomy import Anatomy

SHARES = (0.26, 0.2, 0.16, 0.13, 0.07, 0.09, 0.09)  # of POSTURES
# upper, middle, lowest bone of a front and of a hind leg, and the spread of each
LEGS = {
    "standing": ((-30, 4, 8), (28, -38, 8), 9),
    "walking": ((-30, 6, 8), (26, -36, 6), 10),
    "sitting": ((-22, 0, 10), (84, -62, 84), 9),
    "lying_chest": ((-62, 82, 84), (86, -80, 86), 9),
    "lying_side": ((10, 20, 20), (40, -30, 20), 28),
    "crouching": ((-68, 48, 20), (74, -78, 40), 12),
    "bowing": ((-20, 84, 84), (22, -26, 6), 9),
}
SNIFF_SHARE = 0.15  # head down, eating or following a scent
PAW_TURN_DEG = 70.0  # of the toes against the lowest bone


@dataclass(frozen=True, slots=True)
class Stance:
    """One pose. Angles in degrees; `legs` (4, 3): left and right front, left and right hind."""

    posture: int
    legs: NDArray[np.float64]
    spread: NDArray[np.float64]  # (4,) outward
    arch: float  # of the back, in its own length; + hunched
    bend: float  # sideways
    roll: float  # of the whole body, 90 on its side
    rear: float  # added pitch: begging, climbing
    neck_up: float
    neck_turn: float
    head_down: float
    head_turn: float
    head_roll: float
    looks_at_camera: bool
    jaw: float  # 0 closed .. 1 open
    ears: int
    ear_noise: NDArray[np.float64]  # (2, 3)
    tail_up: float  # against the back's line: 0 in line, -90 hanging
    tail_curl: float  # per segment
    tail_side: float
    tail_side_curl: float


def draw_stance(rng: Generator, anatomy: Anatomy) -> Stance:
    """Draw a pose for one animal."""
    posture = int(rng.choice(len(POSTURES), p=SHARES))
    name = POSTURES[posture]
    up, curl = draw_tail(rng, name, anatomy)
    sniffs = rng.random() < SNIFF_SHARE
    neck_up = float(rng.uniform(-65, 0) if sniffs else rng.normal(38, 28))
    return Stance(
        posture=posture,
        legs=draw_legs(rng, name),
        spread=rng.normal(5.0, 6.0, 4),
        arch=draw_arch(rng, name, anatomy),
        bend=float(rng.normal(0, 0.06)),
        roll=float(rng.choice([-1, 1]) * rng.uniform(65, 95)) if name == "lying_side" else 0.0,
        rear=float(rng.uniform(35, 65)) if name == "standing" and rng.random() < 0.06 else 0.0,
        neck_up=neck_up,
        neck_turn=float(rng.normal(0, 25)),
        head_down=float(rng.normal(50 if neck_up < 0 else 14, 20)),
        head_turn=float(rng.normal(0, 28)),
        head_roll=float(rng.normal(0, 9)),
        looks_at_camera=bool(rng.random() < 0.45),
        jaw=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.3 else 0.0,
        ears=draw_ears(rng, anatomy),
        ear_noise=rng.normal(0, 0.16, (2, 3)),
        tail_up=up,
        tail_curl=curl,
        tail_side=float(rng.normal(0, 24)),
        tail_side_curl=float(rng.normal(0, 9)),
    )


def draw_legs(rng: Generator, name: str) -> NDArray[np.float64]:
    """Draw the angles of four legs, (4, 3)."""
    front, hind, noise = LEGS[name]
    legs = np.array([front, front, hind, hind], float)
    legs += rng.normal(0, noise, 4)[:, None] * (1.0, 0.6, 0.4) + rng.normal(0, noise / 2, (4, 3))
    if name == "walking":
        legs += stride(rng)
    return legs


def stride(rng: Generator) -> NDArray[np.float64]:
    """Return the angles that walking, trotting or galloping adds, (4, 3)."""
    reach = float(rng.uniform(10, 40))
    gallops = rng.random() < 0.35
    apart = rng.normal(0.3, 0.2) if gallops else np.pi
    start = rng.uniform(0, 2 * np.pi)
    between = rng.uniform(0, 2 * np.pi)
    phase = start + np.array([0, apart, between, between + apart])
    swing = np.sin(phase) * reach
    lifted = np.maximum(0, np.cos(phase)) * reach
    front = np.stack([swing, swing - 1.3 * lifted, swing - 2.0 * lifted], axis=1)
    hind = np.stack([swing + 0.5 * lifted, swing - 0.9 * lifted, swing - 0.6 * lifted], axis=1)
    return np.vstack([front[:2], hind[2:]])


def draw_arch(rng: Generator, name: str, anatomy: Anatomy) -> float:
    """Draw the back's curvature: straight, swayed, or hunched now and then."""
    if rng.random() < 0.22:
        return float(rng.uniform(0.08, 0.3 if anatomy.is_cat else 0.24))
    if name == "sitting":
        return float(rng.normal(0.05, 0.04))
    return float(rng.normal(0.01, 0.03))


def draw_ears(rng: Generator, anatomy: Anatomy) -> int:
    """Draw an ear state; a cat's ears fold only now and then."""
    shares = (0.68, 0.26, 0.0, 0.06) if anatomy.is_cat else (0.28, 0.14, 0.42, 0.16)
    return int(rng.choice(len(EARS), p=shares))


def draw_tail(rng: Generator, name: str, anatomy: Anatomy) -> tuple[float, float]:
    """Draw the tail's height over the back's line and its curl."""
    kind = int(rng.choice(5, p=(0.17, 0.29, 0.22, 0.2, 0.12)))
    low, high, curl = (
        (-115, -80, -14),  # tucked
        (-80, -35, 5),  # hanging
        (-30, 20, 4),  # level
        (25, 80, 3),  # raised
        (60, 110, 26),  # over the back
    )[kind]
    if anatomy.is_cat and kind == 4:
        curl = -12
    if name in ("sitting", "lying_side") and kind == 0:
        low, high = -40, 10
    return float(rng.uniform(low, high)), float(rng.normal(curl, 8))
