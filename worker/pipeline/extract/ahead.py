"""Begins, while a clip is still being decoded, with what needs no more than its pictures so far.

A second thread follows the motion stream and looks for the pet where `locate` is sure to look.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import Detector
from worker.pipeline.extract.flow import Flow, Follower, follow_blocks
from worker.pipeline.extract.locate import Look, expected, is_due, look_for_animals

FRAMES_AT_ONCE = 15  # of the motion stream: handing over each alone costs more than it saves


class Ahead:
    """Takes pictures as they come; what it found is the same as if it had begun at the end."""

    def __init__(self, beside: ThreadPoolExecutor, detector: Detector | None) -> None:
        self.beside, self.detector = beside, detector
        self.follower = Follower()
        self.waiting: list[NDArray[np.uint8]] = []
        self.followed: list[Future[None]] = []
        self.looking: list[Future[None]] = []
        self.looks: dict[int, Look] = {}
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
            self.looking.append(self.beside.submit(self.look, self.seen, picture))
            self.looked_s = time_s
        self.seen += 1

    def look(self, i: int, picture: NDArray[np.uint8]) -> None:
        """Look at a picture, given what was seen before it."""
        assert self.detector is not None
        last = expected(self.looks, i)
        self.looks[i] = look_for_animals(picture, self.detector, last)

    def hand_over(self) -> None:
        """Have the frames followed that wait for it."""
        self.followed.append(self.beside.submit(self.follower.follow, self.waiting))
        self.waiting = []

    def looks_in(self, shown: slice) -> Mapping[int, Look]:
        """Return what was seen in pictures of the whole clip; nothing of a part's."""
        if (shown.start, shown.stop) != (0, self.seen):
            return {}
        for one in self.looking:
            one.result()
        return self.looks

    def flow_in(self, grey: NDArray[np.uint8], whole: int) -> Flow:
        """Return the flow of grey (m, h, w): all of the clip's `whole` frames, or a shot's."""
        if len(grey) != whole:
            return follow_blocks(grey)
        for part in self.followed:
            part.result()
        self.follower.follow(self.waiting)
        self.waiting = []
        return self.follower.flow(grey)
