"""Names sounds with YAMNet on LiteRT. Speech is only counted, never transcribed or stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.sound import SoundEvent

RATE_HZ = 16_000
WINDOW = 15_600  # samples, 0.975 s: YAMNet's input
HOP = WINDOW // 2  # half-overlapping windows raise the maxima (notes/pipeline.md 8)
# AudioSet classes of YAMNet's class map (tensorflow/models, research/audioset/yamnet).
CLASSES = {
    "speech": 0, "pant": 40, "animal": 67, "dog": 69, "bark": 70, "yip": 71, "howl": 72,
    "bow-wow": 73, "growl": 74, "whimper": 75, "cat": 76, "purr": 77, "meow": 78, "hiss": 79,
    "caterwaul": 80, "music": 132, "silence": 494,
}  # fmt: skip
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
        return np.array([row[list(CLASSES).index(name)] for row in self.scores])


@dataclass(frozen=True, slots=True)
class Call:
    """A sound event that the tagger ascribes to the pet's species."""

    kind: str
    score: float
    event: int  # index into Sound.events
    span_s: tuple[float, float]


class SoundTagger:
    """YAMNet (Google, Apache-2.0) on LiteRT: 521 AudioSet classes in windows of 0.975 s."""

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(path), num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def tag(self, at_16k: NDArray[np.float32]) -> Tags:
        """Score mono 16 kHz float samples, the last window padded with silence."""
        starts = range(0, max(1, len(at_16k) - WINDOW // 2), HOP)
        rows = [self.score(at_16k[s : s + WINDOW]) for s in starts]
        return Tags(tuple(round(s / RATE_HZ, 4) for s in starts), tuple(rows))

    def score(self, piece: NDArray[np.float32]) -> tuple[float, ...]:
        """Return the scores of CLASSES for one window."""
        window = np.pad(piece, (0, WINDOW - len(piece))).reshape(self.input["shape"])
        self.interpreter.set_tensor(self.input["index"], window.astype(np.float32))
        self.interpreter.invoke()
        scores = self.interpreter.get_tensor(self.output["index"]).ravel()
        return tuple(round(float(scores[i]), 4) for i in CLASSES.values())


def name_calls(events: Sequence[SoundEvent], tags: Tags, species: str) -> tuple[Call, ...]:
    """Ascribe events to calls of the species: the best class of the windows around each event."""
    calls = [named(i, e, tags, species) for i, e in enumerate(events)]
    return tuple(c for c in calls if c is not None)


def named(index: int, event: SoundEvent, tags: Tags, species: str) -> Call | None:
    """Return the event as a call, None when the species is not heard in it."""
    starts = np.array(tags.starts_s)
    near = (starts < event.offset_s) & (starts + WINDOW / RATE_HZ > event.onset_s)
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
    scores = tags.of(name)
    return round(float((scores >= SUNG_OR_SAID).mean()), 4) if len(scores) else 0.0
