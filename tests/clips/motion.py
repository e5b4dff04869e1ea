"""The programmes: which pose an animal has at a time. Pure functions of the time in seconds."""

from dataclasses import replace

import numpy as np

from .skeleton import Build, Pose
from .spec import Animal, Motion

STANCE = 0.6  # share of a step in which the paw stands
STEP_LENGTH = 1.0  # way of the body in one cycle of the legs, spine lengths
GAIT_OFFSETS = (0.25, 0.75, 0.0, 0.5)  # lateral sequence walk: LF RF LH RH
BOW_PERIOD_S = 2.6
STOP_SHARE = 0.45  # FREEZE stands still after this share of the clip


def wave(hz: float, t_s: float) -> float:
    return float(np.sin(2 * np.pi * hz * t_s))


def ease(x: float) -> float:
    """Rise smoothly from 0 to 1 while x does."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def standing(animal: Animal, build: Build, t_s: float) -> Pose:
    """Return the pose that every programme starts from: four paws down, breathing, tail at work."""
    wagging = animal.wag_amplitude_deg * wave(animal.wag_hz, t_s)
    trailing = animal.wag_amplitude_deg * np.cos(2 * np.pi * animal.wag_hz * t_s)
    panting = 0.5 + 0.5 * wave(animal.pant_hz, t_s) if animal.pant_hz else 0.0
    return Pose(
        withers_height=build.height,
        rump_height=build.height * 0.97,
        curvature=animal.spine_curvature,
        neck_deg=build.neck_deg,
        head_deg=-12.0 + animal.head_deg + 1.5 * wave(0.21, t_s),
        ear_position=animal.ear_position,
        tail_deg=animal.tail_deg + wagging,
        tail_curl_deg=animal.tail_deg * 0.5 - 0.5 * trailing * (animal.wag_hz > 0),
        paws=((0.02, 0.0), (-0.03, 0.0), (0.02, 0.0), (-0.04, 0.0)),
        jaw_deg=14.0 * panting + (8.0 if animal.pant_hz else 0.0),
        belly=1.0 + 0.012 * wave(0.4, t_s) + 0.02 * panting,
        facing=1.0 if animal.is_facing_right else -1.0,
    )


def step(phase: float, vigour: float) -> tuple[float, float]:
    """Return a paw's place relative to the body: forward, over the floor."""
    phase %= 1.0
    reach = STANCE * STEP_LENGTH * vigour
    if phase < STANCE:
        return reach * (0.5 - phase / STANCE), 0.0
    swing = (phase - STANCE) / (1 - STANCE)
    return reach * (ease(swing) - 0.5), 0.13 * vigour * float(np.sin(np.pi * swing))


def walking(pose: Pose, way: float, vigour: float) -> Pose:
    """Move the legs for a way gone, in spine lengths; vigour 0 stands still."""
    paws = tuple(step(way / STEP_LENGTH + offset, vigour) for offset in GAIT_OFFSETS)
    resting = tuple(
        (mx + (1 - vigour) * x, my) for (mx, my), (x, _) in zip(paws, pose.paws, strict=True)
    )
    bob = 0.012 * vigour * float(np.cos(4 * np.pi * way / STEP_LENGTH))
    return replace(
        pose,
        paws=resting,
        withers_height=pose.withers_height + bob,
        rump_height=pose.rump_height - bob,
    )


def walk(animal: Animal, build: Build, t_s: float, duration_s: float) -> Pose:
    pose = standing(animal, build, t_s)
    way = animal.speed_bl_s * build.body_length * t_s
    half = animal.speed_bl_s * build.body_length * duration_s / 2
    return replace(walking(pose, way, 1.0), shift=(pose.facing * (way - half), 0.0))


def pace(animal: Animal, build: Build, t_s: float, _duration_s: float) -> Pose:
    reach = animal.pace_reach_bl * build.body_length
    turns = animal.pace_hz * t_s
    half_turns = int(np.floor(2 * turns + 0.5))
    way = reach * (2 * half_turns + (-1) ** half_turns * np.sin(2 * np.pi * turns))
    forward = float(np.cos(2 * np.pi * turns))
    pose = standing(animal, build, t_s)
    facing = np.sign(forward) * max(min(abs(forward) * 4, 1.0), 0.2)
    vigour = ease(abs(forward) * 3)
    return replace(
        walking(pose, float(way), vigour),
        facing=float(facing) * pose.facing,
        shift=(pose.facing * reach * wave(animal.pace_hz, t_s), 0.0),
    )


