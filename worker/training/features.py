"""Numbers of labelled files, made by the product's own steps and kept by content.

What is trained on is what is served: `extract`, `encode` and their encoders, nothing else.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import ClipUnreadable, InputError
from worker.pipeline import bundles, weights
from worker.pipeline.architectures.inputs import WIDTHS
from worker.pipeline.encode import EncodeModels, encode, load_encoders, pooling
from worker.pipeline.encode.loading import find_graph
from worker.pipeline.encode.vision import VisionEncoder
from worker.pipeline.extract import ExtractModels, artifact, extract
from worker.pipeline.extract.crop import WHOLE, crops
from worker.pipeline.extract.decode import (
    PICTURE_SIDE_PX,
    choose_video,
    claimed_duration,
    opened,
)
from worker.pipeline.extract.detect import Box
from worker.pipeline.extract.listen import ENCODER_RATE_HZ, Listener
from worker.pipeline.extract.locate import locate
from worker.pipeline.extract.posture import Posture
from worker.pipeline.extract.quality import measure_quality
from worker.pipeline.extract.sound import Sound, measure_sound
from worker.pipeline.extract.stage import look
from worker.pipeline.fuse.ethogram import evidence, load_ethogram
from worker.pipeline.fuse.signs import read_signs
from worker.pipeline.run import load_detector, load_pose
from worker.training import augment, fingerprints
from worker.training.dataset import DatasetInvalid, Example, Kind
from worker.training.pictures import Shown, keep_sequence, read_sequence

VERSION = "7"  # of what is computed here; a new one recomputes everything
LONGEST_S = 60.0
METADATA = ("seconds", "width", "height", "fps", "bytes", "has_sound", "brightness", "sharpness")
MAX_HASHED = 8  # pictures of a clip that are hashed
VIEWS = 16  # of a lone picture, its own among them
ENCODERS = ("vision_encoder", "audio_encoder")
DETECTORS = ("detector", "second_detector")

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Models:
    """The networks of the first two steps, and what names them: (role, name, SHA-256)."""

    extract: ExtractModels
    encode: EncodeModels
    named: tuple[tuple[str, str, str], ...]


def load_models(weights_dir: Path | None, cache_dir: Path, threads: int) -> Models:
    """Load what is found of the detector and the encoders, with what names their numbers."""
    graphs = ((r, find_graph(r, weights_dir, cache_dir)) for r in ENCODERS)
    named = [(r, f.file.weights, f.file.sha256) for r, f in graphs if f is not None]
    for role in DETECTORS:
        if found := weights.find(role, weights_dir, cache_dir):
            named.append((role, found.file.weights, found.file.sha256))
    pose = load_pose(weights_dir, cache_dir, threads)
    if pose:
        named.append(("pose", pose.made_by, weights.sha256_of(pose.path)))
    return Models(
        extract=ExtractModels(load_detector(weights_dir, cache_dir, threads), None, pose),
        encode=load_encoders(weights_dir, cache_dir, threads),
        named=tuple(named),
    )


@dataclass(frozen=True, slots=True)
class Features:
    """One file's numbers. First axis of vision and audio: plain, then the augmented variants.

    vision (v, pictures, 576), of a still (v, 1, 576), the mean over looks at it; audio (v, 768);
    pose (pictures, 32), NaN where unseen; size 0 where missing.
    background (pictures, 576) is the crop without its pet; signs (5,) what the built-in ethogram
    adds to each class, in nats, size 0 of what is no clip; quality (3,) of vision, audio, pose;
    metadata (8,); picture_bits (k, 64) and sound_bits (512,) tell near-duplicates.
    """

    vision: Array
    audio: Array
    pose: Array
    background: Array
    signs: Array
    quality: Array
    metadata: Array
    picture_bits: NDArray[np.bool_]
    sound_bits: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Seen:
    """The part of a file that shows something: crops (n, 224, 224, 3) and where the pet is.

    A still's are crops of one picture, the first as it is served.
    """

    pictures: NDArray[np.uint8]
    boxes: tuple[Box | None, ...]
    size: tuple[int, int]
    is_still: bool = False

    @property
    def served(self) -> "Seen":
        """Return what the product would look at: all of a clip, the first crop of a still."""
        if not self.is_still:
            return self
        return replace(self, pictures=self.pictures[:1], boxes=self.boxes[:1])


Made = tuple[Features, Seen | None]


def folder_of(models: Models, cache_dir: Path, variants: int) -> Path:
    """Make the folder of what these networks make of files."""
    made_by = f"{VERSION} {variants} {models.named} {bundles.load_bundle().sha256}"
    recipe = hashlib.sha256(made_by.encode()).hexdigest()[:16]
    folder = cache_dir / "features" / recipe
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def of_all(
    examples: Sequence[Example],
    models: Models,
    folder: Path,
    *,
    variants: int,
    pictures: bool = False,
    on_done: Callable[[], None] = lambda: None,
) -> list[Features]:
    """Return every file's numbers, from its folder where they are. Raises DatasetInvalid with all.

    `variants` augmented ones beside the plain one; `pictures`: clips' sequences are kept as well.
    """
    found, mistakes = [], []
    for one in examples:
        try:
            found.append(kept(one, models, folder, variants, pictures=pictures))
        except InputError as error:
            mistakes.append(mistake(one, error))
        on_done()
    if mistakes:
        raise DatasetInvalid(mistakes)
    return found


def unreadable(one: Example) -> str | None:
    """Return why a file cannot be used, None if it can; of a clip only its header is read."""
    try:
        OPEN[one.kind](one.path)
    except InputError as error:
        return mistake(one, error)
    return None


def mistake(one: Example, error: InputError) -> str:
    """Say why a row's file cannot be used."""
    return f"line {one.line}, column path: {one.path.name}: {error.detail}"


