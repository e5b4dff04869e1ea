"""Puts background, animals, objects, light and sensor together, frame by frame, with the truth."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from . import background, camera, coat, drawing, motion
from .drawing import Figure, Place
from .skeleton import Build, Pose, Skeleton, build_of, skeleton
from .spec import Animal, ClipSpec, Coat, Motion
from .truth import KEYPOINTS

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]
SPEED_STEP_S = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """An animal with everything that stays the same over a clip."""

    animal: Animal
    build: Build
    skin: Image
    jitter: Floats  # of the shades along the limbs: texture that moves with them
    origin_px: Floats
    scale_px: float

    def pose(self, t_s: float, duration_s: float) -> Pose:
        return motion.pose_at(self.animal, self.build, t_s, duration_s)

    def draw(self, pose: Pose, view: Floats) -> tuple[Figure, Skeleton, Place]:
        place = Place(self.origin_px, self.scale_px, view)
        bones = skeleton(self.animal, self.build, pose)
        figure = drawing.draw(
            self.animal, self.build, bones, pose, place=place, skin=self.skin, jitter=self.jitter
        )
        return figure, bones, place


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One frame of a clip before encoding, with what is true of it."""

    time_s: float
    bgr: Image  # (h, w, 3), upright
    view: Floats  # (2, 3) scene -> picture
    mask: NDArray[np.bool_] | None = None  # (h, w) of the pet where nothing hides it
    pose: Pose | None = None
    bones: Skeleton | None = None
    keypoints_px: Floats | None = None
    keypoints_visible: NDArray[np.bool_] | None = None
    centre_px: Floats | None = None
    trunk_px: Floats | None = None
    box_px: Floats | None = None
    visible_share: float = 0.0
    speed_px_s: float = 0.0
    body_length_px: float = 0.0

    def without_pixels(self) -> "Drawn":
        """Return the truth alone, which is small enough to keep for every frame."""
        return replace(self, bgr=np.empty((0, 0, 3), np.uint8), mask=None)


def cast(spec: ClipSpec, animal: Animal, seed: int) -> Actor:
    """Make an animal ready to be drawn."""
    rng = np.random.default_rng([seed, 41])
    return Actor(
        animal=animal,
        build=build_of(animal),
        skin=coat.paint(animal, seed),
        jitter=0.07 * rng.standard_normal(200),
        origin_px=np.array(animal.position) * (spec.width, spec.height),
        scale_px=animal.size * min(spec.width, spec.height),
    )


def companions(spec: ClipSpec) -> list[Actor]:
    """Make the other animals of a scene: behind, to the sides, in other coats."""
    if spec.animal is None:
        return []
    coats = [coat_ for coat_ in Coat if coat_ != spec.animal.coat]
    places = (0.2, 0.83, 0.5)
    others = [
        replace(
            spec.animal,
            coat=coats[(spec.seed + i) % len(coats)],
            position=(places[i % 3], spec.animal.position[1] - 0.06),
            is_facing_right=bool(i % 2),
            motion=Motion.STAND,
        )
        for i in range(spec.picture.companions)
    ]
    return [cast(spec, other, spec.seed + 101 + i) for i, other in enumerate(others)]


def paste(picture: Image, figure: Figure) -> NDArray[np.uint8]:
    """Lay a figure over the picture; return its alpha in the picture's frame."""
    alpha = np.zeros(picture.shape[:2], np.uint8)
    x, y = figure.corner_px
    h, w = figure.alpha.shape
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + w, picture.shape[1]), min(y + h, picture.shape[0])
    if x1 <= x0 or y1 <= y0:
        return alpha
    cut = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    here = (slice(y0, y1), slice(x0, x1))
    rest = cv2.merge([cv2.bitwise_not(figure.alpha[cut])] * 3)
    picture[here] = cv2.add(cv2.multiply(picture[here], rest, scale=1 / 255), figure.bgr[cut])
    alpha[here] = figure.alpha[cut]
    return alpha


