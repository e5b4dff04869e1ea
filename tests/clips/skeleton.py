"""From a pose to joints, in the animal's own plane: x forward, y up, spine length 1, feet at 0.

Knows nothing of pixels, time or colour.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spec import Animal, Ears, Species

Point = NDArray[np.float64]  # (2,)
Joints = dict[str, Point]
SIDES = ("left", "right")
N_TAIL = 9  # joints of the tail, base and tip included
N_SPINE = 7


@dataclass(frozen=True, slots=True)
class Build:
    """Proportions in spine lengths (withers to tail base)."""

    height: float  # withers over the floor
    torso: tuple[float, ...]  # radii from chest to rump
    neck: float
    neck_deg: float
    skull: float  # radius
    snout: float
    ear: float
    tail: float
    tail_radii: tuple[float, float]
    limb: float  # thickness of the legs

    @property
    def body_length(self) -> float:
        """Nose to tail base, standing."""
        reach = self.neck * np.cos(np.radians(self.neck_deg)) + self.skull + self.snout
        return 1.0 + float(reach)


DOG = Build(
    height=1.02,
    torso=(0.19, 0.225, 0.23, 0.215, 0.185, 0.17, 0.165),
    neck=0.36,
    neck_deg=50.0,
    skull=0.165,
    snout=0.19,
    ear=0.2,
    tail=0.62,
    tail_radii=(0.065, 0.028),
    limb=1.0,
)
CAT = Build(
    height=0.8,
    torso=(0.145, 0.165, 0.175, 0.18, 0.175, 0.165, 0.15),
    neck=0.25,
    neck_deg=42.0,
    skull=0.165,
    snout=0.045,
    ear=0.16,
    tail=0.85,
    tail_radii=(0.05, 0.036),
    limb=0.78,
)


def build_of(animal: Animal) -> Build:
    """Return the proportions of one animal."""
    usual = DOG if animal.species == Species.DOG else CAT
    return Build(
        height=usual.height * (0.55 + 0.45 * animal.leg_length),
        torso=tuple(radius * animal.stoutness for radius in usual.torso),
        neck=usual.neck,
        neck_deg=usual.neck_deg,
        skull=usual.skull * (0.6 + 0.4 * animal.stoutness),
        snout=usual.snout,
        ear=usual.ear * (1.15 if animal.ears == Ears.DROP else 1.0),
        tail=usual.tail,
        tail_radii=usual.tail_radii,
        limb=usual.limb * animal.stoutness,
    )


@dataclass(frozen=True, slots=True)
class Pose:
    """One moment. Heights and shifts in spine lengths."""

    withers_height: float
    rump_height: float
    curvature: float  # signed: + hunched
    neck_deg: float
    head_deg: float
    ear_position: float
    tail_deg: float
    tail_curl_deg: float
    paws: tuple[tuple[float, float], ...]  # left/right front, left/right rear: forward of the
    # joint above, over the floor
    jaw_deg: float = 0.0
    belly: float = 1.0  # breathing: factor on the torso's radii
    facing: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)  # of the whole animal: forward to the right, up


def direction(degrees: float) -> Point:
    """Return the unit vector at an angle over the forward axis."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def spine(pose: Pose) -> NDArray[np.float64]:
    """Return points along the back from withers to tail base, (N_SPINE, 2)."""
    withers = np.array([0.5, pose.withers_height])
    base = np.array([-0.5, pose.rump_height])
    normal = dorsal(base - withers)
    middle = (withers + base) / 2 + normal * pose.curvature * np.linalg.norm(base - withers)
    control = 2 * middle - (withers + base) / 2  # quadratic Bezier through the middle
    t = np.linspace(0, 1, N_SPINE)[:, None]
    return (1 - t) ** 2 * withers + 2 * t * (1 - t) * control + t**2 * base


def dorsal(to_the_rear: Point) -> Point:
    """Return the unit normal on the back's side of a rearward vector."""
    rear = to_the_rear / np.linalg.norm(to_the_rear)
    return np.array([rear[1], -rear[0]])


