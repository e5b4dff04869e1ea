"""The second step: numbers for learned bundles. A missing network leaves its part out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from worker.pipeline.encode.vision import WIDTH as VISION_WIDTH
from worker.pipeline.encode.vision import VisionEncoder
from worker.pipeline.encode.whisper import WIDTH as AUDIO_WIDTH
from worker.pipeline.encode.whisper import AudioEncoder
from worker.pipeline.extract import Extract, artifact

POSE_WIDTH = 32


@dataclass(frozen=True, slots=True)
class EncodeModels:
    """The encoders; None where the weights are missing."""

    vision: VisionEncoder | None
    audio: AudioEncoder | None


@dataclass(frozen=True, slots=True)
class Presence:
    """Why a modality is there or not: '' when it is, else the reason; and whose numbers it is."""

    vision: str
    audio: str
    pose: str
    made_by: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Encoding:
    """The second step's result: vision (n, 576), audio (384,), pose (n, 32) with its mask (n, 32).

    None is missing, never zeros.
    """

    presence: Presence
    vision: NDArray[np.float32] | None
    audio: NDArray[np.float32] | None
    pose: NDArray[np.float32] | None
    pose_mask: NDArray[np.bool_] | None

    @property
    def made_by(self) -> Mapping[str, str]:
        """Name each modality's numbers, as the registry does."""
        return self.presence.made_by


PRESENCE = TypeAdapter(Presence)


def encode(extracted: Extract, models: EncodeModels) -> Encoding:
    """Encode what is there with what is loaded."""
    vision = models.vision.encode(extracted.pictures) if models.vision else None
    why_no_audio = audio_missing(extracted, models)
    audio = None
    if not why_no_audio:
        assert extracted.audio_16k is not None
        assert models.audio is not None
        audio = models.audio.encode(extracted.audio_16k.astype(np.float32) / np.float32(32_767))
    presence = Presence(
        vision="" if vision is not None else "weights not found",
        audio=why_no_audio,
        pose="no pose network in this version",
        made_by=makers(models, {"vision": vision is not None, "audio": audio is not None}),
    )
    return Encoding(presence, vision, audio, None, None)


def makers(models: EncodeModels, is_there: Mapping[str, bool]) -> dict[str, str]:
    """Name the numbers of each modality that is there."""
    encoders = {"vision": models.vision, "audio": models.audio}
    return {m: e.made_by for m, e in encoders.items() if e is not None and is_there[m]}


def audio_missing(extracted: Extract, models: EncodeModels) -> str:
    """Return why there is no audio to encode, '' when there is."""
    sound = extracted.facts.sound
    if extracted.audio_16k is None or sound is None:
        return "no sound track"
    if not sound.usable:
        return "silent sound track"
    return "" if models.audio else "weights not found"


def save(encoding: Encoding, path: Path) -> None:
    """Write an encoding to one file."""
    present = {
        name: array
        for name in ("vision", "audio", "pose", "pose_mask")
        if (array := getattr(encoding, name)) is not None
    }
    artifact.write(path, PRESENCE.dump_json(encoding.presence), present)


def load(path: Path) -> Encoding:
    """Read an encoding and check it. Raises ArtifactInvalid."""
    text, arrays = artifact.read(path)
    try:
        presence = PRESENCE.validate_json(text)
    except ValidationError as error:
        raise artifact.ArtifactInvalid(f"{path.name}: presence") from error
    vision = audio = pose = mask = None
    if "vision" in arrays:
        vision = np.asarray(artifact.expect(arrays, "vision", (-1, VISION_WIDTH), "float32"), "f4")
    if "audio" in arrays:
        audio = np.asarray(artifact.expect(arrays, "audio", (AUDIO_WIDTH,), "float32"), "f4")
    if "pose" in arrays:
        pose = np.asarray(artifact.expect(arrays, "pose", (-1, POSE_WIDTH), "float32"), "f4")
        mask = np.asarray(artifact.expect(arrays, "pose_mask", pose.shape, "bool"), bool)
    return Encoding(presence, vision, audio, pose, mask)
