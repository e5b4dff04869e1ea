"""Reads the ethogram's signs of posture and tail off what the keypoint network measured."""

from statistics import median

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract import Extract
from worker.pipeline.extract.posture import Posture
from worker.pipeline.fuse.ethogram import Missing, Reading

RIGHT_ANGLE_DEG = 90.0  # the unit of the pose features' angles
FEWEST = 3  # pictures that must show it, at two a second: one may be wrong
LIKELY = 0.6  # probability from which a picture counts as showing a posture or an ear state
LASTS = 0.3  # share of pictures from which a posture is the clip's
BOWS = 2  # pictures: a bow is short
RAISED_DEG = 45.0
STANDS_TALL = 0.8  # withers over the paws, in spine lengths: no crouch, whatever the network says
# How far a sign may be trusted at best; by eye from drawn and real pictures (docs/pose-card.md).
TRUST = {
    "tail_carriage": 0.6,
    "tail_up": 0.6,
    "low_posture": 0.5,
    "play_bow": 0.5,
    "hunched_spine": 0.5,
}
NOT_SHOWN = {
    "tail_carriage": "the tail was not seen clearly from the side in enough pictures",
    "tail_up": "the tail was not seen clearly from the side in enough pictures",
    "hunched_spine": "the back was not seen clearly from the side, standing, in enough pictures",
}

Flags = NDArray[np.bool_]


def read_pose(key: str, extracted: Extract) -> Reading | Missing | None:
    """Return a sign's reading, why it is missing, or None where it is simply not there."""
    posture = extracted.posture
    if posture is None:
        return Missing(key, blind(extracted))
    if key == "low_posture":
        return read_low_posture(posture, extracted)
    if key == "play_bow":
        return read_play_bow(posture, extracted)
    shown, values = measure_of(key, posture)
    if shown.sum() < FEWEST:
        return Missing(key, NOT_SHOWN[key])
    value = median(values[shown].tolist())
    if key == "tail_up" and value < RAISED_DEG:
        return None
    return reading(key, value, shown, extracted)


def blind(extracted: Extract) -> str:
    """Say why there is no posture."""
    if extracted.facts.pet.pet_frames_share is None:
        return (
            "posture is read only where the detector has found the pet, and its weights are missing"
        )
    return "the pet was not found, so its posture was not looked at"


def measure_of(key: str, posture: Posture) -> tuple[Flags, NDArray[np.float32]]:
    """Return in which pictures (n,) a sign could be measured, and its values (n,)."""
    if key in ("tail_carriage", "tail_up"):
        return posture.flags("tail_angle"), RIGHT_ANGLE_DEG * posture.column("tail_angle")
    assert key == "hunched_spine"
    folded = posture.column("sitting") + posture.column("lying") > 0.5
    return posture.flags("spine_curvature") & ~folded, posture.column("spine_curvature")


def read_low_posture(posture: Posture, extracted: Extract) -> Reading | None:
    """Read a crouch that lasts; a pet that stands tall in the same picture does not crouch."""
    tall = posture.flags("withers_height") & (posture.column("withers_height") > STANDS_TALL)
    low = (posture.column("crouching") >= LIKELY) & ~tall
    share = float(low.mean())
    if low.sum() < FEWEST or share < LASTS:
        return None
    return reading("low_posture", share, low, extracted)


def read_play_bow(posture: Posture, extracted: Extract) -> Reading | None:
    """Read a bow: named so by the network, and not denied by rump and withers where both show.

    A network that cannot tell from where it looks cannot tell a bow from a head in a bowl.
    """
    denied = posture.flags("bow") & (posture.column("bow") <= 0)
    bowed = (posture.column("bowing") >= LIKELY) & posture.flags("view_cos") & ~denied
    if bowed.sum() < BOWS:
        return None
    return reading("play_bow", 1.0, bowed, extracted)


def reading(key: str, value: float, shown: Flags, extracted: Extract) -> Reading:
    """Return a reading over the pictures that show it, trusted by how many they are."""
    times_s = extracted.picture_times_s[shown]
    span_s = (round(float(times_s[0]), 2), round(float(times_s[-1]), 2))
    enough = min(1.0, float(shown.sum()) / (2 * FEWEST))
    found = extracted.facts.pet.pet_frames_share or 0.0
    return Reading(key, round(value, 3), round(TRUST[key] * enough * found, 3), span_s)
