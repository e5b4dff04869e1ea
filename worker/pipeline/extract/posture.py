"""From points to posture: 32 numbers a picture, each with whether it could be measured there.

Lengths are in spine lengths (withers to tail base), angles in right angles. What needs the animal
from its side is measured only there. docs/signals.md says what each number is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.keypoints import EARS, MASK_PX, NAMES, POSTURES, SURE, Pose

FEATURES = (
    "tail_angle", "tail_root_angle", "tail_curl", "tail_length", "tail_height", "tail_seen",
    "ear_position", "ear_lift", "ear_erect", "ear_back", "ear_hanging",
    "spine_curvature", "spine_pitch",
    "withers_height", "rump_height", "elbow_height", "stifle_height", "bow",
    "head_height", "head_pitch", "neck_angle", "mouth_opening",
    "paw_lift", "front_stance", "hind_stance",
    "view_cos", "view_sin",
    "speed",
    "sitting", "lying", "crouching", "bowing",
)  # fmt: skip
WIDTH = len(FEATURES)  # 32
SIDE_VIEW = 0.6  # least |cosine| of the azimuth, its certainty counted
HALF_SIDE, LEVEL, LONG = 0.25, 1.2, 0.3  # less will do where the spine lies level and long
VIEW_SURE = 0.5  # least certainty of the view where it is reported
SHOWN = 0.02  # least share of the square that the silhouette fills

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Posture:
    """rows (n, 32) float32, 0 where not measured; known (n, 32) bool."""

    rows: Floats
    known: Flags

    def values(self, name: str) -> Floats:
        """Return one feature where it could be measured."""
        column = FEATURES.index(name)
        return np.asarray(self.rows[self.known[:, column], column])

    def column(self, name: str) -> Floats:
        """Return one feature of every picture, 0 where it could not be measured."""
        return np.asarray(self.rows[:, FEATURES.index(name)])

    def flags(self, name: str) -> Flags:
        """Return in which pictures a feature could be measured."""
        return self.known[:, FEATURES.index(name)]


class Body:
    """Points with y upward in one unit, and which of them are sure."""

    def __init__(self, pose: Pose, aspect: float) -> None:
        self.at = pose.points * np.array([aspect, -1.0], np.float32)
        self.sure = pose.confidence >= SURE
        self.from_side = seen_from_side(self, pose)

    def point(self, name: str) -> Floats:
        """Return a point's places, (n, 2)."""
        return self.at[:, NAMES.index(name)]

    def has(self, *names: str) -> Flags:
        """Tell where all of these points are sure."""
        return np.asarray(self.sure[:, [NAMES.index(n) for n in names]].all(axis=1))

    def either(self, name: str) -> tuple[Floats, Flags]:
        """Return the mean of a pair over its sure points, and where there is one."""
        pair = [NAMES.index(f"{name}_{side}") for side in ("a", "b")]
        weight = self.sure[:, pair].astype(np.float32)
        total = weight.sum(axis=1)
        mean = (self.at[:, pair] * weight[..., None]).sum(axis=1) / np.maximum(total, 1)[:, None]
        return mean, total > 0


def seen_from_side(body: Body, pose: Pose) -> Flags:
    """Tell where the animal shows its side: the view says so, or view and spine both lean to it.

    A spine that is long in the square and level in the picture, its withers where the view has
    the head.
    """
    forward = body.point("withers") - body.point("tail_base")
    across, down = np.abs(forward).T
    side = pose.squares[:, 3] - pose.squares[:, 1]
    lies = (across >= LEVEL * down) & (across >= LONG * side)
    leans = pose.view[:, 0] * np.sign(forward[:, 0]) >= HALF_SIDE
    return np.asarray((np.abs(pose.view[:, 0]) >= SIDE_VIEW) | (lies & leans))


def measure_posture(pose: Pose, aspect: float, times_s: NDArray[np.float64]) -> Posture:
    """Measure n pictures of width / height `aspect`."""
    body = Body(pose, aspect)
    found: dict[str, tuple[Floats, Flags]] = {}
    found |= tails(body, pose) | spines(body) | heights(body) | heads(body, pose) | paws(body)
    found |= view_and_posture(pose) | {"speed": speed(body, pose, aspect, times_s)}
    rows = np.stack([found[name][0] for name in FEATURES], axis=1)
    known = np.stack([found[name][1] for name in FEATURES], axis=1) & np.isfinite(rows)
    return Posture(np.where(known, rows, 0).astype(np.float32), known)


