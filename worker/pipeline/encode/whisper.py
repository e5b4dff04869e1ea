"""Whisper-tiny's audio encoder: 384 numbers for each 20 ms of real sound, 768 for all of it.

Positions are cut to the clip's length: no silence is encoded, and no silence dilutes.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.encode.mel import log_mel
from worker.pipeline.runtime import Network

WIDTH = 384  # of a frame
SUMMARY = 2 * WIDTH  # mean, then deviation
MAX_POSITIONS = 1500  # 30 s
SAMPLES_PER_POSITION = 320
MIN_SAMPLES = 1600
LONGEST_WAVE = 10_000  # of the position table, in positions


class AudioEncoder:
    """The encoder of Whisper tiny (Radford et al. 2022, arXiv 2212.04356).

    `made_by` is the registry's name of the numbers.
    """

    def __init__(self, network: Network, made_by: str) -> None:
        self.network, self.made_by = network, made_by

    def encode(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return mean and deviation (768,) over the real frames of mono 16 kHz float samples."""
        return summary(self.all_frames(samples))

    def all_frames(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 384), one row per 20 ms, of a sound of any length."""
        chunk = MAX_POSITIONS * SAMPLES_PER_POSITION
        parts = [self.frames(samples[i : i + chunk]) for i in range(0, len(samples), chunk)]
        return np.concatenate([p for p in parts if len(p)])

    def frames(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 384), one row per 20 ms; nothing for a rest below a tenth of a second."""
        if len(samples) < MIN_SAMPLES:
            return np.empty((0, WIDTH), np.float32)
        mel = log_mel(samples)[:, : 2 * MAX_POSITIONS]
        n = (mel.shape[1] + 1) // 2
        places = position_table(MAX_POSITIONS, WIDTH)[:n]
        found = self.network.run({"mel": mel[None], "positions": places[None]})
        return found[self.network.outputs[0]][0, :n]


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
