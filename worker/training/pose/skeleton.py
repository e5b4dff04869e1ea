"""From anatomy and stance to bodies in space: tapered capsules and the 25 points.

x forward, y to the animal's left, z up, floor at 0. Knows nothing of cameras and colours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.keypoints import NAMES
from worker.training.pose.anatomy import Anatomy
from worker.training.pose.stance import PAW_TURN_DEG, Stance

TORSO, NECK, SKULL, MUZZLE, NOSE, EYE, EAR, TAIL, UPPER, LOWER, PAW, JAW, TONGUE = range(1, 14)
FORE = (0.31, 0.33, 0.13)  # bones of legs of length 1
HIND = (0.34, 0.35, 0.24)
N_BACK = 5
N_TAIL = 5
Vector = NDArray[np.float64]
Place = Callable[[float, float, float], Vector]  # from the body's own axes into space


@dataclass(frozen=True, slots=True)
class Figure:
    """Capsules (n, 8): two ends and their radii; `parts` (n,) uint8; points (25, 3)."""

    capsules: NDArray[np.float64]
    parts: NDArray[np.uint8]
    points: Vector
    radii: NDArray[np.float64]  # (25,) of the body around each point
    exists: NDArray[np.bool_]  # (25,)


class Builder:
    """Collects capsules and points."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, ...]] = []
        self.parts: list[int] = []
        self.points: dict[str, tuple[Vector, float]] = {}

    def bone(self, part: int, a: Vector, ra: float, b: Vector, rb: float) -> None:
        """Add a capsule."""
        self.rows.append((a[0], a[1], a[2], ra, b[0], b[1], b[2], rb))
        self.parts.append(part)

    def point(self, name: str, at: Vector, radius: float) -> None:
        """Name a place."""
        self.points[name] = (at, radius)

    def finish(self, roll: float, exists: dict[str, bool]) -> Figure:
        """Roll the whole animal, put it on the floor and hand it over."""
        capsules = np.array(self.rows)
        points = np.array([self.points[n][0] for n in NAMES])
        turn = about_x(np.radians(roll))
        for block in (capsules[:, 0:3], capsules[:, 4:7], points):
            block[:] = block @ turn.T
        lift = min((capsules[:, 2] - capsules[:, 3]).min(), (capsules[:, 6] - capsules[:, 7]).min())
        capsules[:, [2, 6]] -= lift
        points[:, 2] -= lift
        radii = np.array([self.points[n][1] for n in NAMES])
        there = np.array([exists.get(n, True) for n in NAMES])
        return Figure(capsules, np.array(self.parts, np.uint8), points, radii, there)


