"""Whisper's log-mel spectrogram in numpy, over the real sound only (no padding to 30 s).

Source: openai/whisper, whisper/audio.py; mel filters as librosa's Slaney scale, which that
project's asset holds (a test compares the two).
"""

import functools

import numpy as np
import scipy.fft
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
N_FFT = 400
HOP = 160  # samples, 10 ms
N_MELS = 80


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (80, n) float32 for mono 16 kHz float samples; n is one frame per 10 ms."""
    padded = np.pad(samples.astype(np.float32), N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][:-1]
    spectrum = scipy.fft.rfft(frames * hann(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2  # (n, 201)
    level = np.log10(np.maximum(mel_filters() @ power.T, 1e-10))
    level = np.maximum(level, level.max() - 8.0)
    return np.asarray((level + 4.0) / 4.0, np.float32)


@functools.cache
def hann() -> NDArray[np.float32]:
    """Return the periodic Hann window that torch.stft uses."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@functools.cache
def mel_filters() -> NDArray[np.float32]:
    """Return the (80, 201) Slaney-normalised triangular filters from 0 to 8 kHz."""
    edges = mel_to_hz(np.linspace(0, hz_to_mel(SAMPLE_RATE_HZ / 2), N_MELS + 2))
    bins = np.linspace(0, SAMPLE_RATE_HZ / 2, N_FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * area[:, None]).astype(np.float32)


def hz_to_mel(hz: float) -> float:
    """Return Slaney's mel: linear below 1 kHz, logarithmic above."""
    return hz / (200 / 3) if hz < 1000 else 15 + np.log(hz / 1000) / (np.log(6.4) / 27)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of `hz_to_mel`."""
    return np.where(mel < 15, mel * (200 / 3), 1000 * np.exp((np.log(6.4) / 27) * (mel - 15)))
