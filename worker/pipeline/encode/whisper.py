"""Whisper-tiny's audio encoder: 384 numbers for each 20 ms of real sound, 768 for all of it.

Positions are cut to the clip's length: no silence is encoded, and no silence dilutes.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.encode.mel import log_mel
from worker.pipeline.runtime import Network

WIDTH = 384  # of a frame
SUMMARY = 2 * WIDTH  # mean, then deviation
MAX_POSITIONS = 1500  # 30 s
LOOK_AROUND = 250  # positions, 5 s: what a frame attends to, at most (docs/bundles.md)
SAMPLES_PER_POSITION = 320
MIN_SAMPLES = 1600
LONGEST_WAVE = 10_000  # of the position table, in positions

Frames = NDArray[np.float32]
Part = tuple[NDArray[np.float32], NDArray[np.float32]]  # mel (80, 2 n) and its positions (n, 384)
Each = Callable[[Callable[[Part], Frames], Iterable[Part]], Iterable[Frames]]


class AudioEncoder:
    """The encoder of Whisper tiny (Radford et al. 2022, arXiv 2212.04356).

    `made_by` is the registry's name of the numbers.
    """

    def __init__(self, network: Network, made_by: str) -> None:
        self.network, self.made_by = network, made_by

    def encode(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return mean and deviation (768,) over the real frames of mono 16 kHz float samples."""
        return summary(self.frames(samples))

    def frames(self, samples: NDArray[np.float32], each: Each = map) -> Frames:
        """Return (n, 384), one row per 20 ms, of a sound of any length.

        `each` runs the parts as `map` does, in threads of its own if it likes.
        """
        return np.concatenate(list(each(self.attend, parts_of(samples))))

    def attend(self, part: Part) -> Frames:
        """Return a part's frames (n, 384)."""
        mel, places = part
        found = self.network.run({"mel": mel[None], "positions": places[None]})
        return found[self.network.outputs[0]][0, : len(places)]


def parts_of(samples: NDArray[np.float32]) -> Iterator[Part]:
    """Cut a sound into parts of up to 5 s; positions begin anew after 30 s, as Whisper's do.

    A rest below a tenth of a second is left out.
    """
    chunk = MAX_POSITIONS * SAMPLES_PER_POSITION
    for start in range(0, len(samples), chunk):
        if len(samples) - start < MIN_SAMPLES:
            return
        mel = log_mel(samples[start : start + chunk])[:, : 2 * MAX_POSITIONS]
        n = (mel.shape[1] + 1) // 2
        edges = np.linspace(0, n, -(-n // LOOK_AROUND) + 1).round().astype(int)
        for a, b in pairwise(edges):
            yield (
                np.ascontiguousarray(mel[:, 2 * a : 2 * b]),
                position_table(MAX_POSITIONS, WIDTH)[a:b],
            )


def summary(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean and the deviation of frames (n, 384) as one row (768,).

    How much a call changes tells more of it than the mean alone (docs/training.md).
    """
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float32)


@functools.cache
def position_table(length: int, width: int) -> NDArray[np.float32]:
    """Return Whisper's fixed sines and cosines (length, width): whisper/model.py, sinusoids."""
    steps = np.exp(-np.log(LONGEST_WAVE) / (width // 2 - 1) * np.arange(width // 2))
    angles = np.arange(length)[:, None] * steps
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