def spine_of(body: Body) -> tuple[Floats, Floats, Floats]:
    """Return the spine's length, its unit vector to the rear and the one to the back's side."""
    along = body.point("tail_base") - body.point("withers")
    length = np.maximum(np.hypot(*along.T), 1e-4)
    rear = along / length[:, None]
    dorsal = np.stack([-rear[:, 1], rear[:, 0]], axis=1)
    dorsal *= np.where(dorsal[:, 1:] < 0, -1, 1)  # the back is the upper side in the picture
    return length.astype(np.float32), rear, dorsal


def against(way: Floats, forward: Floats, upward: Floats) -> Floats:
    """Return the angle of vectors against `forward`, positive towards `upward`, in right angles."""
    x, y = (way * forward).sum(axis=1), (way * upward).sum(axis=1)
    return np.asarray(np.arctan2(y, x) / (np.pi / 2), np.float32)


def tails(body: Body, pose: Pose) -> dict[str, tuple[Floats, Flags]]:
    """Measure the tail against the spine."""
    length, rear, dorsal = spine_of(body)
    base, middle, tip = (body.point(f"tail_{part}") for part in ("base", "mid", "tip"))
    whole = against(tip - base, rear, dorsal)
    root, end = against(middle - base, rear, dorsal), against(tip - middle, rear, dorsal)
    side = body.from_side & body.has("withers", "tail_base")
    to_tip, to_middle = side & body.has("tail_tip"), side & body.has("tail_mid")
    seen = pose.present[:, NAMES.index("tail_tip")]
    return {
        "tail_angle": (whole, to_tip),
        "tail_root_angle": (root, to_middle),
        "tail_curl": ((end - root + 2) % 4 - 2, to_tip & to_middle),
        "tail_length": (np.hypot(*(tip - base).T) / length, to_tip),
        "tail_height": ((tip - base)[:, 1] / length, to_tip),
        "tail_seen": (seen, seen > 0),
    }


def spines(body: Body) -> dict[str, tuple[Floats, Flags]]:
    """Measure the back: its curvature (seed: distance of its middle from the chord / chord)."""
    length, rear, dorsal = spine_of(body)
    off = body.point("mid_back") - body.point("withers")
    level = np.abs(rear[:, 0])
    pitch = np.arctan2(-rear[:, 1], level) / (np.pi / 2)
    ends = body.from_side & body.has("withers", "tail_base")
    return {
        "spine_curvature": ((off * dorsal).sum(axis=1) / length, ends & body.has("mid_back")),
        "spine_pitch": (pitch, ends),
    }


def heights(body: Body) -> dict[str, tuple[Floats, Flags]]:
    """Measure heights over the paws below."""
    length, _, _ = spine_of(body)
    side = body.from_side & body.has("withers", "tail_base")
    front, has_front = body.either("front_paw")
    hind, has_hind = body.either("rear_paw")
    elbow, has_elbow = body.either("elbow")
    stifle, has_stifle = body.either("stifle")
    withers, rump = body.point("withers"), body.point("tail_base")

    def over(top: Floats, foot: Floats) -> Floats:
        return np.asarray((top - foot)[:, 1] / length, np.float32)

    return {
        "withers_height": (over(withers, front), side & has_front),
        "rump_height": (over(rump, hind), side & has_hind),
        "elbow_height": (over(elbow, front), side & has_front & has_elbow),
        "stifle_height": (over(stifle, hind), side & has_hind & has_stifle),
        "bow": (over(rump, hind) - over(withers, front), side & has_front & has_hind),
    }