def tail(build: Build, pose: Pose, back: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the tail's joints; base to tip lies at `tail_deg` unless the floor is there."""
    rear = (back[-1] - back[0]) / np.linalg.norm(back[-1] - back[0])
    up = dorsal(rear)
    bends = np.radians(pose.tail_curl_deg) * np.linspace(-0.5, 0.5, N_TAIL - 1)
    step = build.tail / (N_TAIL - 1)
    straight = np.cumsum(np.stack([np.cos(bends), np.sin(bends)], axis=1) * step, axis=0)
    turn = np.radians(pose.tail_deg) - np.arctan2(straight[-1, 1], straight[-1, 0])
    along = straight[:, 0] * np.cos(turn) - straight[:, 1] * np.sin(turn)
    across = straight[:, 0] * np.sin(turn) + straight[:, 1] * np.cos(turn)
    joints = back[-1] + along[:, None] * rear + across[:, None] * up
    joints[:, 1] = np.maximum(joints[:, 1], build.tail_radii[0])  # it lies down on the floor
    return np.vstack([back[-1], joints])


def knee(top: Point, foot: Point, lengths: tuple[float, float], bend: float) -> Point:
    """Return the middle joint of two bones; `bend` +1 points it forward, -1 backward."""
    upper, lower = lengths
    reach = foot - top
    distance = float(np.clip(np.linalg.norm(reach), abs(upper - lower) + 1e-3, None))
    if distance >= upper + lower:
        return top + reach * upper / (upper + lower)
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    out = np.sqrt(max(upper**2 - along**2, 0.0))
    axis = reach / distance
    return top + axis * along + bend * out * np.array([-axis[1], axis[0]])


def folded(build: Build, height: float) -> float:
    """Return how far a leg is folded: 0 standing .. 1 with its lowest bone flat on the floor."""
    return float(np.clip((0.86 - height / build.height) / 0.36, 0, 1))


def lowest_bone(build: Build, length: float, lean_deg: float, fold: float) -> Point:
    """Return the way from paw up to carpus or hock, which lies down backward as the leg folds."""
    return length * build.height * direction(90.0 + lean_deg + (82.0 - lean_deg) * fold)


def fore_leg(
    build: Build, shoulder: Point, paw: tuple[float, float], fold: float
) -> tuple[Point, ...]:
    foot = np.array([shoulder[0] - 0.02 + paw[0], paw[1]])
    carpus = foot + lowest_bone(build, 0.19, 9.0, fold)
    elbow = knee(shoulder, carpus, (0.3 * build.height, 0.33 * build.height), -1.0)
    return elbow, carpus, foot + np.array([0.0, 0.035])


def hind_leg(build: Build, hip: Point, paw: tuple[float, float], fold: float) -> tuple[Point, ...]:
    foot = np.array([hip[0] - 0.06 + paw[0], paw[1]])
    hock = foot + lowest_bone(build, 0.26, 22.0, fold)
    stifle = knee(hip, hock, (0.37 * build.height, 0.36 * build.height), 1.0)
    return stifle, hock, foot + np.array([0.0, 0.035])


def head(build: Build, animal: Animal, pose: Pose, withers: Point) -> Joints:
    axis = direction(pose.head_deg)
    up = np.array([-axis[1], axis[0]])
    nape = withers + np.array([0.02, -0.13])
    skull = nape + (build.neck + 0.05) * direction(pose.neck_deg)
    r = build.skull
    jaw = direction(pose.head_deg - 8.0 - pose.jaw_deg)
    joints = {
        "nape": nape,
        "skull": skull,
        "muzzle": skull + axis * r * 0.6 - up * 0.25 * r,
        "nose": skull + axis * (r + build.snout) - up * 0.22 * r,
        "jaw": skull + axis * r * 0.5 - up * 0.5 * r,
        "eye": skull + axis * 0.5 * r + up * 0.28 * r,
        "ear_base": skull - axis * 0.3 * r + up * 0.72 * r,
    }
    joints["chin"] = joints["jaw"] + jaw * (build.snout * 0.85 + 0.3 * r)
    if animal.ears == Ears.DROP:
        hang = direction(-100.0 - 12.0 * (1 - pose.ear_position))
        joints["ear_tip"] = joints["ear_base"] + build.ear * hang
        return joints
    angle = np.radians(90.0 * pose.ear_position)
    joints["ear_tip"] = joints["ear_base"] + build.ear * (
        -axis * np.cos(angle) + up * np.sin(angle)
    )
    return joints


def legs(build: Build, pose: Pose, back: NDArray[np.float64]) -> Joints:
    shoulder = back[0] + np.array([-0.04, -1.25 * build.torso[0]])
    hip = back[-1] + np.array([0.13, -0.95 * build.torso[-1]])
    joints = {"shoulder": shoulder, "hip": hip}
    for index, side in enumerate(SIDES):
        fore = fore_leg(build, shoulder, pose.paws[index], folded(build, pose.withers_height))
        hind = hind_leg(build, hip, pose.paws[2 + index], folded(build, pose.rump_height))
        joints |= dict(
            zip((f"{side}_elbow", f"{side}_carpus", f"{side}_front_paw"), fore, strict=True)
        )
        joints |= dict(
            zip((f"{side}_stifle", f"{side}_hock", f"{side}_rear_paw"), hind, strict=True)
        )
    return joints


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """All joints of one moment in the animal's plane."""

    back: NDArray[np.float64]  # (N_SPINE, 2)
    tail: NDArray[np.float64]  # (N_TAIL, 2)
    head: Joints
    legs: Joints


def skeleton(animal: Animal, build: Build, pose: Pose) -> Skeleton:
    """Place every joint for one pose."""
    back = spine(pose)
    return Skeleton(
        back=back,
        tail=tail(build, pose, back),
        head=head(build, animal, pose, back[0]),
        legs=legs(build, pose, back),
    )
