"""Asks a learned bundle's network about a clip: as it is, in parts, second by second.

Knows nothing of the ethogram. Numbers are nats: logits over their temperature, times the network's
exponent, over what the network says of a clip of which nothing is known. `late_fusion` has no word
for nothing; there a row of zeros stands for it, so what it says of its parts is rough.
"""

import dataclasses
import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.architectures.inputs import (
    EMBEDDING,
    FRAME_LOGITS,
    LOGITS,
    PRESENT,
    SEQUENCE_FRAMES,
)
from worker.pipeline.bundles import Bundle
from worker.pipeline.encode import Encoding
from worker.pipeline.extract import Extract
from worker.pipeline.fuse import calibrate
from worker.pipeline.fuse.occlude import Mask, covered
from worker.pipeline.fuse.rows import (
    PICTURE,
    PICTURE_NUMBERS,
    Row,
    feed,
    row_of,
    row_without,
    window_rows,
)
from worker.pipeline.manifest import MODALITIES
from worker.pipeline.runtime import OnnxNetwork

Nats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learned:
    """What a network says of a clip, in nats: (5,), and of its windows (w, 5).

    base: of nothing but its species and breed. added: over that. parts: with these modalities
    only. embedding (d,) as it comes.
    """

    row: Row
    base: Nats
    added: Nats
    parts: dict[frozenset[str], Nats]
    windows: Nats
    embedding: NDArray[np.float32] | None


@functools.lru_cache(maxsize=4)
def network_of(bundle: Bundle) -> OnnxNetwork:
    """Load a bundle's network once per process; it is small, so one CPU thread serves it best."""
    assert bundle.manifest.weights is not None
    return OnnxNetwork(bundle.directory / bundle.manifest.weights.onnx, 1)


def ask(
    bundle: Bundle, extracted: Extract, encoding: Encoding, species: str, breed: str
) -> tuple[Learned | None, dict[str, str]]:
    """Return what the network says, or None; and what it could not read, with the reasons."""
    if bundle.manifest.weights is None:
        return None, {}
    name = f"network of {bundle.name}"
    if species not in bundle.manifest.species:
        return None, {name: f"it did not learn from {species}s"}
    row, absent = row_of(bundle.manifest, extracted, encoding, species)
    reads = [m for m in MODALITIES if m in network_of(bundle).inputs]
    missing = {m: why for m, why in absent.items() if m in reads}
    if not can_answer(bundle, row):
        return None, {name: lacking(missing)}
    row = row.only(m for m in row.present if m in reads)
    told = {f"{m} for the network": why for m, why in missing.items()}
    said = answer(bundle, row, extracted, encoding)
    shift = calibrate.offset_of(bundle.manifest, species, breed)
    return dataclasses.replace(said, base=said.base + shift), told


def can_answer(bundle: Bundle, row: Row) -> bool:
    """Tell whether a network has what it cannot do without."""
    reads = network_of(bundle).inputs
    needed = [m for m in MODALITIES if m in reads]
    enough = any if takes_missing(bundle) else all
    return enough(m in row.present for m in needed)


def takes_missing(bundle: Bundle) -> bool:
    """Tell whether a network knows what a missing modality is."""
    return any(name.endswith(PRESENT) for name in network_of(bundle).inputs)


def lacking(missing: dict[str, str]) -> str:
    """Say what kept a network from an answer."""
    said = "; ".join(f"{m}: {why}" for m, why in missing.items())
    return f"it cannot answer, so the ethogram decides ({said})"


