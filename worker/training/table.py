"""Features of many files as the arrays that a network reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.architectures.inputs import (
    MODALITIES,
    PRESENT,
    SEQUENCE_FRAMES,
    SPECIES,
    STATES,
    WIDTHS,
)
from worker.pipeline.encode import pooling
from worker.training.dataset import Example
from worker.training.features import Features
from worker.training.pictures import Shown

Array = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with their variants: vision (n, v, 576), audio (n, v, 768), pose (n, 1, 32), face
    (n, v, 16, 576), NaN where missing; present and quality (n, 3), species (n, 2).

    background (n, 576) is what is around the pet, signs (n, 5) what the ethogram adds to each class
    in nats, metadata (n, 8) what the file is like. With `shown`, face is the pictures themselves.
    """

    parts: dict[str, Array]
    present: NDArray[np.bool_]
    quality: Array
    species: Array
    background: Array
    signs: Array
    metadata: Array
    shown: Shown | None = None

    def __len__(self) -> int:
        return len(self.present)

    def inputs(
        self,
        names: Sequence[str],
        rows: Rows,
        *,
        variants: Rows | None = None,
        hidden: Sequence[str] = (),
    ) -> dict[str, Array]:
        """Return a network's inputs for rows; `hidden` modalities count as missing."""
        present = self.present[rows].copy()
        present[:, [MODALITIES.index(m) for m in hidden]] = False
        made = {
            "quality": np.where(present, self.quality[rows], 0).astype(np.float32),
            "species": self.species[rows],
        }
        for i, name in enumerate(MODALITIES):
            made[name + PRESENT] = present[:, i : i + 1].astype(np.float32)
        for name, part in self.parts.items():
            if name in names:
                made[name] = part[rows, 0 if variants is None else variants % part.shape[1]]
        if self.shown is not None and "face" in names:
            return {"face": self.shown.read(rows, variants)}
        return {name: np.nan_to_num(made[name]) for name in names}

    def answerable(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Tell for which rows a network has what it cannot do without."""
        if any(name.endswith(PRESENT) for name in names):
            return np.asarray(self.present.any(axis=1))
        if self.shown is not None and "face" in names:
            return self.shown.there
        needed = [self.parts[name][:, 0].reshape(len(self), -1) for name in names]
        return np.asarray(np.all([~np.isnan(part).any(axis=1) for part in needed], axis=0))


def build(
    examples: Sequence[Example], features: Sequence[Features], shown: Shown | None = None
) -> Table:
    """Put features into arrays; pictures are averaged, and sampled evenly for a sequence."""
    variants = max(max(len(f.vision), len(f.audio)) for f in features)
    vision = stacked([f.vision.mean(axis=1) if f.vision.shape[1] else None for f in features],
                     (variants, WIDTHS["vision"]))  # fmt: skip
    audio = stacked([f.audio if len(f.audio) else None for f in features],
                    (variants, WIDTHS["audio"]))  # fmt: skip
    pose = stacked([pooled(f.pose) for f in features], (1, WIDTHS["pose"]))
    face = stacked([sequence(f.vision) for f in features],
                   (variants, SEQUENCE_FRAMES, WIDTHS["vision"]))  # fmt: skip
    background = stacked(
        [f.background.mean(axis=0) if len(f.background) else None for f in features],
        (WIDTHS["vision"],),
    )
    known = [~np.isnan(part[:, 0, 0]) for part in (vision, audio, pose)]
    return Table(
        parts={"vision": vision, "audio": audio, "pose": pose, "face": face},
        present=np.stack(known, axis=1),
        quality=np.stack([f.quality for f in features]),
        species=np.array([[one.species == s for s in SPECIES] for one in examples], np.float32),
        background=background,
        signs=stacked([f.signs if len(f.signs) else None for f in features], (STATES,)),
        metadata=np.stack([f.metadata for f in features]),
        shown=shown,
    )


def stacked(arrays: Sequence[Array | None], shape: tuple[int, ...]) -> Array:
    """Stack arrays, NaN where there is none."""
    whole = np.full((len(arrays), *shape), np.nan, np.float32)
    for i, array in enumerate(arrays):
        if array is not None:
            whole[i] = array
    return whole


def pooled(pose: Array) -> Array | None:
    """Return each feature's mean (1, 32) over the pictures that show it, 0 where none does."""
    seen = ~np.isnan(pose)
    if not seen.any():
        return None
    mean = np.nansum(pose, axis=0, keepdims=True) / np.maximum(seen.sum(axis=0), 1)
    return np.asarray(mean, np.float32)


def sequence(vision: Array) -> Array | None:
    """Return 16 evenly spaced pictures (v, 16, 576) of a clip, None of a single picture."""
    pictures = vision.shape[1]
    if pictures < 2:
        return None
    return vision[:, pooling.evenly(pictures)]
