"""What the networks weigh on disk, and what INT8 and cut positions change in Whisper's numbers.

Without weights only the built-in bundle has a size; without real sounds beside the checkout
(TAILTREND_TEST_DATA) nothing is said about numbers.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure, at_least, at_most
from bench.size import Size
from shared.settings import settings
from worker.pipeline import weights
from worker.pipeline.bundles import BUILT_IN
from worker.pipeline.encode import AudioEncoder, convert
from worker.pipeline.encode.loading import find_graph
from worker.pipeline.encode.mel import log_mel
from worker.pipeline.encode.whisper import MAX_POSITIONS, WIDTH, position_table, summary
from worker.pipeline.encode.whisper_graph import encoder_graph
from worker.pipeline.extract import pose
from worker.pipeline.runtime import OnnxNetwork
from worker.training.features import sound_of

MOST_MB = 42.0
LEAST_COSINE, LEAST_AGREEMENT = 99.0, 95.0  # %
GRAPHS = ("vision_encoder", "audio_encoder")
PAD = 480_000  # samples, 30 s

Array = NDArray[np.float32]


def measure(size: Size) -> list[Figure]:
    """Measure what is there."""
    built_in = sum(p.stat().st_size for p in BUILT_IN.iterdir())
    figures = [Figure("weights", "built-in bundle on disk", built_in / 1e6, "MB")]
    if settings().weights_dir is None:
        return figures
    served = sum(p.stat().st_size for p in served_files())
    target = at_most(served / 1e6, MOST_MB, f"< {MOST_MB:g} MB")
    figures.append(Figure("weights", "default set as served", served / 1e6, "MB", target=target))
    sounds = real_sounds(size.sounds)
    return [*figures, *of_whisper(sounds)] if sounds else figures


def served_files() -> list[Path]:
    """List the files that a CPU worker reads, our own keypoint network's among them."""
    chosen = settings()
    cache_dir = chosen.cache_dir.expanduser()
    found = [path for path in (pose.BUILT_IN, pose.TAPPED) if path.is_file()]
    for role in weights.ROLES:
        look = find_graph if role in GRAPHS else weights.find
        file = look(role, chosen.weights_dir, cache_dir)
        if file is not None:
            found.append(file.path)
    return found


def real_sounds(most: int) -> list[tuple[str, Array]]:
    """Read meows with their context (the first letter of CatMeows' names), evenly chosen."""
    root = Path(__file__).parents[1].parent / "shared"
    folder = Path(os.environ.get("TAILTREND_TEST_DATA", root)) / "data" / "cat-meows"
    paths = sorted(folder.glob("*.wav")) if folder.is_dir() else []
    chosen = paths[:: max(1, len(paths) // most)][:most]
    return [(path.name[0], sound_of(path)[2]) for path in chosen]


def of_whisper(sounds: list[tuple[str, Array]]) -> list[Figure]:
    """Compare INT8 with full precision, and cut positions with the 30 s form."""
    chosen = settings()
    cache_dir = chosen.cache_dir.expanduser()
    served = find_graph("audio_encoder", chosen.weights_dir, cache_dir)
    source = weights.find("audio_encoder", chosen.weights_dir, cache_dir)
    if served is None or source is None:
        return []
    tensors = convert.audio_tensors(source.path)
    graph = encoder_graph(tensors, *convert.shape_of(tensors)).SerializeToString()
    exact, int8 = (AudioEncoder(OnnxNetwork(g, 1), "") for g in (graph, served.path))
    full = np.stack([exact.encode(sound) for _, sound in sounds])
    small = np.stack([int8.encode(sound) for _, sound in sounds])
    padded = np.stack([in_thirty_seconds(exact, sound) for _, sound in sounds])
    labels = np.array([label for label, _ in sounds])
    n = f"{len(sounds)} meows"
    return [
        alike("INT8, least likeness", full, small, np.min, LEAST_COSINE, n),
        alike("INT8, median likeness", full, small, np.median, None, n),
        same_decisions("INT8, same decisions", full, small, labels, n),
        alike("cut positions, median likeness to 30 s", full, padded, np.median, None, n),
        same_decisions("cut positions, same decisions as 30 s", full, padded, labels, n, None),
    ]


def in_thirty_seconds(encoder: AudioEncoder, sound: Array) -> Array:
    """Encode a sound padded to 30 s, all of it at once, and sum up its real frames only."""
    mel = log_mel(np.pad(sound, (0, PAD - len(sound))))
    frames = encoder.attend((mel, position_table(MAX_POSITIONS, WIDTH)))
    return summary(frames[: -(-len(sound) // 320)])


def alike(
    what: str,
    one: Array,
    other: Array,
    summary: Callable[[Array], float],
    least: float | None,
    n: str,
) -> Figure:
    """Give the cosines of two encodings of the same sounds, summed up."""
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    value = 100 * float(summary((one * other).sum(axis=1) / norms))
    target = None if least is None else at_least(value, least, f">= {least:g} %")
    return Figure("weights", f"Whisper {what}", value, "% cosine", n, target=target)


def same_decisions(
    what: str,
    one: Array,
    other: Array,
    labels: NDArray[np.str_],
    n: str,
    least: float | None = LEAST_AGREEMENT,
) -> Figure:
    """Give how often a nearest-centroid classifier of contexts says the same of both.

    It is fitted on the first encoding, each sound left out of its own centroid.
    """
    value = 100 * float((nearest(one, one, labels) == nearest(one, other, labels)).mean())
    target = None if least is None else at_least(value, least, f">= {least:g} %")
    return Figure("weights", f"Whisper {what}", value, "%", n, target=target)


def nearest(fitted: Array, asked: Array, labels: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return the label of the nearest centroid, the row's own sound left out."""
    names = np.unique(labels)
    middle, spread = fitted.mean(axis=0), fitted.std(axis=0) + 1e-6
    known, new = (fitted - middle) / spread, (asked - middle) / spread
    distances = np.empty((len(new), len(names)))
    for k, name in enumerate(names):
        mine = labels == name
        total, count = known[mine].sum(axis=0), mine.sum()
        centroids = (total - known * mine[:, None]) / np.maximum(count - mine[:, None], 1)
        distances[:, k] = np.linalg.norm(new - centroids, axis=1)
    return np.asarray(names[distances.argmin(axis=1)])
