"""Begins, while a clip is still being decoded, with what needs no more than its pictures so far.

A second thread follows the motion stream and looks for the pet where `locate` is sure to look.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import PetDetector
from worker.pipeline.extract.flow import Flow, Follower, follow_blocks
from worker.pipeline.extract.locate import Look, expected, is_due, look_between, look_for_animals
from worker.pipeline.extract.shots import CUT_DIFFERENCE

FRAMES_AT_ONCE = 15  # of the motion stream: handing over each alone costs more than it saves


class Ahead:
    """Takes pictures as they come; what it found is the same as if it had begun at the end.

    It gives up where the scene seems to be cut: only the longest shot will be looked at.
    """

    def __init__(self, beside: ThreadPoolExecutor, detector: PetDetector | None) -> None:
        self.beside, self.detector = beside, detector
        self.follower = Follower()
        self.last: NDArray[np.uint8] | None = None
        self.frames = 0
        self.waiting: list[NDArray[np.uint8]] = []
        self.followed: list[Future[None]] = []
        self.looking: list[Future[None]] = []
        self.looks: dict[int, Look] = {}
        self.recent: dict[int, NDArray[np.uint8]] = {}  # pictures since the last one looked at
        self.times_s: list[float] = []
        self.looked: list[int] = []  # which of them `locate` is sure to look at
        self.is_cut = False

    def see_grey(self, frame: NDArray[np.uint8]) -> None:
        """Take a frame of the motion stream."""
        changed = 0.0 if self.last is None else cv2.mean(cv2.absdiff(frame, self.last))[0]
        self.is_cut |= changed > CUT_DIFFERENCE
        self.frames += 1
        self.last = frame
        if self.is_cut:
            return
        self.waiting.append(frame)
        if len(self.waiting) == FRAMES_AT_ONCE:
            self.followed.append(self.beside.submit(self.follower.follow, self.waiting))
            self.waiting = []

    def see_picture(self, picture: NDArray[np.uint8], time_s: float) -> None:
        """Take a colour picture; look at it if `locate` will, and then at those before it."""
        if self.detector is None or self.is_cut:
            return
        i = len(self.times_s)
        self.recent[i] = picture
        self.times_s.append(time_s)
        if is_due(time_s, self.times_s[self.looked[-1]] if self.looked else None):
            self.looked.append(i)
            self.looking.append(self.beside.submit(self.look, self.recent, tuple(self.looked)))
            self.recent = {i: picture}

    def look(self, pictures: dict[int, NDArray[np.uint8]], looked: tuple[int, ...]) -> None:
        """Look at the last of some pictures, and as `locate` will between it and the one before."""
        assert self.detector is not None
        *before, last = looked
        known = {i: self.looks[i] for i in before}
        known[last] = look_for_animals(pictures[last], self.detector, expected(known, last))
        self.looks[last] = known[last]
        if before:
            span, times_s = (before[-1], last), np.array(self.times_s[: last + 1])
            self.looks |= look_between(pictures, times_s, self.detector, known, span)

    def looks_in(self, shown: slice) -> Mapping[int, Look]:
        """Return what was seen in a shot; nothing where it is not the clip's first."""
        for one in self.looking:
            one.result()
        return {i: k for i, k in self.looks.items() if i < shown.stop} if shown.start == 0 else {}

    def flow_in(self, grey: NDArray[np.uint8], whole: int) -> Flow:
        """Return the flow of grey (m, h, w): all of the clip's `whole` frames, or a shot's."""
        if self.is_cut or not len(grey) == whole == self.frames:
            return follow_blocks(grey)
        for part in self.followed:
            part.result()
        self.follower.follow(self.waiting)
        self.waiting = []
        return self.follower.flow(grey)