def about_x(angle: float) -> Vector:
    """Return the rotation about the forward axis."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def build_figure(anatomy: Anatomy, stance: Stance, to_camera: Vector) -> Figure:
    """Place every part of an animal; `to_camera` is a unit vector in its own space."""
    made = Builder()
    lean, height = stand_on(anatomy, stance)
    pitch = np.array([[np.cos(lean), 0, -np.sin(lean)], [0, 1, 0], [np.sin(lean), 0, np.cos(lean)]])
    base = np.array([0, 0, height])

    def place(x: float, y: float, z: float) -> Vector:
        return np.asarray(pitch @ np.array([x, y, z]) + base)

    add_torso(made, anatomy, stance, place)
    add_legs(made, anatomy, stance, place)
    add_tail(made, anatomy, stance, pitch, place)
    add_head(made, anatomy, stance, place, to_camera)
    exists = {"tail_mid": anatomy.has_tail, "tail_tip": anatomy.has_tail}
    return made.finish(stance.roll, exists)


def reach_of(bones: tuple[float, ...], angles: Vector, length: float) -> float:
    """Return how far down a leg reaches."""
    return float(length * (np.array(bones) * np.cos(np.radians(angles))).sum())


def shoulder_of(anatomy: Anatomy, side: float) -> tuple[float, float, float]:
    return 0.4, side * 0.62 * anatomy.chest, -anatomy.chest * 1.25 - anatomy.depth * 0.5


def hip_of(anatomy: Anatomy, side: float) -> tuple[float, float, float]:
    return -0.37, side * 0.62 * anatomy.rump, -anatomy.rump * 1.0


def stand_on(anatomy: Anatomy, stance: Stance) -> tuple[float, float]:
    """Return the pitch (radians) and height at which front and hind feet meet the floor."""
    front = max(reach_of(FORE, stance.legs[i], anatomy.leg) for i in (0, 1))
    hind = max(reach_of(HIND, stance.legs[i], anatomy.leg) for i in (2, 3))
    front = max(front, 0.6 * anatomy.chest)
    hind = max(hind, 0.6 * anatomy.rump)
    sx, _, sz = shoulder_of(anatomy, 0)
    hx, _, hz = hip_of(anatomy, 0)
    lean = np.arcsin(np.clip((front - hind - (sz - hz)) / (sx - hx), -0.8, 0.9))
    lean += np.radians(stance.rear)
    return float(lean), float(hind - hx * np.sin(lean) - hz * np.cos(lean))


def add_torso(made: Builder, anatomy: Anatomy, stance: Stance, place: Place) -> None:
    """Add back, chest, belly and rump, and the back's three points."""
    t = np.linspace(0, 1, N_BACK)
    rise = 4 * stance.arch * t * (1 - t)
    side = 4 * stance.bend * t * (1 - t)
    radii = np.interp(t, (0, 0.5, 1), (anatomy.chest, anatomy.belly, anatomy.rump))
    x = 0.44 - 0.84 * t
    for y in (-0.28, 0.28):
        row = [place(x[i], side[i] + y * radii[i], rise[i] - radii[i]) for i in range(N_BACK)]
        for i in range(N_BACK - 1):
            made.bone(TORSO, row[i], 0.9 * radii[i], row[i + 1], 0.9 * radii[i + 1])
    low = -anatomy.chest * 1.15 - anatomy.depth
    made.bone(
        TORSO,
        place(0.44, 0, low),
        0.72 * anatomy.chest,
        place(0.0, side[2], rise[2] - anatomy.belly * 1.1),
        0.9 * anatomy.belly,
    )
    made.point("withers", place(0.46, 0, -0.02), anatomy.chest)
    made.point("mid_back", place(0.0, side[2], rise[2] - 0.02), anatomy.belly)
    made.point("tail_base", place(-0.48, 0, -0.05), 0.8 * anatomy.rump)


def swing(angle: float, outward: float) -> Vector:
    """Return the direction of a leg's bone."""
    a, o = np.radians(angle), np.radians(outward)
    return np.array([np.sin(a) * np.cos(o), np.sin(o), -np.cos(a) * np.cos(o)])


def add_legs(made: Builder, anatomy: Anatomy, stance: Stance, place: Place) -> None:
    """Add four legs with their joints."""
    for leg in range(4):
        side = 1.0 if leg % 2 == 0 else -1.0
        front = leg < 2
        joint = place(*(shoulder_of if front else hip_of)(anatomy, side))
        names = ("elbow", "carpus", "front_paw") if front else ("stifle", "hock", "rear_paw")
        thick = np.array((0.088, 0.056, 0.038, 0.036) if front else (0.125, 0.075, 0.036, 0.036))
        thick = thick * anatomy.limb
        root = place(0.42, side * 0.4 * anatomy.chest, -0.6 * anatomy.chest) if front else joint
        trunk = anatomy.chest if front else anatomy.rump
        made.bone(UPPER, root, 0.6 * trunk, joint, min(1.35 * thick[0], 0.75 * trunk))
        suffix = "a" if side > 0 else "b"
        bones = FORE if front else HIND
        for k in range(3):
            step = swing(stance.legs[leg, k], side * stance.spread[leg] * (1, 0.5, 0)[k])
            end = joint + step * bones[k] * anatomy.leg
            end[2] = max(end[2], 0.0) if stance.roll == 0 else end[2]
            made.bone((UPPER, LOWER, LOWER)[k], joint, thick[k], end, thick[k + 1])
            joint = end
            made.point(f"{names[k]}_{suffix}", joint, thick[k + 1])
        add_paw(made, anatomy, joint, stance.legs[leg, 2], f"{names[2]}_{suffix}")


