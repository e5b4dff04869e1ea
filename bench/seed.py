"""The seed's stages as it ran them: read everything, one picture at a time, sound padded to 30 s.

Its human pose network is left out, which favours it.
"""

import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import torch
import whisper
from numpy.typing import NDArray
from whisper.model import AudioEncoder

from worker.pipeline.architectures.backbones import MobileNetV3Small

PICTURES = "mobilenet_v3_small_features.pt"
SOUND = "whisper_tiny_en_encoder.npz"
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def has_weights(folder: Path) -> bool:
    """Tell whether both of its encoders can be built."""
    return (folder / PICTURES).exists() and (folder / SOUND).exists()


@dataclass(frozen=True, slots=True)
class Seed:
    """Both encoders in eager torch and the fusion network."""

    vision: torch.nn.Module
    audio: torch.nn.Module
    fusion: torch.nn.Module

    @torch.no_grad()
    def networks(self, pictures: list[NDArray[np.uint8]], sound: NDArray[np.float32]) -> object:
        """Run the networks as the seed did."""
        seen = torch.cat([self.vision(prepared(picture)) for picture in pictures]).mean(0)
        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(sound))
        heard = self.audio(mel[None]).mean(1)[0]
        return self.fusion(torch.cat([seen, heard, torch.zeros(32)])[None]).softmax(-1)


def load(folder: Path) -> Seed:
    """Build its networks from given weights."""
    vision = MobileNetV3Small()
    stored = torch.load(folder / PICTURES, weights_only=True)
    vision.load_state_dict({f"features.{k.removeprefix('0.')}": v for k, v in stored.items()})
    audio = AudioEncoder(n_mels=80, n_ctx=1500, n_state=384, n_head=6, n_layer=4)
    with np.load(folder / SOUND) as tensors:
        audio.load_state_dict({name: torch.from_numpy(tensors[name]) for name in tensors.files})
    return Seed(vision.eval(), audio.eval(), fusion().eval())


def fusion() -> torch.nn.Module:
    """Build its 992-256-64-5 network; its time does not depend on its weights."""
    layers = torch.nn
    return layers.Sequential(
        *(layers.Linear(992, 256), layers.LayerNorm(256), layers.GELU(), layers.Dropout(0.3)),
        *(layers.Linear(256, 64), layers.GELU(), layers.Linear(64, 5)),
    )


def pictures(clip: Path) -> list[NDArray[np.uint8]]:
    """Read every picture in full size and keep each of half a second."""
    capture = cv2.VideoCapture(str(clip))
    every = max(1, int(capture.get(cv2.CAP_PROP_FPS) * 0.5))
    kept, number = [], 0
    while True:
        is_read, picture = capture.read()
        if not is_read:
            return kept
        if number % every == 0:
            kept.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        number += 1


def sound(clip: Path) -> NDArray[np.float32]:
    """Have the ffmpeg program write the sound track to a file, mono at 16 kHz, and read that."""
    program = ffmpeg()
    if program is None:
        return sound_beside(clip)
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        wanted = ["-vn", "-ac", "1", "-ar", "16000", "-y", file.name]
        subprocess.run([program, "-loglevel", "error", "-i", str(clip), *wanted], check=True)
        with wave.open(file.name) as opened:
            samples = np.frombuffer(opened.readframes(opened.getnframes()), "<i2")
    return samples.astype(np.float32) / np.float32(32_768)


def ffmpeg() -> str | None:
    """Find the program; how fast it starts depends on whose build it is."""
    return shutil.which("ffmpeg")


def sound_beside(clip: Path) -> NDArray[np.float32]:
    """Read the sound track without the program, which is faster."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(str(clip)) as container:
        parts = [
            part.to_ndarray()[0]
            for frame in [*container.decode(audio=0), None]
            for part in resampler.resample(frame)
        ]
    return np.concatenate(parts)


def prepared(picture: NDArray[np.uint8]) -> torch.Tensor:
    """Scale and normalise one picture to (1, 3, 224, 224)."""
    small = cv2.resize(picture, (224, 224)).astype(np.float32) / 255
    return torch.from_numpy(((small - MEAN) / STD).transpose(2, 0, 1)[None])
