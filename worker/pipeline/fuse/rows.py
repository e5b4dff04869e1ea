"""What a learned bundle's network reads of a clip, of one window, and of a clip without one."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.architectures.inputs import PICTURE_PX, PRESENT, QUALITY, SPECIES
from worker.pipeline.encode import Encoding, pooling
from worker.pipeline.encode.vision import normalised
from worker.pipeline.extract import Extract
from worker.pipeline.extract.windows import WINDOW_S
from worker.pipeline.fuse.occlude import Mask, covered
from worker.pipeline.manifest import MODALITIES, Feature, Manifest

PICTURE = (3, PICTURE_PX, PICTURE_PX)
PICTURE_NUMBERS = 3 * PICTURE_PX * PICTURE_PX  # the width of a feature that is the picture itself

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Row:
    """One clip for a network: vision (576,), audio (768,), pose (32,), face (16, ...), or None.

    quality (3,) as `pooling.quality`.
    """

    vision: Array | None
    audio: Array | None
    pose: Array | None
    face: Array | None
    quality: Array
    species: str

    @property
    def present(self) -> tuple[str, ...]:
        """Return the modalities that are there, in the order of a presence pattern."""
        return tuple(m for m in MODALITIES if getattr(self, m) is not None)

    def only(self, kept: Iterable[str]) -> "Row":
        """Return the row with these modalities and no other."""
        left = frozenset(kept)
        return dataclasses.replace(
            self,
            vision=self.vision if "vision" in left else None,
            audio=self.audio if "audio" in left else None,
            pose=self.pose if "pose" in left else None,
            face=self.face if "face" in left else None,
        )


def row_of(
    manifest: Manifest, extracted: Extract, encoding: Encoding, species: str
) -> tuple[Row, dict[str, str]]:
    """Return a clip's row, and why each modality that the bundle reads is missing in it."""
    sequence = next((f for f in manifest.features if f.frames is not None), None)
    row = Row(
        vision=mean(encoding.vision),
        audio=encoding.audio,
        pose=pooling.pooled(encoding.pose, encoding.pose_mask),
        face=None if sequence is None else faces(sequence, extracted, encoding),
        quality=pooling.quality(extracted, encoding.pose_mask),
        species=species,
    )
    why = {m: reason(manifest, m, encoding, sequence) for m in row.present}
    foreign = {m: w for m, w in why.items() if w}
    kept = row.only(m for m in row.present if m not in foreign)
    absent = {m: absence(m, encoding) for m in MODALITIES if getattr(row, m) is None}
    return kept, {**absent, **foreign}


def mean(rows: Array | None) -> Array | None:
    """Return the mean row, None where there is none."""
    return None if rows is None or not len(rows) else np.asarray(rows.mean(axis=0), np.float32)


def faces(feature: Feature, extracted: Extract, encoding: Encoding) -> Array | None:
    """Return a sequence of 16: encoded faces, or the pet's crops, encoded or as pictures."""
    if feature.width != PICTURE_NUMBERS:
        return encoding.face if feature.of == "face" else pooling.sequence(encoding.vision)
    pictures = extracted.face_pictures
    if feature.of == "pet":
        n = len(extracted.pictures)
        pictures = extracted.pictures[pooling.evenly(n)] if n > 1 else None
    return None if pictures is None else normalised(pictures)  # (16, 3, 224, 224)


def absence(modality: str, encoding: Encoding) -> str:
    """Return why an encoding lacks a modality."""
    return getattr(encoding.presence, modality) or "nothing of it could be measured"


def reason(manifest: Manifest, modality: str, encoding: Encoding, sequence: Feature | None) -> str:
    """Return why a modality's numbers are not those that a bundle learned from, '' if they are."""
    roles = {"vision": "vision_encoder", "audio": "audio_encoder", "pose": "pose"}
    maker = "vision" if modality == "face" else modality
    if modality == "face" and sequence is not None and sequence.width == PICTURE_NUMBERS:
        return ""
    wanted = [e.name for e in manifest.encoders if e.role == roles[maker]]
    made_by = encoding.presence.made_by.get(maker)
    if not wanted or made_by in (None, *wanted):
        return ""
    return f"made by {made_by}; the bundle learned from {' or '.join(wanted)}"


def window_rows(row: Row, extracted: Extract, encoding: Encoding) -> list[Row]:
    """Return one row per window: its pictures, sound and pose, where the clip's row has them."""
    made = []
    for i, middle_s in enumerate(extracted.windows.middles_s):
        shown = np.abs(extracted.picture_times_s - middle_s) <= WINDOW_S / 2
        sound = encoding.audio_windows[i] if encoding.audio_windows is not None else row.audio
        own = dataclasses.replace(pictured(row, encoding, shown), audio=sound, face=None)
        made.append(own.only(set(row.present) & set(own.present)))
    return made


def row_without(row: Row, extracted: Extract, encoding: Encoding, hidden: Mask) -> Row:
    """Return the clip's row without the pictures, sound and pose of the hidden windows (w,)."""
    gone = covered(extracted, extracted.picture_times_s, hidden)
    audio = row.audio
    windows = encoding.audio_windows
    if audio is not None and windows is not None:
        rest = windows[~hidden].mean(axis=0) - windows.mean(axis=0) if not hidden.all() else None
        audio = None if rest is None else np.asarray(audio + rest, np.float32)
    own = dataclasses.replace(pictured(row, encoding, ~gone), audio=audio)
    return own.only(set(row.present) & set(own.present))


def pictured(row: Row, encoding: Encoding, shown: Mask) -> Row:
    """Return the row with the pictures and poses that a mask (n,) shows."""
    vision = mean(encoding.vision[shown]) if encoding.vision is not None else None
    pose = mask = None
    if encoding.pose is not None and encoding.pose_mask is not None:
        pose, mask = encoding.pose[shown], encoding.pose_mask[shown]
    return dataclasses.replace(row, vision=vision, pose=pooling.pooled(pose, mask))


def feed(
    names: Sequence[str], widths: dict[str, tuple[int, ...]], rows: list[Row]
) -> dict[str, Array]:
    """Return a network's inputs for rows; a missing modality is zeros beside its 0 of presence."""
    return {name: np.stack([column(name, widths, row) for row in rows]) for name in names}


def column(name: str, widths: dict[str, tuple[int, ...]], row: Row) -> Array:
    """Return one input of one row; a bundle that learned from fewer numbers reads the first."""
    if name == "species":
        return np.array([row.species == s for s in SPECIES], np.float32)
    if name == "quality":
        there = [m in row.present for m in QUALITY]
        return np.where(there, row.quality, 0).astype(np.float32)
    if name.endswith(PRESENT):
        return np.array([name.removesuffix(PRESENT) in row.present], np.float32)
    part: Array | None = getattr(row, name)
    if part is None:
        return np.zeros(widths[name], np.float32)
    return part[: widths[name][0]] if part.ndim == 1 else part
