"""The first step: one clip in, everything that is measured from it out.

The grey stream is consumed here; what is kept is small enough to hand on as one file.
"""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from shared.memory import give_back
from worker.pipeline.extract import artifact, pose_artifact, stills
from worker.pipeline.extract.ahead import Ahead
from worker.pipeline.extract.crop import CROP_PX, crops
from worker.pipeline.extract.decode import PICTURE_INTERVAL_S, Decoded, Media, decode
from worker.pipeline.extract.detect import PetDetector
from worker.pipeline.extract.face import LENGTH, Face, find_heads, look_closer, sequence
from worker.pipeline.extract.flow import Flow
from worker.pipeline.extract.guess import guess_boxes
from worker.pipeline.extract.heads import ByFace
from worker.pipeline.extract.keypoints import MASK_PX, Pose
from worker.pipeline.extract.listen import ENCODER_RATE_HZ
from worker.pipeline.extract.locate import How, Pet, locate
from worker.pipeline.extract.mask import silhouettes
from worker.pipeline.extract.mmod import MmodDetector
from worker.pipeline.extract.motion import measure_motion
from worker.pipeline.extract.movement import Movement, sum_up
from worker.pipeline.extract.outline import Outline
from worker.pipeline.extract.pose import Each, PoseNetwork
from worker.pipeline.extract.posture import Posture, measure_posture
from worker.pipeline.extract.quality import Quality, measure_quality
from worker.pipeline.extract.shots import Shots, find_shots
from worker.pipeline.extract.sound import Sound, measure_sound
from worker.pipeline.extract.tag import Call, SoundTagger, Tags, name_calls
from worker.pipeline.extract.travel import follow_body
from worker.pipeline.extract.windows import COLUMNS, Windows, measure_windows
from worker.pipeline.runtime import AT_ONCE

LEAST_FOLLOWED = 3  # frames of the motion stream: two steps
LARGE_PX = 1920 * 1088
DECODING_SHARE = 0.7  # of the step's progress; what remains is measuring


