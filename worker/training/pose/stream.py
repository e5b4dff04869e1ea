"""Batches of drawn samples from processes of their own, in an order that no timing changes."""

import contextlib
import multiprocessing as mp
import os
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.queues import Queue
from queue import Full

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.training.pose.backdrop import Backdrops
from worker.training.pose.sample import Sample, draw_sample

BATCH = 32
BATCHES_PER_STOCK = 100  # then other places are drawn
AHEAD = 4  # batches that a drawer may be ahead
ORPHAN_CHECK_S = 5.0
YIELDS = 3  # added niceness of a drawer: training waits for it, all else comes first


@dataclass(frozen=True, slots=True)
class Batch:
    """Arrays of `Sample`, the first axis counting samples."""

    picture: NDArray[np.uint8]
    points: NDArray[np.float32]
    seen: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    posture: NDArray[np.int64]
    ears: NDArray[np.int64]
    view: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.picture)


def pack(samples: list[Sample]) -> Batch:
    """Stack samples."""
    return Batch(
        np.stack([s.picture for s in samples]),
        np.stack([s.points for s in samples]),
        np.stack([s.seen for s in samples]),
        np.stack([s.mask for s in samples]),
        np.array([s.posture for s in samples]),
        np.array([s.ears for s in samples]),
        np.stack([s.view for s in samples]),
    )


class Drawer:
    """Draws batch after batch; batch k of a seed is always the same."""

    def __init__(self, seed: int) -> None:
        self.seed, self.stock = seed, -1
        self.backdrops: Backdrops | None = None

    def draw(self, number: int, size: int = BATCH) -> Batch:
        """Draw the batch of one number."""
        stock = number // BATCHES_PER_STOCK
        if self.backdrops is None or stock != self.stock:
            self.backdrops = Backdrops(np.random.default_rng((self.seed, stock, 1)))
            self.stock = stock
        rng = np.random.default_rng((self.seed, number, 0))
        return pack([draw_sample(rng, self.backdrops) for _ in range(size)])


def draw_batches(seed: int, start: int, drawers: int) -> Iterator[Batch]:
    """Yield batches `start`, `start` + 1, ... of a seed, drawn by processes that end with us."""
    context = mp.get_context("spawn")
    queues: list[Queue[Batch]] = [context.Queue(AHEAD) for _ in range(drawers)]
    workers = [
        context.Process(target=fill, args=(queue, seed, start + i, drawers), daemon=True)
        for i, queue in enumerate(queues)
    ]
    for worker in workers:
        worker.start()
    try:
        while True:
            for queue in queues:
                yield queue.get()
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def fill(queue: "Queue[Batch]", seed: int, first: int, step: int) -> None:
    """Draw every step-th batch into a queue until whoever started us is gone."""
    os.nice(YIELDS)
    cv2.setNumThreads(1)
    parent = os.getppid()
    drawer, number = Drawer(seed), first
    while put(queue, drawer.draw(number), parent):
        number += step
    queue.cancel_join_thread()  # nobody reads what is still in it


def put(queue: "Queue[Batch]", batch: Batch, parent: int) -> bool:
    """Wait for room in a queue; tell whether the batch was taken before the parent was gone."""
    while os.getppid() == parent:
        with contextlib.suppress(Full):
            queue.put(batch, timeout=ORPHAN_CHECK_S)
            return True
    return False