def add_paw(made: Builder, anatomy: Anatomy, joint: Vector, angle: float, name: str) -> None:
    """Add toes; the paw's point lies among them."""
    radius = 0.043 * anatomy.limb
    toes = joint + 0.06 * swing(min(angle + PAW_TURN_DEG, 95.0), 0) * (1 + anatomy.limb) / 2
    made.bone(PAW, joint, 0.9 * radius, toes, radius)
    made.point(name, (joint + toes) / 2, radius)


def add_tail(made: Builder, anatomy: Anatomy, stance: Stance, pitch: Vector, place: Place) -> None:
    """Add the tail; what would pass through the floor lies on it."""
    at = place(-0.48, 0, -0.05)
    made.bone(TAIL, place(-0.38, 0, -0.1), 0.08, at, anatomy.tail_root * 1.15)
    radii = np.linspace(anatomy.tail_root, anatomy.tail_tip, N_TAIL)
    plume = 1 + (anatomy.plume - 1) * np.array((0.25, 0.75, 1.0, 0.8, 0.4))
    radii = radii * plume
    for k in range(N_TAIL - 1):
        up = np.radians(stance.tail_up + k * stance.tail_curl)
        out = np.radians(stance.tail_side + k * stance.tail_side_curl)
        way = np.array([-np.cos(up) * np.cos(out), np.cos(up) * np.sin(out), np.sin(up)])
        end = at + pitch @ way * anatomy.tail / (N_TAIL - 1)
        if stance.roll == 0:
            end[2] = max(end[2], radii[k + 1])
        made.bone(TAIL, at, radii[k], end, radii[k + 1])
        at = end
        if k == 1:
            made.point("tail_mid", at, radii[k + 1])
    made.point("tail_tip", at, radii[-1])


def unit(vector: Vector) -> Vector:
    """Return a vector of length 1."""
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-9))


def head_axes(stance: Stance, to_camera: Vector) -> tuple[Vector, Vector, Vector]:
    """Return the head's forward, left and up."""
    turn = np.radians(stance.neck_turn + stance.head_turn)
    down = np.radians(stance.head_down)
    ahead = np.array([np.cos(down) * np.cos(turn), np.cos(down) * np.sin(turn), -np.sin(down)])
    if stance.looks_at_camera:
        seen = to_camera + 0.012 * np.array([0, stance.head_turn, -stance.head_down])
        seen = unit(seen)
        ahead = unit(seen + max(0.0, -0.3 - seen[0]) * np.array([2.0, 0, 0]))
    left = unit(np.cross([0, 0, 1.0], ahead))
    up = np.cross(ahead, left)
    tilt = np.radians(stance.head_roll)
    return (
        ahead,
        unit(left * np.cos(tilt) + up * np.sin(tilt)),
        unit(up * np.cos(tilt) - left * np.sin(tilt)),
    )


def add_head(
    made: Builder, anatomy: Anatomy, stance: Stance, place: Place, to_camera: Vector
) -> None:
    """Add neck, skull, cheeks, muzzle, jaw, nose, eyes and ears."""
    r = anatomy.skull
    nape = place(0.43, 0, -0.62 * anatomy.chest)
    up, turn = np.radians(stance.neck_up), np.radians(stance.neck_turn)
    way = np.array([np.cos(up) * np.cos(turn), np.cos(up) * np.sin(turn), np.sin(up)])
    skull = nape + way * (anatomy.neck + 0.8 * anatomy.chest)
    ahead, left, above = head_axes(stance, to_camera)
    skull[2] = max(skull[2], 0.9 * r) if stance.roll == 0 else skull[2]

    def at(forward: float, sideways: float, upward: float) -> Vector:
        return np.asarray(skull + r * (forward * ahead + sideways * left + upward * above))

    made.bone(NECK, nape, 0.72 * anatomy.chest, at(-0.3, 0, -0.2), 0.8 * r)
    made.bone(SKULL, at(-0.12, 0, 0), r, at(0.12, 0, 0.04), 0.94 * r)
    for side in (-1.0, 1.0):
        made.bone(SKULL, at(0.2, side * 0.38, -0.32), 0.6 * r, at(0.4, side * 0.2, -0.35), 0.5 * r)
    add_muzzle(made, anatomy, stance.jaw, at)
    for side, name in ((1.0, "a"), (-1.0, "b")):
        eye = at(0.8, side * (0.5 if anatomy.is_cat else 0.42), 0.26)
        made.bone(EYE, eye, anatomy.eye, eye + 0.001, anatomy.eye)
        made.point(f"eye_{name}", eye, anatomy.eye)
        add_ear(made, anatomy, stance, side, name, at, (ahead, left, above))


