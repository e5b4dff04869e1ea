"""Follows the picture's blocks from frame to frame and takes the camera's movement out.

Dense flow at 160 px, averaged into blocks of 5 px; the camera's share is a similarity transform
fitted to the background. Knows nothing of pets: what is background is told as weights.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.shrink import shrink

FLOW_SIDE_PX = 160
BLOCK_PX = 5
FITTING_ROUNDS = 4
INLIER_PX = 0.25  # per step; flow noise on texture
HALVING = 2  # of both sides before flow is looked for: at the preset's 4 a thin tail has none
DESCENTS = 6  # a patch starts from the step before: the preset's 12 find nothing better
STRIDE_PX = 6  # from patch to patch: at the preset's 4 there are twice as many, at 8 none overlap
LEAST_BLOCKS = 5  # of a side: OpenCV finds no flow in less than 12 px after the halving
MIN_TEXTURE = 4.0  # grey levels of gradient; below it flow is guessed
TEXTURE_EVERY = 5  # steps; texture changes slowly


@dataclass(frozen=True, slots=True)
class Flow:
    """Block flow (t, rows, columns, 2) in px a step, and texture (t, rows, columns), 1 or 0."""

    blocks: NDArray[np.float32]
    texture: NDArray[np.float32]
    width_px: int


@dataclass(frozen=True, slots=True)
class Steadied:
    """Flow without the camera's share, the camera's shift (t,) in px a step, and the share of
    background that obeys the fit."""

    residual: NDArray[np.float32]
    camera_px: NDArray[np.float32]
    fit: float


def flow_size(width: int, height: int) -> tuple[int, int]:
    """Return the (width, height) of the flow field: longer side 160, whole blocks."""
    scale = FLOW_SIDE_PX / max(width, height)
    across, down = (max(LEAST_BLOCKS, round(side * scale / BLOCK_PX)) for side in (width, height))
    return across * BLOCK_PX, down * BLOCK_PX


def follow_blocks(grey: NDArray[np.uint8]) -> Flow:
    """Follow grey (m, h, w) uint8 from frame to frame."""
    follower = Follower()
    follower.follow(grey)
    return follower.flow(grey)


class Follower:
    """Follows a grey stream that is still growing.

    DIS optical flow, ultrafast but finer (Kroeger et al. 2016, arXiv 1603.03590).
    """

    def __init__(self) -> None:
        self.solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.solver.setFinestScale(0)
        self.solver.setGradientDescentIterations(DESCENTS)
        self.solver.setPatchStride(STRIDE_PX)
        self.last: NDArray[np.uint8] | None = None
        self.dense: NDArray[np.float32] | None = None  # of the step before: where to start from
        self.blocks: list[NDArray[np.float32]] = []

    def follow(self, frames: Iterable[NDArray[np.uint8]]) -> None:
        """Follow further frames (h, w) uint8, each from the one before it."""
        for frame in frames:
            size = flow_size(frame.shape[1], frame.shape[0])
            small = shrink(shrink(frame, size), (size[0] // HALVING, size[1] // HALVING))
            if self.last is not None:
                self.blocks.append(self.step(self.last, small, size))
            self.last = small

    def step(
        self, before: NDArray[np.uint8], after: NDArray[np.uint8], size: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Return one step's flow (rows, columns, 2) in px of the flow field's (width, height)."""
        height, width = before.shape
        if self.dense is None:
            self.dense = np.zeros((height, width, 2), np.float32)
        self.dense = np.asarray(self.solver.calc(before, after, self.dense), np.float32)
        mean = cv2.resize(self.dense, blocks_of(size), interpolation=cv2.INTER_AREA)
        return np.asarray(
            mean * np.array([size[0] / width, size[1] / height], np.float32), np.float32
        )

    def flow(self, grey: NDArray[np.uint8]) -> Flow:
        """Return the flow of all that was followed: grey (m, h, w) uint8."""
        size = flow_size(grey.shape[2], grey.shape[1])
        small = [shrink(g, size) for g in grey[:-1:TEXTURE_EVERY]]
        textures = [gradient(g, blocks_of(size)) > MIN_TEXTURE for g in small]
        texture = np.repeat(np.array(textures, np.float32), TEXTURE_EVERY, axis=0)
        return Flow(np.stack(self.blocks), texture[: len(self.blocks)], size[0])


def blocks_of(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (columns, rows) of blocks in a flow field of that (width, height)."""
    return size[0] // BLOCK_PX, size[1] // BLOCK_PX


def gradient(image: NDArray[np.uint8], blocks: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mean absolute gradient per block, in grey levels a pixel."""
    across = cv2.absdiff(image[:, 1:], image[:, :-1])
    down = cv2.absdiff(image[1:], image[:-1])
    both = cv2.add(across[:-1], down[:, :-1])
    return np.asarray(cv2.resize(both, blocks, interpolation=cv2.INTER_AREA), np.float32)


def steady(flow: NDArray[np.float32], background: NDArray[np.float32]) -> Steadied:
    """Take the camera's movement out of block flow, fitted where `background` weighs (t, r, c).

    One similarity transform a step by iteratively re-weighted least squares, Cauchy weights.
    """
    steps, rows, columns, _ = flow.shape
    places = places_of(rows, columns)  # (2, blocks)
    seen = np.ascontiguousarray(flow.reshape(steps, -1, 2).transpose(2, 0, 1))  # (2, t, blocks)
    prior = background.reshape(steps, -1) + np.float32(1e-6)
    weight = prior
    for _ in range(FITTING_ROUNDS):
        left, shift = without_similarity(seen, weight, places)
        squared = (left[0] ** 2 + left[1] ** 2) / np.float32(INLIER_PX**2)
        weight = prior / (1 + squared)
    obeys = float((prior * (squared < 4)).sum() / prior.sum())
    residual = np.ascontiguousarray(left.transpose(1, 2, 0)).reshape(flow.shape)
    return Steadied(residual, np.hypot(shift[0], shift[1]), obeys)


def without_similarity(
    seen: NDArray[np.float32], weight: NDArray[np.float32], places: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit shift, zoom and turn to flow (2, t, blocks); return what is left, and the shift (2, t).

    The weighted least squares of a similarity has a closed form around the weighted middle.
    """
    total = weight.sum(axis=1)
    basis = np.stack([*places, (places**2).sum(axis=0)], axis=1)  # (blocks, 3): x, y, x2 + y2
    x, y, squares = (weight @ basis / total[:, None]).T
    moved = seen * weight
    mean = moved.sum(axis=2) / total  # (2, t)
    u, v = (m @ places.T / total[:, None] for m in moved)  # each (t, 2): times x, times y
    spread = squares - x**2 - y**2 + np.float32(1e-3)
    zoom = (u[:, 0] - mean[0] * x + v[:, 1] - mean[1] * y) / spread
    turn = (v[:, 0] - mean[1] * x - u[:, 1] + mean[0] * y) / spread
    shift = np.stack([mean[0] - zoom * x + turn * y, mean[1] - turn * x - zoom * y])
    across = np.stack([zoom, -turn], axis=1) @ places + shift[0][:, None]
    down = np.stack([turn, zoom], axis=1) @ places + shift[1][:, None]
    return np.stack([seen[0] - across, seen[1] - down]), shift


def places_of(rows: int, columns: int) -> NDArray[np.float32]:
    """Return the blocks' places (2, blocks) from the middle of the picture: x, y in blocks."""
    y, x = np.mgrid[:rows, :columns].reshape(2, -1).astype(np.float32)
    return np.stack([x - x.mean(), y - y.mean()])
