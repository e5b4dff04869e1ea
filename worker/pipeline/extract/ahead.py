"""Begins, while a clip is still being decoded, with what needs no more than its pictures so far.

A second thread follows the motion stream and looks for the pet where `locate` is sure to look.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import Detector
from worker.pipeline.extract.flow import Flow, Follower, follow_blocks
from worker.pipeline.extract.locate import Look, is_due, look_for_animals

FRAMES_AT_ONCE = 15  # of the motion stream: handing over each alone costs more than it saves


class Ahead:
    """Takes pictures as they come; what it found is the same as if it had begun at the end."""

    def __init__(self, beside: ThreadPoolExecutor, detector: Detector | None) -> None:
        self.beside, self.detector = beside, detector
        self.follower = Follower()
        self.waiting: list[NDArray[np.uint8]] = []
        self.followed: list[Future[None]] = []
        self.looks: dict[int, Future[Look]] = {}
        self.seen = 0
        self.looked_s: float | None = None

    def see_grey(self, frame: NDArray[np.uint8]) -> None:
        """Take a frame of the motion stream."""
        self.waiting.append(frame)
        if len(self.waiting) == FRAMES_AT_ONCE:
            self.hand_over()

    def see_picture(self, picture: NDArray[np.uint8], time_s: float) -> None:
        """Take a colour picture; look at it if `locate` will."""
        if self.detector is not None and is_due(time_s, self.looked_s):
            self.looks[self.seen] = self.beside.submit(look_for_animals, picture, self.detector)
            self.looked_s = time_s
        self.seen += 1

    def hand_over(self) -> None:
        """Have the frames followed that wait for it."""
        self.followed.append(self.beside.submit(self.follower.follow, self.waiting))
        self.waiting = []

    def looks_in(self, shown: slice) -> Mapping[int, Look]:
        """Return what was seen in pictures of the whole clip; nothing of a part's."""
        if (shown.start, shown.stop) != (0, self.seen):
            return {}
        return {i: look.result() for i, look in self.looks.items()}

    def flow_in(self, grey: NDArray[np.uint8], whole: int) -> Flow:
        """Return the flow of grey (m, h, w): all of the clip's `whole` frames, or a shot's."""
        if len(grey) != whole:
            return follow_blocks(grey)
        for part in self.followed:
            part.result()
        self.follower.follow(self.waiting)
        self.waiting = []
        return self.follower.flow(grey)