def freeze(animal: Animal, build: Build, t_s: float, duration_s: float) -> Pose:
    stop_s = STOP_SHARE * duration_s
    brake_s = min(0.4, stop_s)
    run_s = min(t_s, stop_s - brake_s)
    braking = min(max(t_s - run_s, 0.0), brake_s) if t_s > run_s else 0.0
    gone_s = run_s + braking - braking**2 / (2 * brake_s)
    vigour = 1 - ease((t_s - stop_s + brake_s) / brake_s)
    way = animal.speed_bl_s * build.body_length * gone_s
    middle = animal.speed_bl_s * build.body_length * (stop_s - brake_s / 2) * 0.75
    pose = standing(animal, build, min(t_s, stop_s))
    return replace(walking(pose, way, vigour), shift=(pose.facing * (way - middle), 0.0))


def lie(animal: Animal, build: Build, t_s: float, _duration_s: float) -> Pose:
    pose = standing(animal, build, t_s)
    depth = 2 * max(build.torso)
    return replace(
        pose,
        withers_height=depth + 0.1,
        rump_height=depth + 0.02,
        paws=((0.52, 0.0), (0.46, 0.0), (0.24, 0.0), (0.18, 0.0)),
    )


def crouch(animal: Animal, build: Build, t_s: float, _duration_s: float) -> Pose:
    pose = standing(animal, build, t_s)
    return replace(
        pose,
        withers_height=build.height * 0.68,
        rump_height=build.height * 0.62,
        tail_curl_deg=1.2 * pose.tail_deg if pose.tail_deg < 0 else pose.tail_curl_deg,
        neck_deg=build.neck_deg - 42.0,
        head_deg=pose.head_deg - 8.0,
        paws=((0.1, 0.0), (0.04, 0.0), (0.16, 0.0), (0.1, 0.0)),
    )


def play(animal: Animal, build: Build, t_s: float, _duration_s: float) -> Pose:
    """Bow for the first half of each period, then bounce to one side, next to the other."""
    pose = standing(animal, build, t_s)
    period, share = divmod(t_s / BOW_PERIOD_S, 1.0)
    bow = ease(share / 0.12) * (1 - ease((share - 0.45) / 0.12))
    leap = min(max((share - 0.55) / 0.45, 0.0), 1.0)
    hop = 0.2 * abs(float(np.sin(2 * np.pi * leap)))
    side = 1.0 if period % 2 == 0 else -1.0
    across = 0.5 * side * (ease(leap) - 0.5)
    front = tuple((x + 0.38 * bow, 0.4 * hop) for x, _ in pose.paws[:2])
    rear = tuple((x - 0.04 * bow, 0.2 * hop) for x, _ in pose.paws[2:])
    return replace(
        pose,
        withers_height=pose.withers_height - 0.47 * build.height * bow,
        curvature=pose.curvature * (1 - bow) - 0.04 * bow,
        neck_deg=pose.neck_deg + 8.0 * bow,
        head_deg=pose.head_deg + 18.0 * bow,
        tail_deg=pose.tail_deg,
        paws=front + rear,
        shift=(across, hop),
    )


def stand(animal: Animal, build: Build, t_s: float, _duration_s: float) -> Pose:
    pose = standing(animal, build, t_s)
    return replace(pose, shift=(0.012 * wave(0.23, t_s), 0.0))


PROGRAMMES = {
    Motion.STAND: stand,
    Motion.LIE: lie,
    Motion.WALK: walk,
    Motion.PACE: pace,
    Motion.PLAY: play,
    Motion.CROUCH: crouch,
    Motion.FREEZE: freeze,
}


def pose_at(animal: Animal, build: Build, t_s: float, duration_s: float) -> Pose:
    """Return what the animal does at one moment of a clip of that length."""
    pose = PROGRAMMES[animal.motion](animal, build, t_s, duration_s)
    if not animal.tremble_hz:
        return pose
    tremor = animal.tremble_bl * build.body_length * wave(animal.tremble_hz, t_s)
    return replace(pose, shift=(pose.shift[0] + tremor, pose.shift[1]))
