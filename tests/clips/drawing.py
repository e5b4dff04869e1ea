"""Draws one skeleton as a shaded, furry figure on transparent ground, and says where it lies.

Twice oversampled tapered capsules in depth order; the coat is laid over; eye, nose, mouth last.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from . import coat
from .skeleton import SIDES, Build, Pose, Skeleton
from .spec import Animal, Ears, Species
from .truth import KEYPOINTS

Floats = NDArray[np.float64]
OVERSAMPLING = 2
SHIFT_BITS = 4
OUTLINE = 0.012  # spine lengths
UNIT_SHADE = 170  # grey that leaves the coat's colour as it is
DEPTH = np.array([0.045, 0.03])  # spine lengths right and up to what is half a body behind
FAR_EAR, NEAR_EAR = 1.7, 0.8  # the head is turned a little: ears stand apart
ARC = np.linspace(0, 1, 9)


@dataclass(frozen=True, slots=True)
class Chain:
    """A limb: circles joined by tapered pieces, in the animal's plane."""

    points: Floats  # (k, 2)
    radii: Floats  # (k,)
    shade: float
    depth: float = 0.0  # +1 far side, -1 near side
    is_outlined: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A drawn animal: pixels of a patch, its place in the picture, its key points."""

    bgr: NDArray[np.uint8]  # (h, w, 3), premultiplied
    alpha: NDArray[np.uint8]  # (h, w)
    corner_px: tuple[int, int]  # of the patch: x, y in the picture
    keypoints_px: Floats  # (len(KEYPOINTS), 2)
    hidden_eye: str


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where an animal's plane lies in the picture."""

    origin_px: Floats  # scene position of the plane's origin
    scale_px: float  # of a spine length, in the scene
    camera: Floats  # (2, 3) scene -> picture

    def to_picture(self, points: Floats, pose: Pose, depth: Floats | float = 0.0) -> Floats:
        """Map points of the plane, (k, 2), into the picture."""
        depth = np.broadcast_to(np.asarray(depth, dtype=float), (len(points),))[:, None]
        x = pose.facing * points[:, :1] + pose.shift[0] + depth * DEPTH[0]
        y = points[:, 1:] + pose.shift[1] + depth * DEPTH[1]
        scene = self.origin_px + self.scale_px * np.hstack([x, -y])
        return scene @ self.camera[:, :2].T + self.camera[:, 2]

    @property
    def zoom(self) -> float:
        """Picture pixels for a pixel of the scene."""
        return float(np.sqrt(abs(np.linalg.det(self.camera[:, :2]))))


def finer(points: list[Floats], radii: list[float], pieces: int = 3) -> tuple[Floats, Floats]:
    """Cut each piece of a limb, so that its shading can change along it."""
    stops = np.arange(len(points))
    steps = np.linspace(0, len(points) - 1, (len(points) - 1) * pieces + 1)
    array = np.asarray(points, dtype=float)
    columns = [np.interp(steps, stops, array[:, axis]) for axis in (0, 1)]
    return np.stack(columns, axis=1), np.interp(steps, stops, radii)


def leg_chains(build: Build, bones: Skeleton, side: str, depth: float) -> list[Chain]:
    joints, b = bones.legs, build.limb
    shade = UNIT_SHADE - 38 * depth if depth > 0 else UNIT_SHADE
    rump, chest = build.torso[-1], build.torso[0]
    hind = [joints["hip"], *(joints[f"{side}_{part}"] for part in ("stifle", "hock", "rear_paw"))]
    fore = [
        joints["shoulder"],
        *(joints[f"{side}_{part}"] for part in ("elbow", "carpus", "front_paw")),
    ]
    chains = []
    for limb, radii in (
        (hind, [rump * 0.95, 0.095 * b, 0.05 * b, 0.042 * b]),
        (fore, [chest * 0.72, 0.085 * b, 0.05 * b, 0.044 * b]),
    ):
        toes = np.stack([limb[-1], limb[-1] + np.array([0.075, -0.012])])
        chains.append(Chain(toes, np.array([0.05, 0.036]) * b, shade, depth))
        chains.append(Chain(*finer(limb, radii), shade, depth))
    return chains


def ear_chain(build: Build, bones: Skeleton, animal: Animal, depth: float) -> Chain:
    base, tip = bones.head["ear_base"], bones.head["ear_tip"]
    is_drop = animal.ears == Ears.DROP
    radii = [0.06, 0.075, 0.05] if is_drop else [0.085, 0.05, 0.012]
    shade = UNIT_SHADE * (0.72 if is_drop else 0.9) - 25 * max(depth, 0)
    return Chain(np.stack([base, (base + tip) / 2, tip]), np.array(radii), shade, depth)


