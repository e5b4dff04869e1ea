"""One drawn picture with everything that is true of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worker.pipeline.extract.keypoints import MASK_PX, NAMES, PAIRS, POINTS
from worker.training.pose.anatomy import draw_anatomy
from worker.training.pose.backdrop import Backdrops
from worker.training.pose.camera import PX, Camera, aim, draw_camera, project
from worker.training.pose.coat import Coat, draw_clothes, draw_coat, draw_light, paint
from worker.training.pose.noise import fur_noises
from worker.training.pose.raster import Canvas
from worker.training.pose.skeleton import (
    EAR,
    EYE,
    JAW,
    MUZZLE,
    NECK,
    NOSE,
    SKULL,
    Figure,
    build_figure,
)
from worker.training.pose.spoil import spoil
from worker.training.pose.stance import draw_stance
from worker.training.pose.strangers import draw_hand, draw_person

OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2
GROUPS = (("elbow", "carpus", "front_paw"), ("stifle", "hock", "rear_paw"),
          ("ear_base", "ear_tip"), ("eye",))  # fmt: skip
CLOSE_UP_SHARE = 0.3
SECOND_SHARE, PERSON_SHARE, HAND_SHARE, THING_SHARE = 0.2, 0.2, 0.07, 0.2


@dataclass(frozen=True, slots=True)
class Sample:
    """picture (128, 128, 3) uint8 RGB; points (25, 2) in 0..1 of it; seen (25,) uint8: outside,
    hidden, visible; mask (64, 64) uint8 0..255 of what shows of the animal; view: cos, sin."""

    picture: NDArray[np.uint8]
    points: NDArray[np.float32]
    seen: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    posture: int
    ears: int
    view: NDArray[np.float32]


class Figures:
    """Everything with a body in one picture, numbered through one canvas."""

    def __init__(self, rng: Generator, picture: NDArray[np.float32], camera: Camera) -> None:
        self.canvas, self.picture, self.camera = Canvas(), picture, camera
        self.rng, self.light, self.count = rng, draw_light(rng), 0
        self.todo: list[tuple[NDArray[np.float64], NDArray[np.uint8], int, Coat]] = []

    def add(
        self, capsules: NDArray[np.float64], parts: NDArray[np.uint8], coat: Coat, fluff: float
    ) -> None:
        """Put a body into the canvas."""
        noises = fur_noises()
        spread = np.full(len(parts), fluff)
        spread[(parts == EYE) | (parts == NOSE)] = 0.0
        self.canvas.draw(
            self.camera, capsules, self.count, spread, noises[int(self.rng.integers(3, 8))]
        )
        self.todo.append((capsules, parts, self.count, coat))
        self.count += len(parts)

    def colour(self) -> None:
        """Paint what is in front."""
        noises, c = fur_noises(), self.canvas
        for capsules, parts, first, coat in self.todo:
            coarse = noises[int(self.rng.integers(0, 4))]
            fine = noises[int(self.rng.integers(2, 8))]
            paint(self.picture, c.index, c.along, c.normal, capsules, parts, first,
                  coat.colours, coat.marks, self.light, coarse, fine)  # fmt: skip


def draw_sample(rng: Generator, backdrops: Backdrops) -> Sample:
    """Draw one picture."""
    anatomy = draw_anatomy(rng)
    stance = draw_stance(rng, anatomy)
    camera = draw_camera(rng)
    figure = build_figure(anatomy, stance, camera.to_camera)
    camera = aim(rng, camera, framed(rng, figure))
    horizon = camera.shift[1] - 0.7 * camera.zoom * camera.elevation + rng.normal(0, 12)
    behind = backdrops.scene(rng, float(horizon), camera.roll)
    coat = draw_coat(rng, anatomy.is_cat)
    if rng.random() < 0.6:
        shade_floor(rng, behind, camera, figure)
    bodies = Figures(rng, behind.copy(), camera)
    bodies.add(figure.capsules, figure.parts, coat, anatomy.fluff)
    own = len(figure.parts)
    add_strangers(rng, bodies, camera)
    bodies.colour()
    canvas = bodies.canvas
    alpha = (canvas.index >= 0).astype(np.float32)
    soft = cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(0.4, 0.9)))[..., None]
    picture = np.asarray(behind + (bodies.picture - behind) * soft, np.float32)
    shows = (canvas.index >= 0) & (canvas.index < own)
    covered = cover(rng, backdrops, picture, camera)
    shows &= ~covered
    left_out = frame(rng, picture)
    shows &= ~left_out
    points, seen = label(camera, figure, canvas, covered, left_out)
    mask = cv2.resize(shows.astype(np.float32), (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
    made = spoil(rng, picture)
    made[left_out] = frame_tone(rng)
    return Sample(
        picture=made,
        points=(points / PX).astype(np.float32),
        seen=seen,
        mask=(mask * 255).astype(np.uint8),
        posture=stance.posture,
        ears=stance.ears,
        view=np.array([np.cos(camera.azimuth), np.sin(camera.azimuth)], np.float32),
    )


def framed(rng: Generator, figure: Figure) -> NDArray[np.float64]:
    """Return the capsules that the picture is about: all, or the head and what is near it."""
    if rng.random() >= CLOSE_UP_SHARE:
        return figure.capsules
    head = np.isin(figure.parts, (SKULL, MUZZLE, EAR, JAW))
    if rng.random() < 0.6:
        head |= np.isin(figure.parts, (NECK,))
    return figure.capsules[head]


def shade_floor(
    rng: Generator, behind: NDArray[np.float32], camera: Camera, figure: Figure
) -> None:
    """Darken the floor under the animal."""
    ends = figure.capsules[:, 4:7] * (1, 1, 0) + rng.normal(0, 0.12, 3) * (1, 1, 0)
    seen = project(camera, ends, np.zeros(len(ends)))[:, :2]
    hull = cv2.convexHull(np.clip(seen, -500, 700).astype(np.int32))
    dark = np.zeros((PX, PX), np.float32)
    cv2.fillConvexPoly(dark, hull, 1.0)
    soft = cv2.GaussianBlur(dark, (0, 0), float(rng.uniform(1.5, 7)))[..., None]
    behind *= 1 - float(rng.uniform(0.1, 0.6)) * soft


def add_strangers(rng: Generator, bodies: Figures, camera: Camera) -> None:
    """Add another animal, a person, an arm, each now and then."""
    if rng.random() < SECOND_SHARE:
        anatomy = draw_anatomy(rng)
        other = build_figure(anatomy, draw_stance(rng, anatomy), camera.to_camera)
        capsules = other.capsules.copy()
        turn = rng.uniform(0, 2 * np.pi)
        c, s = np.cos(turn), np.sin(turn)
        size = rng.uniform(0.5, 1.3)
        away = rng.choice([-0.5, 1.0], p=[0.2, 0.8]) * rng.uniform(0.5, 1.4)
        beside = rng.choice([-1, 1]) * rng.uniform(0.5, 1.5)
        sa, ca = np.sin(camera.azimuth), np.cos(camera.azimuth)
        at = (beside * ca + away * sa, -beside * sa + away * ca)
        for columns in ((0, 1), (4, 5)):
            x, y = capsules[:, columns[0]].copy(), capsules[:, columns[1]].copy()
            capsules[:, columns[0]] = (c * x - s * y) * size + at[0]
            capsules[:, columns[1]] = (s * x + c * y) * size + at[1]
        capsules[:, [2, 3, 6, 7]] *= size
        bodies.add(capsules, other.parts, draw_coat(rng, anatomy.is_cat), anatomy.fluff)
    if rng.random() < PERSON_SHARE:
        bodies.add(*draw_person(rng, camera.azimuth), draw_clothes(rng), 0.0)
    if rng.random() < HAND_SHARE:
        bodies.add(*draw_hand(rng), draw_clothes(rng), 0.0)


def cover(
    rng: Generator, backdrops: Backdrops, picture: NDArray[np.float32], camera: Camera
) -> NDArray[np.bool_]:
    """Hide parts behind things or grass; return what is hidden."""
    covered = np.zeros((PX, PX), np.uint8)
    if rng.random() < THING_SHARE:
        x, y = rng.uniform(0, PX, 2)
        w, h = np.exp(rng.uniform(np.log(8), np.log(70), 2))
        box = ((float(x), float(y)), (float(w), float(h)), float(rng.uniform(0, 180)))
        if rng.random() < 0.5:
            cv2.fillConvexPoly(covered, cv2.boxPoints(box).astype(np.int32), 1)
        else:
            cv2.ellipse(covered, box, 1, -1)
    if rng.random() < 0.12:
        for x in rng.uniform(0, PX, int(rng.integers(20, 90))):
            top = int(PX - rng.uniform(5, 45))
            cv2.line(
                covered, (int(x), PX), (int(x + rng.normal(0, 6)), top), 1, int(rng.integers(1, 3))
            )
    if rng.random() < 0.06:
        for x in rng.uniform(0, PX, int(rng.integers(1, 4))):
            cv2.line(
                covered, (int(x), 0), (int(x + rng.normal(0, 8)), PX), 1, int(rng.integers(2, 9))
            )
    hidden = covered.astype(bool)
    if hidden.any():
        picture[hidden] = backdrops.cut(rng)[hidden]
    return hidden


def frame(rng: Generator, picture: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return what lies outside the photograph: bars at one or two sides, now and then."""
    outside = np.zeros((PX, PX), bool)
    for side in range(4):
        if rng.random() >= 0.09:
            continue
        width = int(np.exp(rng.uniform(np.log(3), np.log(36))))
        region = (np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:])[side]
        outside[region] = True
    return outside


