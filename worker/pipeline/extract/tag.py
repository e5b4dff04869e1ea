"""Names sounds with YAMNet. Speech is only counted, never transcribed or stored.

LiteRT runs it; MediaPipe's AudioClassifier where LiteRT is not installed. Both give the same scores
(a test says how nearly); MediaPipe takes ten times as long and 130 MB more, and needs GL libraries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.listen import ENCODER_RATE_HZ
from worker.pipeline.extract.sound import SoundEvent

WINDOW = 15_600  # samples, 0.975 s: YAMNet's input
HOP = WINDOW // 2  # half-overlapping windows raise the maxima (notes/pipeline.md 8)
# AudioSet classes of YAMNet's class map (tensorflow/models, research/audioset/yamnet).
CLASSES = {
    "speech": 0, "pant": 40, "animal": 67, "dog": 69, "bark": 70, "yip": 71, "howl": 72,
    "bow-wow": 73, "growl": 74, "whimper": 75, "cat": 76, "purr": 77, "meow": 78, "hiss": 79,
    "caterwaul": 80, "music": 132, "silence": 494,
}  # fmt: skip
COLUMNS = {name: k for k, name in enumerate(CLASSES)}
CALLS = {
    "dog": ("bark", "yip", "howl", "growl", "whimper", "pant"),
    "cat": ("meow", "purr", "hiss", "caterwaul", "growl"),
}
MIN_SCORE = 0.15
OWN_KIND = 0.2  # the species itself must be heard at least this surely
SUNG_OR_SAID = 0.5


@dataclass(frozen=True, slots=True)
class Tags:
    """What YAMNet hears: window starts (s) and scores (n, len(CLASSES)) in the order of CLASSES."""

    starts_s: tuple[float, ...]
    scores: tuple[tuple[float, ...], ...]

    def of(self, name: str) -> NDArray[np.float64]:
        """Return one class's score per window."""
        column = COLUMNS[name]
        return np.array([row[column] for row in self.scores])


@dataclass(frozen=True, slots=True)
class Call:
    """A sound event that the tagger ascribes to the pet's species."""

    kind: str
    score: float
    event: int  # index into Sound.events
    span_s: tuple[float, float]


class SoundTagger(Protocol):
    """YAMNet (Google, Apache-2.0): 521 AudioSet classes in windows of 0.975 s."""

    def tag(self, at_16k: NDArray[np.float32]) -> Tags:
        """Score mono 16 kHz float samples in half-overlapping windows, the last one padded."""


def load_tagger(path: Path, threads: int) -> SoundTagger:
    """Load YAMNet into the first runtime that is installed."""
    try:
        return LiteRtTagger(path, threads)
    except ImportError:
        return MediaPipeTagger(path)


def starts_of(at_16k: NDArray[np.float32]) -> range:
    """Return the first sample of each window."""
    return range(0, max(1, len(at_16k) - WINDOW // 2), HOP)


def tags_of(starts: Sequence[int], rows: Sequence[NDArray[np.float32]]) -> Tags:
    """Return what was heard from all 521 scores of each window."""
    chosen = [tuple(round(float(row[i]), 4) for i in CLASSES.values()) for row in rows]
    return Tags(tuple(round(s / ENCODER_RATE_HZ, 4) for s in starts), tuple(chosen))


class LiteRtTagger:
    """YAMNet on LiteRT."""

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(path), num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def tag(self, at_16k: NDArray[np.float32]) -> Tags:
        """Score mono 16 kHz float samples, the last window padded with silence."""
        starts = starts_of(at_16k)
        return tags_of(starts, [self.score(at_16k[s : s + WINDOW]) for s in starts])

    def score(self, piece: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one window's scores (521,)."""
        window = np.pad(piece, (0, WINDOW - len(piece))).reshape(self.input["shape"])
        self.interpreter.set_tensor(self.input["index"], window.astype(np.float32))
        self.interpreter.invoke()
        return np.asarray(self.interpreter.get_tensor(self.output["index"]).ravel(), np.float32)


class MediaPipeTagger:
    """YAMNet in MediaPipe's AudioClassifier; the file must hold TFLite metadata: Google's does."""

    def __init__(self, path: Path) -> None:
        from mediapipe.tasks.python import audio
        from mediapipe.tasks.python.core.base_options import BaseOptions

        asset = BaseOptions(model_asset_buffer=path.read_bytes())
        options = audio.AudioClassifierOptions(base_options=asset, max_results=-1)
        self.classifier: Any = audio.AudioClassifier.create_from_options(options)

    def tag(self, at_16k: NDArray[np.float32]) -> Tags:
        """Score mono 16 kHz float samples, the last window padded with silence.

        It cuts windows that do not overlap, so it is asked for each window alone.
        """
        starts = starts_of(at_16k)
        return tags_of(starts, [self.score(at_16k[s : s + WINDOW]) for s in starts])

    def score(self, piece: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one window's scores (521,)."""
        from mediapipe.tasks.python.components.containers import AudioData

        window = np.pad(piece, (0, WINDOW - len(piece)))
        heard = self.classifier.classify(AudioData.create_from_array(window, ENCODER_RATE_HZ))[0]
        scores = np.zeros(len(heard.classifications[0].categories), np.float32)
        for category in heard.classifications[0].categories:
            scores[category.index] = category.score
        return scores


def name_calls(events: Sequence[SoundEvent], tags: Tags, species: str) -> tuple[Call, ...]:
    """Ascribe events to calls of the species: the best class of the windows around each event."""
    calls = [named(i, e, tags, species) for i, e in enumerate(events)]
    return tuple(c for c in calls if c is not None)


def named(index: int, event: SoundEvent, tags: Tags, species: str) -> Call | None:
    """Return the event as a call, None when the species is not heard in it."""
    starts = np.array(tags.starts_s)
    near = (starts < event.offset_s) & (starts + WINDOW / ENCODER_RATE_HZ > event.onset_s)
    if not near.any():
        return None
    scores = {kind: float(tags.of(kind)[near].max()) for kind in CALLS[species]}
    kind = max(scores, key=lambda k: scores[k])
    own = max(float(tags.of(species)[near].max()), scores[kind])
    if scores[kind] < MIN_SCORE or own < OWN_KIND:
        return None
    return Call(kind, round(scores[kind], 4), index, (event.onset_s, event.offset_s))


def share_of(tags: Tags, name: str) -> float:
    """Return the share of windows in which speech or music is clear."""
    column = COLUMNS[name]
    clear = sum(row[column] >= SUNG_OR_SAID for row in tags.scores)
    return round(clear / len(tags.scores), 4) if tags.scores else 0.0