def shadow(picture: Image, actor: Actor, pose: Pose, view: Floats) -> None:
    """Darken the floor under an animal."""
    ground = replace(pose, shift=(pose.shift[0], 0.0))
    place = Place(actor.origin_px, actor.scale_px, view)
    middle = place.to_picture(np.array([[0.05, 0.0]]), ground)[0]
    unit = actor.scale_px * place.zoom
    half = np.array([0.95 * abs(pose.facing) + 0.1, 0.13]) * unit
    low = np.maximum(np.floor(middle - half).astype(int), 0)
    high = np.minimum(np.ceil(middle + half).astype(int), picture.shape[1::-1])
    if (high <= low).any():
        return
    x = (np.arange(low[0], high[0]) - middle[0]) / half[0]
    y = (np.arange(low[1], high[1]) - middle[1]) / half[1]
    dark = 1 - 0.5 * np.clip(1 - x[None] ** 2 - y[:, None] ** 2, 0, 1)
    part = picture[low[1] : high[1], low[0] : high[0]]
    gain = cv2.merge([np.round(dark * 255).astype(np.uint8)] * 3)
    cv2.multiply(part, gain, dst=part, scale=1 / 255)


def ball(picture: Image, spec: ClipSpec, t_s: float, view: Floats) -> None:
    """Roll a striped ball to and fro over the floor."""
    radius = 0.07 * min(spec.width, spec.height)
    swing = np.sin(2 * np.pi * 0.3 * t_s)
    at = np.array([spec.width * (0.5 + 0.35 * swing), spec.height * 0.9 - radius])
    at = at @ view[:, :2].T + view[:, 2]
    centre = tuple(int(v * 16) for v in at)
    cv2.circle(picture, centre, int(radius * 16), (40, 60, 190), -1, cv2.LINE_AA, 4)
    axes = (int(radius * 16), int(radius * 6))
    spin = float(np.degrees(0.35 * spec.width * swing / radius))
    cv2.ellipse(picture, (centre, axes)[0], axes, spin, 0, 360, (220, 220, 220), -1, cv2.LINE_AA, 4)