def heads(body: Body, pose: Pose) -> dict[str, tuple[Floats, Flags]]:
    """Measure head and ears; the head's axis runs from between the ears to the nose."""
    length, rear, dorsal = spine_of(body)
    ears, has_ears = body.either("ear_base")
    tips, has_tips = body.either("ear_tip")
    nose, withers = body.point("nose"), body.point("withers")
    axis = nose - ears
    size = np.maximum(np.hypot(*axis.T), 1e-4)
    ear = tips - ears
    turned = (axis * ear).sum(axis=1) / (size * np.maximum(np.hypot(*ear.T), 1e-4))
    has_head = has_ears & body.has("nose")
    side = body.from_side & body.has("withers", "tail_base")
    shows_ears = has_ears & has_tips
    chances = {f"ear_{name}": pose.ears[:, i] for i, name in enumerate(EARS)}
    gape = np.hypot(*(nose - body.point("chin")).T) / size
    return {
        "ear_position": (
            np.arccos(np.clip(-turned, -1, 1)) / (np.pi / 2),
            has_head & has_tips & body.from_side,
        ),
        "ear_lift": (ear[:, 1] / size, has_head & has_tips),
        **{n: (chances[n], shows_ears) for n in ("ear_erect", "ear_back", "ear_hanging")},
        "head_height": ((nose - withers)[:, 1] / length, side & body.has("nose")),
        "head_pitch": (
            np.arctan2(axis[:, 1], np.abs(axis[:, 0])) / (np.pi / 2),
            has_head & body.from_side,
        ),
        "neck_angle": (against(ears - withers, -rear, dorsal), side & has_ears),
        "mouth_opening": (gape, has_head & body.has("chin")),
    }


def paws(body: Body) -> dict[str, tuple[Floats, Flags]]:
    """Measure how far the paws of a pair are apart, upward and along the body."""
    length, _, _ = spine_of(body)
    side = body.from_side & body.has("withers", "tail_base")
    front = body.point("front_paw_a") - body.point("front_paw_b")
    hind = body.point("rear_paw_a") - body.point("rear_paw_b")
    has_front = side & body.has("front_paw_a", "front_paw_b")
    has_hind = side & body.has("rear_paw_a", "rear_paw_b")
    return {
        "paw_lift": (np.abs(front[:, 1]) / length, has_front),
        "front_stance": (np.abs(front[:, 0]) / length, has_front),
        "hind_stance": (np.abs(hind[:, 0]) / length, has_hind),
    }


def view_and_posture(pose: Pose) -> dict[str, tuple[Floats, Flags]]:
    """Take over what the network says of the view and the posture."""
    looked = pose.posture.sum(axis=1) > 0
    certain = np.hypot(*pose.view.T) >= VIEW_SURE
    chance = {name: pose.posture[:, i] for i, name in enumerate(POSTURES)}
    return {
        "view_cos": (pose.view[:, 0], certain),
        "view_sin": (pose.view[:, 1], certain),
        "sitting": (chance["sitting"], looked),
        "lying": (chance["lying_chest"] + chance["lying_side"], looked),
        "crouching": (chance["crouching"], looked),
        "bowing": (chance["bowing"], looked),
    }


def speed(
    body: Body, pose: Pose, aspect: float, times_s: NDArray[np.float64]
) -> tuple[Floats, Flags]:
    """Measure the silhouette's centre of mass against the previous picture, spine lengths a second.

    The camera's own movement is in it; `movement.py` takes that out at the full frame rate.
    """
    weight = pose.masks.astype(np.float32) / 255
    total = weight.sum(axis=(1, 2))
    cells = (np.arange(MASK_PX) + 0.5) / MASK_PX
    shares = np.stack([weight.sum(axis=1) @ cells, weight.sum(axis=2) @ cells], axis=1)
    shares /= np.maximum(total, 1e-6)[:, None]
    corner, far = pose.squares[:, :2], pose.squares[:, 2:]
    centre = (corner + shares * (far - corner)) * np.array([aspect, 1.0])
    length, _, _ = spine_of(body)
    measured = body.has("withers", "tail_base") & body.from_side & (total > SHOWN * MASK_PX**2)
    moved = np.hypot(*np.diff(centre, axis=0, prepend=centre[:1]).T)
    lasted = np.diff(times_s, prepend=times_s[:1] - 1.0)
    known = measured & np.concatenate([[False], measured[:-1]])
    return (moved / np.maximum(lasted, 1e-3) / length).astype(np.float32), known