def frame_tone(rng: Generator) -> NDArray[np.uint8]:
    """Return the colour beyond the photograph's edge: mostly the one that inference pads with."""
    return np.full(3, 114 if rng.random() < 0.7 else rng.integers(0, 256), np.uint8)


def label(
    camera: Camera,
    figure: Figure,
    canvas: Canvas,
    covered: NDArray[np.bool_],
    left_out: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return the points in pixels and how each is seen, pairs in image order."""
    at = project(camera, figure.points, figure.radii)
    points = at[:, :2]
    pixel = np.clip(points.astype(int), 0, PX - 1)
    inside = ((points >= 0) & (points < PX)).all(axis=1) & figure.exists
    inside &= ~left_out[pixel[:, 1], pixel[:, 0]]
    surface = canvas.depth[pixel[:, 1], pixel[:, 0]]
    ahead = at[:, 2] - surface  # how much stands between the point and us
    open_ = (ahead < 1.5 * figure.radii + 0.04) & ~covered[pixel[:, 1], pixel[:, 0]]
    seen = np.where(inside, np.where(open_, VISIBLE, HIDDEN), OUTSIDE).astype(np.uint8)
    order = image_order(points)
    return points[order], seen[order]


def image_order(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the order of points in which the first of each pair is further left in the picture."""
    order = np.arange(POINTS)
    for group in GROUPS:
        a = [NAMES.index(f"{pair}_a") for pair in group]
        b = [NAMES.index(f"{pair}_b") for pair in group]
        if points[a, 0].mean() > points[b, 0].mean():
            order[a], order[b] = b, a
    return order


assert {p for g in GROUPS for p in g} == set(PAIRS)