class Stage:
    """A clip's fixed parts, painted once; `frame` draws one moment of it."""

    def __init__(self, spec: ClipSpec) -> None:
        self.spec = spec
        self.times_s = camera.time_stamps(spec)
        self.views = camera.cameras(spec, self.times_s)
        self.actor = cast(spec, spec.animal, spec.seed) if spec.animal else None
        self.others = companions(spec)
        size = (spec.width, spec.height)
        scenery = spec.picture.scenery
        self.place = background.paint(scenery, size, spec.seed)
        has_cut = spec.picture.cut_at_s is not None
        self.place_after = background.paint(scenery, size, spec.seed + 1) if has_cut else self.place
        self.noise = self._noise()
        self.occluder = self._occluder()
        self.behind: tuple[tuple | None, Image | None] = (None, None)  # what was seen last
        self.first: Drawn | None = None  # what a frozen picture repeats

    def _noise(self) -> NDArray[np.int16]:
        rng = np.random.default_rng([self.spec.seed, 43])
        shape = (self.spec.height + 64, self.spec.width + 64, 3)
        grain = rng.standard_normal(shape, dtype=np.float32) * self.spec.picture.noise
        return np.round(grain).astype(np.int16)

    def _occluder(self) -> tuple[Image, Floats] | None:
        """Return an upright object and where its top left corner stands in the scene."""
        if self.actor is None or not self.spec.picture.occlusion:
            return None
        rng = np.random.default_rng([self.spec.seed, 47])
        length = self.actor.build.body_length * self.actor.scale_px
        width = max(int(length * self.spec.picture.occlusion), 4)
        height = int(self.spec.height * rng.uniform(0.5, 0.75))
        left = self.actor.origin_px[0] + length * rng.uniform(-0.45, 0.25)
        top = self.spec.height * 1.02 - height
        return background.object_texture((width, height), self.spec.seed), np.array([left, top])

    def _behind(self, index: int) -> Image:
        """Return the empty place as the camera sees it; a still camera sees the same again."""
        cut_at_s, view = self.spec.picture.cut_at_s, self.views[index].copy()
        place = self.place
        if cut_at_s is not None and self.times_s[index] >= cut_at_s:
            place = self.place_after
        key = (id(place), view.tobytes())
        if key != self.behind[0]:
            margin = background.MARGIN * np.array([self.spec.width, self.spec.height])
            view[:, 2] -= view[:, :2] @ margin.astype(int)
            size = (self.spec.width, self.spec.height)
            warped = cv2.warpAffine(place, view, size, borderMode=cv2.BORDER_REFLECT_101)
            self.behind = (key, warped)
        return self.behind[1].copy()

    def _cover(self, picture: Image, view: Floats) -> NDArray[np.bool_] | None:
        """Put the object in front; return where it is."""
        if self.occluder is None:
            return None
        texture, corner = self.occluder
        put = view.copy()
        put[:, 2] += view[:, :2] @ corner
        size = (self.spec.width, self.spec.height)
        cv2.warpAffine(
            texture,
            put,
            size,
            dst=picture,
            borderMode=cv2.BORDER_TRANSPARENT,
            flags=cv2.INTER_LINEAR,
        )
        solid = np.full(texture.shape[:2], 255, np.uint8)
        return cv2.warpAffine(solid, put, size) > 127

    def _sensed(self, picture: Image, index: int) -> Image:
        """Apply lens, light and sensor noise."""
        want = self.spec.picture
        if want.blur_px:
            picture = cv2.GaussianBlur(picture, (0, 0), want.blur_px)
        if want.exposure != 1.0:
            picture = cv2.convertScaleAbs(picture, alpha=want.exposure)
        if not want.noise:
            return picture
        x, y = (
            int(v) for v in np.random.default_rng([self.spec.seed, 53, index]).integers(0, 64, 2)
        )
        grain = self.noise[y : y + self.spec.height, x : x + self.spec.width]
        return cv2.add(picture, grain, dtype=cv2.CV_8U)

    def frame(self, index: int) -> Drawn:
        """Draw the frame with that number."""
        if not self.spec.picture.is_frozen:
            return self._draw(index)
        self.first = self.first or self._draw(0)
        return replace(self.first, time_s=float(self.times_s[index]))

    def _draw(self, index: int) -> Drawn:
        t_s, view = float(self.times_s[index]), self.views[index]
        picture = self._behind(index)
        for other in self.others:
            pose = other.pose(t_s, self.spec.duration_s)
            shadow(picture, other, pose, view)
            paste(picture, other.draw(pose, view)[0])
        drawn = self._with_pet(picture, t_s, view) if self.actor else Drawn(t_s, picture, view)
        if self.spec.picture.has_ball:
            ball(picture, self.spec, t_s, view)
        return replace(drawn, bgr=self._sensed(picture, index))

    def _with_pet(self, picture: Image, t_s: float, view: Floats) -> Drawn:
        actor = self.actor
        pose = actor.pose(t_s, self.spec.duration_s)
        shadow(picture, actor, pose, view)
        figure, bones, place = actor.draw(pose, view)
        alpha = paste(picture, figure)
        cover = self._cover(picture, view)
        mask = alpha > 127
        if cover is not None:
            mask &= ~cover
        moments = cv2.moments(figure.alpha)
        centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"] + figure.corner_px
        left, top, width, height = cv2.boundingRect((figure.alpha > 127).view(np.uint8))
        low = np.array([left, top]) + figure.corner_px
        box = np.concatenate([low, low + np.array([width, height])])
        unit = actor.scale_px * place.zoom
        return Drawn(
            time_s=t_s,
            bgr=picture,
            view=view,
            mask=mask,
            pose=pose,
            bones=bones,
            keypoints_px=figure.keypoints_px,
            keypoints_visible=self._visible(figure, cover),
            centre_px=centre,
            trunk_px=place.to_picture(np.array([[0.0, 0.8 * actor.build.height]]), pose)[0],
            box_px=np.clip(box, 0, [self.spec.width, self.spec.height] * 2).astype(float),
            visible_share=float(mask.sum() / max((figure.alpha > 127).sum(), 1)),
            speed_px_s=self._speed(t_s) * unit,
            body_length_px=actor.build.body_length * unit,
        )

    def _visible(self, figure: Figure, cover: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        at = np.round(figure.keypoints_px).astype(int)
        inside = ((at >= 0) & (at < (self.spec.width, self.spec.height))).all(axis=1)
        seen = inside.copy()
        if cover is not None:
            seen[inside] &= ~cover[at[inside, 1], at[inside, 0]]
        seen[KEYPOINTS.index(figure.hidden_eye)] = False
        return seen

    def _speed(self, t_s: float) -> float:
        """Return the trunk's speed in spine lengths a second."""
        ends = [
            np.array(self.actor.pose(max(t_s + dt, 0.0), self.spec.duration_s).shift)
            for dt in (-SPEED_STEP_S, SPEED_STEP_S)
        ]
        span_s = t_s + SPEED_STEP_S - max(t_s - SPEED_STEP_S, 0.0)
        return float(np.linalg.norm(ends[1] - ends[0]) / span_s)

    def frames(self) -> Iterator[Drawn]:
        """Draw all frames in order."""
        for index in range(len(self.times_s)):
            yield self.frame(index)