def answer(bundle: Bundle, row: Row, extracted: Extract, encoding: Encoding) -> Learned:
    """Ask about the clip, its parts and its windows."""
    subsets = [
        frozenset(some)
        for n in range(len(row.present) + 1)
        for some in itertools.combinations(row.present, n)
    ]
    found = run(bundle, [row.only(some) for some in subsets])
    empty = found[LOGITS][0]
    nats = {s: scaled(bundle, row, found[LOGITS][i], empty) for i, s in enumerate(subsets)}
    embedding = found[EMBEDDING][-1] if EMBEDDING in found else None
    if FRAME_LOGITS in found:
        framed = frames_by_window(found[FRAME_LOGITS][-1], extracted)
    else:
        seconds = window_rows(row, extracted, encoding)
        framed = run(bundle, usable(bundle, row, seconds))[LOGITS]
    return Learned(
        row,
        base=scaled(bundle, row, empty, np.zeros_like(empty)),
        added=nats[frozenset(row.present)],
        parts=nats,
        windows=scaled(bundle, row, framed, empty),
        embedding=embedding,
    )


def usable(bundle: Bundle, whole: Row, rows: list[Row]) -> list[Row]:
    """Return rows with the clip's own in place of what a network cannot miss."""
    if takes_missing(bundle):
        return rows
    return [dataclasses.replace(whole, **{m: getattr(row, m) for m in row.present}) for row in rows]


def without(
    bundle: Bundle, said: Learned, extracted: Extract, encoding: Encoding, hidden: list[Mask]
) -> Nats:
    """Return what the network says of the clip without the windows of each mask (n, 5)."""
    if "face" in said.row.present:  # its answer is the mean over its frames
        times_s = frame_times(extracted)
        shown = np.array([~covered(extracted, times_s, mask) for mask in hidden])  # (n, 16)
        each = scaled_frames(bundle, said.row)
        counted = shown.sum(axis=1, keepdims=True)
        return np.where(counted > 0, shown @ each / np.maximum(counted, 1), 0.0)
    without = [row_without(said.row, extracted, encoding, mask) for mask in hidden]
    rows = usable(bundle, said.row, without)
    found = run(bundle, [said.row.only(()), *rows])[LOGITS]
    return scaled(bundle, said.row, found[1:], found[0])


def scaled_frames(bundle: Bundle, row: Row) -> Nats:
    """Return what the network says of each frame of a sequence (16, 5)."""
    found = run(bundle, [row.only(()), row])
    return scaled(bundle, row, found[FRAME_LOGITS][1], found[LOGITS][0])


def scaled(
    bundle: Bundle, row: Row, logits: NDArray[np.float32], empty: NDArray[np.float32]
) -> Nats:
    """Turn logits (..., 5) into nats at the temperature of the clip's presence pattern."""
    weight = calibrate.weight(bundle.manifest, row.present)
    return np.asarray((logits.astype(np.float64) - empty) * weight)


def run(bundle: Bundle, rows: list[Row]) -> dict[str, NDArray[np.float32]]:
    """Run the network on rows; no rows give no answers."""
    network = network_of(bundle)
    if not rows:
        return {LOGITS: np.zeros((0, len(bundle.manifest.classes)), np.float32)}
    return network.run(feed(network.inputs, shapes(bundle), rows))


def shapes(bundle: Bundle) -> dict[str, tuple[int, ...]]:
    """Return the shape of each feature's row; a sequence's, too, where it is of pictures."""
    made: dict[str, tuple[int, ...]] = {}
    for feature in bundle.manifest.features:
        one = PICTURE if feature.width == PICTURE_NUMBERS else (feature.width,)
        made[feature.name] = one if feature.frames is None else (feature.frames, *one)
    return made


def frame_times(extracted: Extract) -> NDArray[np.float64]:
    """Return when the 16 frames of a sequence were filmed: evenly through the span."""
    start_s, end_s = extracted.facts.shots.span_s
    return np.linspace(start_s, end_s, SEQUENCE_FRAMES)


def frames_by_window(each: NDArray[np.float32], extracted: Extract) -> NDArray[np.float32]:
    """Return the logits of the frame nearest to each window's middle (w, 5)."""
    apart = np.abs(extracted.windows.middles_s[:, None] - frame_times(extracted)[None])
    return np.asarray(each[apart.argmin(axis=1)])