def add_muzzle(made: Builder, anatomy: Anatomy, jaw: float, at: Place) -> None:
    """Add snout, nose, lower jaw and, in an open mouth, the tongue."""
    r, m, reach = anatomy.skull, anatomy.muzzle, anatomy.snout / anatomy.skull
    nose = at(0.86 + reach, 0, -0.26 + 0.5 * m / r)
    made.bone(MUZZLE, at(0.55, 0, -0.24), 1.15 * m, at(0.8 + reach, 0, -0.3), 0.85 * m)
    made.bone(NOSE, nose + (at(0.1, 0, 0) - at(0, 0, 0)), 0.32 * m, nose, 0.3 * m)
    made.point("nose", nose + (at(0.12, 0, 0) - at(0, 0, 0)), 0.4 * m)
    drop = 0.62 + 0.55 * jaw
    chin = at(0.72 + 0.86 * reach, 0, -drop - 0.15)
    made.bone(JAW, at(0.3, 0, -0.5), 0.75 * m, chin, 0.55 * m)
    made.point("chin", chin, 0.6 * m)
    if jaw > 0.35:
        made.bone(
            TONGUE, at(0.5, 0, -0.5), 0.35 * m, at(0.8 + 0.9 * reach, 0, -drop - 0.05), 0.3 * m
        )


def add_ear(
    made: Builder,
    anatomy: Anatomy,
    stance: Stance,
    side: float,
    name: str,
    at: Place,
    axes: tuple[Vector, Vector, Vector],
) -> None:
    """Add one ear, a fan of capsules from a wide base to the tip."""
    ahead, left, above = axes
    noise = stance.ear_noise[0 if side > 0 else 1]
    forward, outward, upward = (
        (0.1, 0.28, 1.0),  # erect
        (-0.85, 0.5, 0.12),  # back
        (0.12, 0.4, -0.9),  # hanging
        (0.1, 0.45, 0.85),  # folded, its first half
    )[stance.ears]
    way = unit(
        (forward + noise[0]) * ahead
        + side * (outward + noise[1]) * left
        + (upward + noise[2]) * above
    )
    wide = unit(np.cross(way, ahead) + 0.8 * ahead * (stance.ears == 2))
    base = at(-0.1, side * 0.62, 0.66)
    tip = base + way * anatomy.ear
    half = anatomy.ear_width / 2
    if stance.ears == 3:
        knee = base + way * anatomy.ear * 0.5
        tip = knee + unit(0.7 * ahead + side * 0.35 * left - 0.6 * above) * anatomy.ear * 0.55
        made.bone(EAR, base, half, knee, 0.8 * half)
        made.bone(EAR, knee, 0.8 * half, tip, 0.35 * half)
    else:
        blunt = 0.75 if stance.ears == 2 else 0.22
        for offset in (-1.0, -0.35, 0.35, 1.0):
            root = base + wide * offset * half
            made.bone(
                EAR, root, 0.4 * half, tip + wide * offset * half * 0.5 * blunt, blunt * half * 0.6
            )
    made.point(f"ear_base_{name}", base, half)
    made.point(f"ear_tip_{name}", tip, 0.5 * half)