def head_chains(build: Build, bones: Skeleton, animal: Animal) -> list[Chain]:
    joints, r = bones.head, build.skull
    is_cat = animal.species == Species.CAT
    thick = 0.62 * r if is_cat else 0.56 * r
    neck = [joints["nape"], joints["skull"]]
    return [
        Chain(*finer(neck, [build.torso[0] * 0.86, r * 0.85]), UNIT_SHADE, is_outlined=False),
        Chain(
            np.stack([joints["jaw"], joints["chin"]]), np.array([0.4, 0.22]) * r, UNIT_SHADE * 0.85
        ),
        Chain(np.stack([joints["skull"]] * 2), np.array([r, r]), UNIT_SHADE, is_outlined=False),
        Chain(
            np.stack([joints["muzzle"], joints["nose"]]),
            np.array([thick, 0.4 * r]),
            UNIT_SHADE * 1.04,
        ),
    ]


def torso_chain(build: Build, bones: Skeleton, pose: Pose) -> Chain:
    """Return the trunk: circles hung below the back line, so that the back is its outline."""
    radii = np.array(build.torso) * pose.belly
    along = np.gradient(bones.back, axis=0)
    down = -np.stack([along[:, 1], -along[:, 0]], axis=1)
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    return Chain(bones.back + down * radii[:, None], radii, UNIT_SHADE, is_outlined=False)


def chains(animal: Animal, build: Build, bones: Skeleton, pose: Pose) -> list[Chain]:
    """Return all limbs, the farthest first."""
    is_left_far = pose.facing > 0
    far, near = SIDES if is_left_far else SIDES[::-1]
    yaw = abs(pose.facing)
    tail_radii = np.linspace(*build.tail_radii, len(bones.tail))
    return [
        ear_chain(build, bones, animal, FAR_EAR * yaw),
        *leg_chains(build, bones, far, yaw),
        Chain(bones.tail, tail_radii, UNIT_SHADE * 0.93),
        torso_chain(build, bones, pose),
        *leg_chains(build, bones, near, -yaw),
        *head_chains(build, bones, animal),
        ear_chain(build, bones, animal, -NEAR_EAR * yaw),
    ]