def sequences(examples: Sequence[Example], found: Sequence[Features], folder: Path) -> Shown:
    """Return where the sequences are kept, of all that show more than one picture."""
    pairs = zip(examples, found, strict=True)
    return Shown(
        tuple(pictures_of(one, folder) if len(f.picture_bits) > 1 else None for one, f in pairs)
    )


def pictures_of(one: Example, folder: Path) -> Path:
    """Name the file of a clip's sequence."""
    return folder / f"{one.sha256}.{one.species}.pictures.npz"


def kept(one: Example, models: Models, folder: Path, variants: int, *, pictures: bool) -> Features:
    """Return one file's numbers, computing and keeping them where they are not."""
    path = folder / f"{one.sha256}.{one.species}.npz"
    names = [f.name for f in fields(Features)]
    in_sequence = pictures and one.kind == Kind.CLIP
    with suppress(artifact.ArtifactInvalid, KeyError):  # missing, or damaged: made again
        _, arrays = artifact.read(path)
        if in_sequence:
            read_sequence(pictures_of(one, folder))
        return Features(**{name: arrays[name] for name in names})  # type: ignore[arg-type]
    rng = np.random.default_rng(int(one.sha256[:16], 16))
    made, seen = MAKE[one.kind](one, models, variants, rng)
    if in_sequence and seen is not None:
        keep_sequence(pictures_of(one, folder), seen.pictures)
    part = path.with_suffix(f".{rng.integers(1 << 30)}.part")
    artifact.write(part, b"{}", {name: getattr(made, name) for name in names})
    part.replace(path)
    return made


def of_clip(one: Example, models: Models, variants: int, rng: np.random.Generator) -> Made:
    """Return a clip's numbers and crops. Raises what `extract` raises."""
    seen = extract(one.path, species=one.species, models=models.extract, faces=False)
    encoding = encode(seen, models.encode, faces=False)
    media = seen.facts.media
    boxes = seen.facts.pet.boxes[: len(seen.pictures)]
    shown = Seen(seen.pictures, boxes, (media.width, media.height))
    heard = None
    if encoding.audio is not None and seen.audio_16k is not None:
        heard = seen.audio_16k.astype(np.float32) / np.float32(32_767)
    pose = measured(seen.posture)
    trusted = pooling.quality(seen, encoding.pose_mask)
    about = (media.duration_s, media.width, media.height, media.fps)
    quality = seen.facts.quality
    made = put_together(
        one, models, variants, rng, shown, heard, pose, trusted,
        (*about, heard is not None, quality.brightness, quality.sharpness),
    )  # fmt: skip
    table = load_ethogram(bundles.load_bundle()).of(one.species)
    signs = evidence(table, read_signs(table, seen)[0]).astype(np.float32)
    return replace(made, signs=signs), shown