@dataclass(frozen=True, slots=True)
class ExtractModels:
    """The networks that the first step can use; None where the weights are missing."""

    detector: PetDetector | None
    tagger: SoundTagger | None
    pose: PoseNetwork | None = None
    heads: MmodDetector | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything measured that is not an array."""

    species: str
    media: Media
    quality: Quality
    shots: Shots
    pet: Pet
    face: Face
    movement: Movement
    sound: Sound | None
    tags: Tags | None
    calls: tuple[Call, ...]
    timings_s: dict[str, float]
    pose_by: str = ""  # whose numbers pose and posture are, '' where there are none


@dataclass(frozen=True, slots=True)
class Extract:
    """The first step's result, for the analysed span only.

    pictures (n, 224, 224, 3) uint8 RGB crops with their times, masks (n, 64, 64) uint8 the pet's
    silhouettes over the same squares; face_pictures (16, 224, 224, 3) uint8 RGB or None, then
    `face_why` says why, or nobody asked for them; audio_16k (m,) int16 or None; stills: each whole
    picture as a small JPEG; pose and posture of each picture, None without a pose network or
    without a verified pet.
    """

    facts: Facts
    windows: Windows
    pictures: NDArray[np.uint8]
    picture_times_s: NDArray[np.float64]
    audio_16k: NDArray[np.int16] | None
    masks: NDArray[np.uint8]
    face_pictures: NDArray[np.uint8] | None
    stills: tuple[bytes, ...]
    pose: Pose | None = None
    posture: Posture | None = None

    @property
    def face_why(self) -> str:
        """Say why there is no face sequence, '' when there is."""
        return self.facts.face.why


FACTS = TypeAdapter(Facts)


def extract(
    path: Path,
    *,
    species: str,
    models: ExtractModels,
    faces: bool = True,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> Extract:
    """Decode a clip once and measure it.

    `faces`: whether somebody will read the face sequence; where the head is, is found anyway, but
    only for it does the head detector look.
    `on_progress` gets measured fractions 0..1. Raises ClipUnreadable, ClipNoVideo, ClipTooShort,
    ClipTooLong, ClipTooDemanding.
    """
    started = perf_counter()
    with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(AT_ONCE) as pool:
        ahead = Ahead(beside, models.detector)
        decoded = decode(
            path, on_progress=lambda f: on_progress(DECODING_SHARE * f), onlooker=ahead
        )
        if decoded.media.width * decoded.media.height > LARGE_PX:
            give_back()  # the decoder's frames: 60 MB less at the peak for 5 ms
        decoding_s = perf_counter() - started
        result = measure(decoded, species, models, decoding_s, ahead, pool, faces=faces)
    on_progress(1.0)
    return result


def measure(
    decoded: Decoded,
    species: str,
    models: ExtractModels,
    decoding_s: float,
    ahead: Ahead,
    pool: Executor,
    *,
    faces: bool,
) -> Extract:
    """Measure a decoded clip inside its longest shot; no core waits while `pool` has work.

    What is asked for last is made beside it, so that it never keeps the pet waiting.
    """
    laps = Laps()
    shots = find_shots(decoded.grey, decoded.grey_times_s, decoded.media.duration_s)
    shown = within(decoded.picture_times_s, shots.span_s)
    moving = within(decoded.grey_times_s, shots.span_s)
    pictures, times_s = decoded.pictures[shown], decoded.picture_times_s[shown]
    grey, grey_times_s = decoded.grey[moving], decoded.grey_times_s[moving]
    if len(grey) < LEAST_FOLLOWED:  # photos of a slide show; the last stood there until the next
        grey, grey_times_s = held(grey, grey_times_s, shots.span_s[1])
    size = (pictures.shape[2], pictures.shape[1])
    looks = ahead.looks_in(shown)
    following = ahead.beside.submit(ahead.flow_in, grey, len(decoded.grey))
    heard = ahead.beside.submit(hear, decoded, models.tagger)
    judged = ahead.beside.submit(measure_quality, pictures)
    keeping = ahead.beside.submit(stills.keep, pictures)
    pet = locate(pictures, times_s, models.detector, looks, pool.map)
    laps.mark("locate")
    pose, posture = look(pictures, times_s, pet, models.pose, pool.map)
    laps.mark("pose")
    known = (pose.masks, pose.squares) if pose else None
    masks = silhouettes(pictures, pet.boxes, known, pool.map)
    laps.mark("masks")
    flow = following.result()
    laps.mark("flow")  # what the detector did not hide
    if models.detector is None:
        pet = guessed(pet, flow, grey_times_s, times_s)
        masks = silhouettes(pictures, pet.boxes, each=pool.map)
    verified = pet.boxes if models.detector else (None,) * len(pet.boxes)
    outline = Outline(verified, masks, times_s, size)
    body = pool.submit(follow_body, grey, grey_times_s, outline)
    moved = pool.submit(measure_motion, flow, grey_times_s, outline, body.result)
    cut = crops(pictures, pet.boxes, masks)
    face = find_heads(verified, masks, size, pose)
    if faces and models.heads:
        face = look_closer(face, ByFace(models.heads, pictures, verified), pool.map)
    heads = sequence(pictures, face, verified, masks) if faces else None
    laps.mark("crops")
    motion, (sound, tags) = moved.result(), heard.result()
    movement = sum_up(motion)
    calls = name_calls(sound.events, tags, species) if sound and tags else ()
    windows = measure_windows(shots.span_s, motion, sound, calls)
    laps.mark("motion")
    facts = Facts(
        species=species,
        media=decoded.media,
        quality=judged.result(),
        shots=shots,
        pet=pet,
        face=face,
        movement=movement,
        sound=sound,
        tags=tags,
        calls=calls,
        timings_s={"decode": round(decoding_s, 4), **laps.seconds},
        pose_by=models.pose.made_by if models.pose and pose else "",
    )
    audio = as_int16(decoded, shots.span_s)
    return Extract(
        facts, windows, cut, times_s, audio, masks, heads, keeping.result(), pose, posture
    )


def held(
    grey: NDArray[np.uint8], times_s: NDArray[np.float64], end_s: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return frames (m, h, w) and their times with the last one held to the end, twice a second."""
    often = int((end_s - times_s[-1]) / PICTURE_INTERVAL_S)
    count = max(often, LEAST_FOLLOWED - len(grey))
    later_s = np.linspace(times_s[-1], end_s, count + 1)[1:]
    return np.concatenate([grey, grey[-1:].repeat(count, axis=0)]), np.append(times_s, later_s)


def look(
    pictures: NDArray[np.uint8],
    times_s: NDArray[np.float64],
    pet: Pet,
    network: PoseNetwork | None,
    each: Each = map,
) -> tuple[Pose | None, Posture | None]:
    """Find the pet's points and measure its posture, where a detector found the pet at all."""
    if network is None or not pet.pet_frames_share:
        return None, None
    pose = network.look(pictures, pet.boxes, each)
    return pose, measure_posture(pose, pictures.shape[2] / pictures.shape[1], times_s)