def hulls(p: Floats, q: Floats, rp: Floats, rq: Floats) -> Floats:
    """Return the outlines of tapered capsules, (k, 18, 2)."""
    reach = q - p
    length = np.maximum(np.linalg.norm(reach, axis=1), 1e-6)
    heading = np.arctan2(reach[:, 1], reach[:, 0])
    tilt = np.arccos(np.clip((rp - rq) / length, -1, 1))
    back = (heading + tilt)[:, None] + (2 * np.pi - 2 * tilt)[:, None] * ARC
    front = (heading - tilt)[:, None] + (2 * tilt)[:, None] * ARC
    angles = np.hstack([back, front])
    centres = np.repeat(np.stack([p, q], axis=1), len(ARC), axis=1)
    radii = np.repeat(np.stack([rp, rq], axis=1), len(ARC), axis=1)
    return centres + radii[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Capsules in picture pixels, in drawing order."""

    hulls: Floats  # (k, 18, 2)
    shades: Floats  # (k,)


def pieces(limbs: list[Chain], place: Place, pose: Pose, jitter: Floats) -> Pieces:
    """Turn limbs into capsules; outlined limbs come twice, wider and darker below."""
    unit = place.scale_px * place.zoom
    depths = np.concatenate([np.full(len(limb.radii), limb.depth) for limb in limbs])
    at = place.to_picture(np.concatenate([limb.points for limb in limbs]), pose, depths)
    radii = np.concatenate([limb.radii for limb in limbs]) * unit
    starts, wider, shades, first = [], [], [], 0
    for limb in limbs:
        own = np.arange(first, first + len(limb.radii) - 1)
        first += len(limb.radii)
        if limb.is_outlined:
            starts.append(own)
            wider.append(np.full(len(own), OUTLINE * unit))
            shades.append(np.full(len(own), limb.shade * 0.62))
        starts.append(own)
        wider.append(np.zeros(len(own)))
        shades.append(limb.shade * (1 + jitter[own]))
    i, more = np.concatenate(starts), np.concatenate(wider)
    outlines = hulls(at[i], at[i + 1], radii[i] + more, radii[i + 1] + more)
    return Pieces(outlines, np.concatenate(shades))


def fill(parts: Pieces, corner: Floats, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw capsules oversampled on nothing, (h, w, 4): premultiplied grey three times, alpha."""
    canvas = np.zeros((shape[0] * OVERSAMPLING, shape[1] * OVERSAMPLING, 4), np.uint8)
    fixed = np.round((parts.hulls - corner) * OVERSAMPLING * 2**SHIFT_BITS).astype(np.int32)
    for outline, shade in zip(fixed, np.clip(parts.shades, 1, 255), strict=True):
        grey = float(shade)
        cv2.fillConvexPoly(canvas, outline, (grey, grey, grey, 255), cv2.LINE_AA, SHIFT_BITS)
    return cv2.resize(canvas, shape[::-1], interpolation=cv2.INTER_AREA)


def lit(alpha: NDArray[np.uint8], unit: float) -> NDArray[np.uint8]:
    """Return light from above as a factor (128 is 1): bright near upper edges, dark below."""
    reach = max(int(0.3 * unit), 3)
    below = cv2.blur(alpha, (reach // 2 + 1, reach), anchor=(-1, 0), borderType=cv2.BORDER_CONSTANT)
    above = cv2.blur(
        alpha, (reach // 2 + 1, reach), anchor=(-1, reach - 1), borderType=cv2.BORDER_CONSTANT
    )
    return cv2.addWeighted(below, 0.16, above, -0.2, 132)


def fur(
    skin: NDArray[np.uint8], pose: Pose, place: Place, corner: Floats, shape
) -> NDArray[np.uint8]:
    """Bring the painted coat from the animal's plane into the patch."""
    anchors = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    here = (place.to_picture(anchors, pose) - corner).astype(np.float32)
    there = (anchors - (coat.LEFT, coat.TOP)) * (coat.PX_PER_UNIT, -coat.PX_PER_UNIT)
    matrix = cv2.getAffineTransform(there.astype(np.float32), here)
    return cv2.warpAffine(
        skin, matrix, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def add_face(bgr, animal: Animal, build: Build, bones: Skeleton, place: Place, pose: Pose, corner):
    """Draw eye, nose and mouth upon the finished head."""
    unit = place.scale_px * place.zoom
    names = ("eye", "nose", "chin", "jaw")
    points = np.stack([bones.head[name] for name in names])
    eye, nose, chin, jaw = place.to_picture(points, pose, -0.3) - corner
    one = 2**SHIFT_BITS

    def disc(at: Floats, radius: float, colour: tuple[int, int, int]) -> None:
        centre = tuple(round(v * one) for v in at)
        cv2.circle(bgr, centre, max(int(radius * one), 1), colour, -1, cv2.LINE_AA, SHIFT_BITS)

    r = build.skull * unit
    iris = (70, 190, 190) if animal.species == Species.CAT else (30, 55, 90)
    disc(eye, 0.2 * r, (25, 25, 28))
    disc(eye, 0.14 * r, iris)
    disc(eye, 0.085 * r, (8, 8, 8))
    disc(eye + np.array([0.05, -0.05]) * r, 0.04 * r, (240, 240, 240))
    is_cat = animal.species == Species.CAT
    disc(nose, (0.16 if is_cat else 0.26) * r, (90, 90, 150) if is_cat else (22, 22, 24))
    lips = np.round(np.stack([nose * 0.35 + chin * 0.65, (jaw * 1.2 + chin * 0.8) / 2]) * one)
    ends = [tuple(int(v) for v in point) for point in lips]
    cv2.line(bgr, *ends, (25, 25, 30), max(int(0.08 * r), 1), cv2.LINE_AA, SHIFT_BITS)
    if pose.jaw_deg > 4:
        disc((chin + jaw) / 2 + (0, 0.05 * r), 0.16 * r, (120, 110, 220))


def keypoints(bones: Skeleton, place: Place, pose: Pose) -> Floats:
    """Return every named point in the picture, in the order of KEYPOINTS."""
    middle = len(bones.back) // 2
    single = {
        "nose": bones.head["nose"],
        "chin": bones.head["chin"],
        "withers": bones.back[0],
        "mid_back": bones.back[middle],
        "tail_base": bones.tail[0],
        "tail_mid": bones.tail[len(bones.tail) // 2],
        "tail_tip": bones.tail[-1],
    }
    points, depths = [], []
    for name in KEYPOINTS:
        side, _, part = name.partition("_")
        is_pair = side in SIDES
        is_head = is_pair and part in bones.head
        points.append(
            bones.head[part] if is_head else (bones.legs[name] if is_pair else single[name])
        )
        far = pose.facing if side == "left" else -pose.facing
        spread = (FAR_EAR if far > 0 else NEAR_EAR) if part.startswith("ear") else 1.0
        depths.append(far * spread if is_pair else 0.0)
    return place.to_picture(np.stack(points), pose, np.array(depths))


def draw(
    animal: Animal,
    build: Build,
    bones: Skeleton,
    pose: Pose,
    *,
    place: Place,
    skin: NDArray[np.uint8],
    jitter: Floats,
) -> Figure:
    """Draw one animal in one pose where it stands."""
    unit = place.scale_px * place.zoom
    parts = pieces(chains(animal, build, bones, pose), place, pose, jitter)
    low = np.floor(parts.hulls.min(axis=(0, 1)) - 4)
    high = np.ceil(parts.hulls.max(axis=(0, 1)) + 4)
    shape = (int(high[1] - low[1]), int(high[0] - low[0]))
    body = fill(parts, low, shape)
    alpha = body[..., 3]
    light = cv2.multiply(body[..., 0], lit(alpha, unit), scale=1 / 128)
    light = cv2.GaussianBlur(light, (0, 0), max(0.01 * unit, 0.5))
    colours = fur(skin, pose, place, low, shape)
    bgr = cv2.multiply(colours, cv2.merge([light] * 3), scale=1 / UNIT_SHADE)
    add_face(bgr, animal, build, bones, place, pose, low)
    bgr = cv2.multiply(bgr, cv2.merge([alpha] * 3), scale=1 / 255)
    return Figure(
        bgr=bgr,
        alpha=alpha,
        corner_px=(int(low[0]), int(low[1])),
        keypoints_px=keypoints(bones, place, pose),
        hidden_eye="left_eye" if pose.facing > 0 else "right_eye",
    )
