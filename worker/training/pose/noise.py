"""Tileable noise of every roughness: the stuff of fur, grass, carpets and stains."""

import functools

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SIZE = 256


def draw_noise(rng: Generator, slope: float, stretch: float = 1.0) -> NDArray[np.float32]:
    """Return noise (256, 256), mean 0, deviation 1, tileable; spectrum falls as 1 / f^slope."""
    y = np.fft.fftfreq(SIZE)[:, None] * stretch
    x = np.fft.rfftfreq(SIZE)[None, :]
    size = np.sqrt(x * x + y * y)
    size[0, 0] = 1.0
    waves = rng.normal(size=size.shape) + 1j * rng.normal(size=size.shape)
    waves = waves / size**slope
    waves[0, 0] = 0
    made = np.fft.irfft2(waves, (SIZE, SIZE))
    return np.asarray(made / made.std(), np.float32)


@functools.cache
def fur_noises() -> tuple[NDArray[np.float32], ...]:
    """Return eight noises from coarse to fine, the same in every process."""
    rng = np.random.default_rng(7)
    return tuple(draw_noise(rng, slope) for slope in (2.0, 1.6, 1.3, 1.1, 0.9, 0.7, 0.5, 0.3))