def guessed(
    pet: Pet, flow: Flow, grey_times_s: NDArray[np.float64], times_s: NDArray[np.float64]
) -> Pet:
    """Put boxes where something moves in place of none; they stay unverified."""
    middles = (grey_times_s[:-1] + grey_times_s[1:]) / 2
    boxes = guess_boxes(flow, middles, times_s)
    return replace(pet, boxes=boxes, how=(How.GUESSED,) * len(boxes))


def hear(decoded: Decoded, tagger: SoundTagger | None) -> tuple[Sound | None, Tags | None]:
    """Measure and name the sound; needs no pictures."""
    sound = measure_sound(decoded.sound.native, decoded.sound.rate_hz) if decoded.sound else None
    return sound, tag(decoded, sound, tagger)


def within(times_s: NDArray[np.float64], span_s: tuple[float, float]) -> slice:
    """Return which of rising times lie in [start, end); a slice, so that nothing is copied."""
    first, last = np.searchsorted(times_s, np.array(span_s) - 1e-6)
    return slice(int(first), int(last))


def tag(decoded: Decoded, sound: Sound | None, tagger: SoundTagger | None) -> Tags | None:
    """Name the sound track's sounds where there is a track and a tagger."""
    if decoded.sound is None or sound is None or not sound.usable or tagger is None:
        return None
    return tagger.tag(decoded.sound.at_16k)


def as_int16(decoded: Decoded, span_s: tuple[float, float]) -> NDArray[np.int16] | None:
    """Return the analysed span's 16 kHz sound as int16."""
    if decoded.sound is None:
        return None
    first, last = (round(at_s * ENCODER_RATE_HZ) for at_s in span_s)
    return np.round(decoded.sound.at_16k[first:last] * 32_767).astype(np.int16)


class Laps:
    """Measures how long each part takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = perf_counter()

    def mark(self, name: str) -> None:
        """Record the time since the last mark under a name."""
        now = perf_counter()
        self.seconds[name] = round(now - self.last, 4)
        self.last = now


def save(extracted: Extract, path: Path) -> None:
    """Write an extract to one file."""
    arrays: dict[str, NDArray[np.generic]] = {
        "window_middles_s": extracted.windows.middles_s,
        "window_rows": extracted.windows.rows,
        "pictures": extracted.pictures,
        "picture_times_s": extracted.picture_times_s,
        "masks": extracted.masks,
    }
    arrays["stills"], arrays["still_ends"] = stills.packed(extracted.stills)
    if extracted.face_pictures is not None:
        arrays["face_pictures"] = extracted.face_pictures
    if extracted.audio_16k is not None:
        arrays["audio_16k"] = extracted.audio_16k
    arrays |= pose_artifact.pack(extracted.pose, extracted.posture)
    artifact.write(path, FACTS.dump_json(extracted.facts), arrays)


def load(path: Path) -> Extract:
    """Read an extract and check it. Raises ArtifactInvalid."""
    text, arrays = artifact.read(path)
    try:
        facts = FACTS.validate_json(text)
    except ValidationError as error:
        raise artifact.ArtifactInvalid(f"{path.name}: {error.error_count()} facts") from error
    middles_s = artifact.expect(arrays, "window_middles_s", (-1,), "float64")
    times_s = artifact.expect(arrays, "picture_times_s", (-1,), "float64")
    n, w = len(times_s), len(middles_s)
    rows = artifact.expect(arrays, "window_rows", (w, len(COLUMNS)), "float32")
    pictures = artifact.expect(arrays, "pictures", (n, CROP_PX, CROP_PX, 3), "uint8")
    audio = artifact.expect(arrays, "audio_16k", (-1,), "int16") if "audio_16k" in arrays else None
    masks = artifact.expect(arrays, "masks", (n, MASK_PX, MASK_PX), "uint8")
    faces = None
    if "face_pictures" in arrays:
        shape = (LENGTH, CROP_PX, CROP_PX, 3)
        faces = np.asarray(artifact.expect(arrays, "face_pictures", shape, "uint8"), np.uint8)
    joined = artifact.expect(arrays, "stills", (-1,), "uint8")
    ends = artifact.expect(arrays, "still_ends", (n,), "int64")
    pose, posture = pose_artifact.unpack(arrays, n)
    return Extract(
        facts=facts,
        windows=Windows(np.asarray(middles_s, np.float64), np.asarray(rows, np.float32)),
        pictures=np.asarray(pictures, np.uint8),
        picture_times_s=np.asarray(times_s, np.float64),
        audio_16k=None if audio is None else np.asarray(audio, np.int16),
        masks=np.asarray(masks, np.uint8),
        face_pictures=faces,
        stills=stills.unpacked(np.asarray(joined, np.uint8), np.asarray(ends, np.int64)),
        pose=pose,
        posture=posture,
    )
