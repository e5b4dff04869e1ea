"""What an assessment is made of, and its public form as JSON types (DESIGN 5)."""

from dataclasses import asdict, dataclass
from typing import Any

from worker.pipeline.bundles import Bundle
from worker.pipeline.fuse.explain import Moment, Transition
from worker.pipeline.fuse.recommend import Recommendation


@dataclass(frozen=True, slots=True)
class SignalDetail:
    """One measured sign in the answer."""

    name: str
    value: float
    unit: str
    span_s: tuple[float, float]
    region: str
    reliability: float
    supports: str
    weight_nats: float


@dataclass(frozen=True, slots=True)
class Heard:
    """One second of the sound around `t_s`.

    level: how loud over the room's floor, 0..1; calls: the share of it that calls cover, or sound
    events where nothing names them.
    """

    t_s: float
    level: float
    calls: float


@dataclass(frozen=True, slots=True)
class Modality:
    """Whether a modality was there, its share of what was said, and what it did to the answer.

    nats: its Shapley value, signed: how far it moved the answer's log-odds from the others' mean.
    """

    present: bool
    contribution: float
    nats: float


@dataclass(frozen=True, slots=True)
class ToldFlag:
    """Something that asks for a person today, in words, and where it was seen or heard."""

    code: str
    text: str
    span_s: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Abstention:
    """Why nothing is said."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class SeenQuality:
    """What the clip was like."""

    frames: int
    pet_frames_share: float | None
    pets_seen: int | None
    species_seen: str | None
    brightness: float
    sharpness: float
    camera: str
    sound: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """The result of one clip; `emotion` is None when it cannot tell: `abstention` says why.

    plausible: the states that cannot be excluded; None where the bundle has no fitted set.
    """

    emotion: str | None
    confidence: float | None
    calibrated: bool
    plausible: tuple[str, ...] | None
    evidence: str | None
    abstention: Abstention | None
    probabilities: dict[str, float] | None
    signals: tuple[str, ...]
    signal_details: tuple[SignalDetail, ...]
    against: tuple[SignalDetail, ...]
    not_measurable: tuple[tuple[str, str], ...]
    timeline: tuple[tuple[float, dict[str, float]], ...]
    sound_strip: tuple[Heard, ...]
    transitions: tuple[Transition, ...]
    moments: tuple[Moment, ...]
    modalities: dict[str, Modality]
    red_flags: tuple[ToldFlag, ...]
    recommendation: Recommendation
    quality: SeenQuality
    bundle: Bundle
    timings_s: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the public form, in the API's words and order."""
        bundle = self.bundle
        return {
            "emotion": self.emotion,
            "confidence": self.confidence,
            "calibrated": self.calibrated,
            "set": None if self.plausible is None else list(self.plausible),
            "evidence": self.evidence,
            "abstention": asdict(self.abstention) if self.abstention else None,
            "probabilities": self.probabilities,
            "signals": list(self.signals),
            "signal_details": [spanned(asdict(d)) for d in self.signal_details],
            "against": [spanned(asdict(d)) for d in self.against],
            "not_measurable": [{"name": n, "why": w} for n, w in self.not_measurable],
            "timeline": [{"t_s": t, "probabilities": p} for t, p in self.timeline],
            "sound_strip": [asdict(h) for h in self.sound_strip],
            "transitions": [asdict(t) for t in self.transitions],
            "moments": [
                {"span_s": list(m.span_s), "why": m.why, "nats": m.gain_nats, "image_url": None}
                for m in self.moments
            ],
            "modalities": {name: asdict(m) for name, m in self.modalities.items()},
            "red_flags": [spanned(asdict(f)) for f in self.red_flags],
            "recommendation": asdict(self.recommendation),
            "quality": asdict(self.quality),
            "bundle": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
            "timings_s": dict(self.timings_s),
        }


def spanned(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its span as a list, as JSON has it."""
    return {**row, "span_s": list(row["span_s"])}