def of_image(one: Example, models: Models, variants: int, rng: np.random.Generator) -> Made:
    """Return a picture's numbers and crop. Raises ClipUnreadable."""
    read = picture_of(one.path)
    height, width = read.shape[:2]
    scale = min(1.0, PICTURE_SIDE_PX / max(height, width))
    small = cv2.resize(read, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pictures = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)[None]
    pet = locate(pictures, np.zeros(1), models.extract.detector)
    pose = measured(look(pictures, np.zeros(1), pet, models.extract.pose)[1])
    quality = measure_quality(pictures)
    shown = views_of(pictures[0], pet.boxes[0], rng)
    about = (0, width, height, 0, False, quality.brightness, quality.sharpness)
    trusted = (quality.sharpness, 0.0, known_share(pose))
    return put_together(one, models, variants, rng, shown, None, pose, trusted, about), shown


def views_of(picture: NDArray[np.uint8], box: Box | None, rng: np.random.Generator) -> Seen:
    """Look at a picture several times, the box a little off.

    How the pet happens to lie in its square a clip's pictures average out, and a lone one's row
    would hold: multi-crop testing (Krizhevsky et al. 2012, 10.1145/3065386; docs/training.md).
    """
    boxes = (box, *(augment.wobbled(box or WHOLE, rng) for _ in range(VIEWS - 1)))
    size = (picture.shape[1], picture.shape[0])
    return Seen(crops([picture] * VIEWS, boxes), boxes, size, is_still=True)


def measured(posture: Posture | None) -> Array | None:
    """Return posture (pictures, 32), NaN where it could not be measured; None of none at all."""
    if posture is None or not posture.known.any():
        return None
    return np.where(posture.known, posture.rows, np.nan).astype(np.float32)


def known_share(pose: Array | None) -> float:
    """Return the share of posture's numbers that were measured."""
    return 0.0 if pose is None else float((~np.isnan(pose)).mean())


def of_audio(one: Example, models: Models, variants: int, rng: np.random.Generator) -> Made:
    """Return a recording's numbers. Raises ClipUnreadable."""
    native, rate_hz, at_16k, sound = recording_of(one.path)
    heard = (np.round(at_16k * 32_767) / 32_767).astype(np.float32)  # as a clip's is handed on
    about = (len(native) / rate_hz, 0, 0, rate_hz, True, 0, 0)
    trusted = (0.0, 1 - sound.clipped_share, 0.0)
    return put_together(one, models, variants, rng, None, heard, None, trusted, about), None


MAKE = {Kind.CLIP: of_clip, Kind.IMAGE: of_image, Kind.AUDIO: of_audio}


