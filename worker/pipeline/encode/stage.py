"""The second step: numbers for learned bundles. A missing network leaves its part out."""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from worker.pipeline.architectures.inputs import SEQUENCE_FRAMES
from worker.pipeline.encode.mel import SAMPLE_RATE_HZ
from worker.pipeline.encode.vision import WIDTH as VISION_WIDTH
from worker.pipeline.encode.vision import Pictures, Rows, VisionEncoder
from worker.pipeline.encode.whisper import SAMPLES_PER_POSITION, AudioEncoder, summary
from worker.pipeline.encode.whisper import SUMMARY as AUDIO_WIDTH
from worker.pipeline.encode.whisper import Each as EachPart
from worker.pipeline.extract import Extract, artifact
from worker.pipeline.extract.posture import WIDTH as POSE_WIDTH
from worker.pipeline.extract.windows import WINDOW_S
from worker.pipeline.runtime import AT_ONCE

FRAMES_PER_S = SAMPLE_RATE_HZ // SAMPLES_PER_POSITION  # of the sound encoder: 50
NO_FACES = "no faces were cut out"
NO_READER = "no bundle reads faces"


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
    face: str = NO_FACES


@dataclass(frozen=True, slots=True)
class Encoding:
    """The second step's result: vision (n, 576), audio (768,), pose (n, 32) with its mask (n, 32).

    audio is `whisper.summary`, audio_windows (w, 768) that of each second, as `Extract.windows`;
    face (16, 576). None is missing, never zeros.
    """

    presence: Presence
    vision: NDArray[np.float32] | None
    audio: NDArray[np.float32] | None
    pose: NDArray[np.float32] | None
    pose_mask: NDArray[np.bool_] | None
    audio_windows: NDArray[np.float32] | None = None
    face: NDArray[np.float32] | None = None

    @property
    def made_by(self) -> Mapping[str, str]:
        """Name each modality's numbers, as the registry does."""
        return self.presence.made_by


PRESENCE = TypeAdapter(Presence)


def encode(extracted: Extract, models: EncodeModels, *, faces: bool = True) -> Encoding:
    """Encode what is there with what is loaded: sound beside pictures.

    `faces`: whether the face sequence is, which costs as much as the pictures do.
    """
    why_no_audio = audio_missing(extracted, models)
    with ThreadPoolExecutor(AT_ONCE) as pool, ThreadPoolExecutor(1) as beside:
        coming = None if why_no_audio else beside.submit(hear, extracted, models, pool.map)
        each = functools.partial(few_ahead, pool)
        vision = models.vision.encode(extracted.pictures, each) if models.vision else None
        face = None
        if faces and models.vision and extracted.face_pictures is not None:
            face = models.vision.encode(extracted.face_pictures, each)
        audio, windows = coming.result() if coming else (None, None)
    no_face = "weights not found" if faces else NO_READER
    presence = Presence(
        vision="" if vision is not None else "weights not found",
        audio=why_no_audio,
        pose=pose_missing(extracted),
        made_by=makers(models, {"vision": vision is not None, "audio": audio is not None})
        | ({"pose": extracted.facts.pose_by} if extracted.facts.pose_by else {}),
        face=extracted.face_why or ("" if face is not None else no_face),
    )
    posture = None if presence.pose else extracted.posture
    rows, known = (posture.rows, posture.known) if posture else (None, None)
    return Encoding(presence, vision, audio, rows, known, windows, face)


def few_ahead(
    pool: ThreadPoolExecutor, run: Callable[[Pictures], Rows], given: Iterable[Pictures]
) -> Iterator[Rows]:
    """Run as `pool.map` does, but no more at once than the pool has threads.

    What is asked for meanwhile goes before the rest: the sound, whose parts are twice as long as a
    batch of pictures, would else come last, and one thread wait for the other.
    """
    ahead: deque[Future[Rows]] = deque()
    for one in given:
        if len(ahead) == AT_ONCE:
            yield ahead.popleft().result()
        ahead.append(pool.submit(run, one))
    for future in ahead:
        yield future.result()


def hear(
    extracted: Extract, models: EncodeModels, each: EachPart
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the sound's summary (768,) and its windows' (w, 768)."""
    assert extracted.audio_16k is not None
    assert models.audio is not None
    samples = extracted.audio_16k.astype(np.float32) / np.float32(32_767)
    frames = models.audio.frames(samples, each)
    return summary(frames), by_window(frames, extracted)


def by_window(frames: NDArray[np.float32], extracted: Extract) -> NDArray[np.float32]:
    """Return the summary of the sound's frames (n, 384) in each window of the clip (w, 768).

    A window past the sound's end takes its last frame.
    """
    starts_s = extracted.windows.middles_s - WINDOW_S / 2 - extracted.facts.shots.span_s[0]
    first = np.clip(np.round(starts_s * FRAMES_PER_S).astype(int), 0, len(frames) - 1)
    rows = [summary(frames[i : i + round(WINDOW_S * FRAMES_PER_S)]) for i in first]
    return np.array(rows, np.float32).reshape(len(rows), AUDIO_WIDTH)


def makers(models: EncodeModels, is_there: Mapping[str, bool]) -> dict[str, str]:
    """Name the numbers of each modality that is there."""
    encoders = {"vision": models.vision, "audio": models.audio}
    return {m: e.made_by for m, e in encoders.items() if e is not None and is_there[m]}


def pose_missing(extracted: Extract) -> str:
    """Return why there are no pose numbers, '' when there are."""
    if extracted.posture is None:
        return "no verified pet to look at"
    return "" if extracted.posture.known.any() else "no posture could be measured"


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
        for name in ("vision", "audio", "pose", "pose_mask", "audio_windows", "face")
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

    def part(name: str, *shape: int) -> NDArray[np.float32] | None:
        if name not in arrays:
            return None
        return np.asarray(artifact.expect(arrays, name, shape, "float32"), np.float32)

    pose, mask = part("pose", -1, POSE_WIDTH), None
    if pose is not None:
        mask = np.asarray(artifact.expect(arrays, "pose_mask", pose.shape, "bool"), bool)
    return Encoding(
        presence,
        vision=part("vision", -1, VISION_WIDTH),
        audio=part("audio", AUDIO_WIDTH),
        pose=pose,
        pose_mask=mask,
        audio_windows=part("audio_windows", -1, AUDIO_WIDTH),
        face=part("face", SEQUENCE_FRAMES, VISION_WIDTH),
    )