def put_together(
    one: Example,
    models: Models,
    variants: int,
    rng: np.random.Generator,
    seen: Seen | None,
    heard: Array | None,
    pose: Array | None,
    trusted: tuple[float, ...] | Array,
    about: tuple[float, ...],
) -> Features:
    """Encode what is there, plain and augmented."""
    vision, background = see(seen, models.encode, variants, rng)
    bits = np.zeros((0, fingerprints.PICTURE_BITS), bool)
    if seen is not None:
        step = max(1, len(seen.served.pictures) // MAX_HASHED)
        bits = fingerprints.picture_bits(seen.served.pictures[::step][:MAX_HASHED])
    metadata = (*about[:4], one.path.stat().st_size, *about[4:])
    return Features(
        vision=vision,
        audio=hear(heard, models.encode, variants, rng),
        pose=np.zeros((0, 32), np.float32) if pose is None else pose,
        background=background,
        signs=np.zeros(0, np.float32),
        quality=np.asarray(trusted, np.float32),
        metadata=np.asarray(metadata, np.float32),
        picture_bits=bits,
        sound_bits=np.zeros(0, bool) if heard is None else fingerprints.sound_bits(heard),
    )


def see(
    seen: Seen | None, models: EncodeModels, variants: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the pictures' numbers (v, n, 576), and those of their backgrounds (n, 576)."""
    nothing = np.zeros((0, 576), np.float32)
    if seen is None or models.vision is None:
        return nothing[None], nothing
    rows = [numbers(seen, seen.pictures, models.vision, rng)]
    for _ in range(variants):
        swapped = augment.background_swapped(seen.pictures, seen.boxes, seen.size, rng)
        shown = swapped if rng.random() < 0.5 else seen.pictures
        rows.append(numbers(seen, augment.cropped(shown, rng), models.vision, rng))
    served = seen.served
    around = augment.without_pet(served.pictures, served.boxes, served.size)
    return np.stack(rows), nothing if around is None else models.vision.encode(around)


def numbers(
    seen: Seen, pictures: NDArray[np.uint8], encoder: VisionEncoder, rng: np.random.Generator
) -> Array:
    """Return the numbers of a clip's pictures (n, 576), of a still's the mean (1, 576)."""
    if not seen.is_still:
        return encoder.encode(pictures)
    found = encoder.encode(augment.looked_at_again(pictures, rng))
    return np.asarray(found.mean(axis=0, keepdims=True), np.float32)


def hear(
    heard: Array | None, models: EncodeModels, variants: int, rng: np.random.Generator
) -> Array:
    """Return the sound's numbers (v, 768)."""
    if heard is None or models.audio is None:
        return np.zeros((0, WIDTHS["audio"]), np.float32)
    changed = [augment.at_speed(heard, rng) for _ in range(variants)]
    return np.stack([models.audio.encode(samples) for samples in (heard, *changed)])


def open_clip(path: Path) -> None:
    """Read a clip's header. Raises what `extract` raises of one without pictures, or too long."""
    with opened(path) as container:
        claimed_duration(container, choose_video(container))


def picture_of(path: Path) -> NDArray[np.uint8]:
    """Return a whole picture (h, w, 3) uint8 BGR. Raises ClipUnreadable."""
    read = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if read is None:
        raise ClipUnreadable("the picture cannot be read.")
    return np.asarray(read, np.uint8)


def recording_of(path: Path) -> tuple[Array, int, Array, Sound]:
    """Return what `sound_of` does, and its measures. Raises ClipUnreadable of silence, too."""
    native, rate_hz, at_16k = sound_of(path)
    sound = measure_sound(native, rate_hz)
    if not sound.usable:
        raise ClipUnreadable("the recording is silent.")
    return native, rate_hz, at_16k, sound


OPEN: dict[Kind, Callable[[Path], object]] = {
    Kind.CLIP: open_clip,
    Kind.IMAGE: picture_of,
    Kind.AUDIO: recording_of,
}


def sound_of(path: Path) -> tuple[Array, int, Array]:
    """Return a recording's samples at their own rate, that rate, and at 16 kHz, mono."""
    listener = Listener()
    try:
        with av.open(f"file:{path.absolute()}", options={"protocol_whitelist": "file"}) as opened:
            stream = opened.streams.audio[0]
            for frame in opened.decode(stream):
                if float(frame.time or 0) > LONGEST_S:
                    break
                listener.hear(frame)
            listener.start_s = 0.0
            track = listener.finish(start_s=0.0, duration_s=LONGEST_S)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise ClipUnreadable("the recording cannot be read.") from error
    if track is None or len(track.at_16k) < ENCODER_RATE_HZ // 10:
        raise ClipUnreadable("the recording is shorter than a tenth of a second.")
    return track.native, track.rate_hz, track.at_16k
