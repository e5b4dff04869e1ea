"""The third step: decide, explain, recommend; or say why nothing can be said."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.bundles import Bundle
from worker.pipeline.encode import Encoding
from worker.pipeline.extract import Extract
from worker.pipeline.extract.tag import share_of
from worker.pipeline.fuse.ethogram import (
    Ethogram,
    Reading,
    by_class,
    contribution,
    evidence,
    gain,
    load_ethogram,
    posterior,
)
from worker.pipeline.fuse.gates import closed_gate
from worker.pipeline.fuse.recommend import Recommendation, load_table, recommend
from worker.pipeline.fuse.signs import Missing, read_signs
from worker.pipeline.fuse.timeline import (
    Moment,
    find_moments,
    name_of,
    timeline_of,
    window_evidence,
)

MODALITIES = ("vision", "audio", "pose")
SPOKEN, SUNG = 0.3, 0.3  # shares of windows from which the sound is called speech or music
MIN_SHOWN_NATS = 0.02
MIN_NAMED_NATS = 0.1  # from here on a sign is worth its name among the signals


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
class Modality:
    """Whether a modality was there, and its share of the evidence."""

    present: bool
    contribution: float


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
    """The result of one clip; `emotion` is None when it cannot tell: `abstention` says why."""

    emotion: str | None
    confidence: float | None
    calibrated: bool
    evidence: str | None
    abstention: Abstention | None
    probabilities: dict[str, float] | None
    signals: tuple[str, ...]
    signal_details: tuple[SignalDetail, ...]
    against: tuple[SignalDetail, ...]
    not_measurable: tuple[tuple[str, str], ...]
    timeline: tuple[tuple[float, dict[str, float]], ...]
    moments: tuple[Moment, ...]
    modalities: dict[str, Modality]
    recommendation: Recommendation
    quality: SeenQuality
    bundle: Bundle
    timings_s: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the public form (DESIGN 5), JSON types only."""
        from worker.pipeline.fuse.present import as_json

        return as_json(self)


def fuse(extracted: Extract, encoding: Encoding, bundle: Bundle, species: str) -> Assessment:
    """Assess a clip of a species with a bundle."""
    table = load_ethogram(bundle).of(species)
    readings, missing = read_signs(table, extracted)
    added = evidence(table, readings)
    chances = posterior(table, added)
    state = int(chances.argmax())
    gate = closed_gate(extracted)
    code = gate or doubt(table, readings, added, chances)
    level = evidence_level(table, extracted, readings, chances)
    name = None if code else table.classes[state]
    details = describe(table, readings)
    speaks_for = [speaks(table, r, state) for r in readings]
    rows = window_evidence(table, extracted, readings)
    timeline = [] if gate else timeline_of(table, extracted, rows)
    texts = load_table(bundle)
    return Assessment(
        emotion=name,
        confidence=None if code else round(float(chances[state]), 4),
        calibrated=False,
        evidence=None if code else level,
        abstention=Abstention(code, texts.abstentions[code].format(**two_best(table, chances)))
        if code
        else None,
        probabilities=None if gate else dict(by_class(table, chances)),
        signals=tuple(
            d.name for d, s in zip(details, speaks_for, strict=True) if s >= MIN_NAMED_NATS
        ),
        signal_details=tuple(d for d, s in zip(details, speaks_for, strict=True) if s > 0),
        against=tuple(d for d, s in zip(details, speaks_for, strict=True) if s < 0),
        not_measurable=tuple(not_measurable(table, extracted, encoding, missing)),
        timeline=tuple((t, dict(by_class(table, p))) for t, p in timeline),
        moments=() if code else tuple(find_moments(table, extracted, readings, rows, state)),
        modalities=modalities(table, extracted, readings, state),
        recommendation=recommend(texts, name, level, species),
        quality=seen_quality(extracted),
        bundle=bundle,
        timings_s={},
    )


def doubt(
    table: Ethogram,
    readings: list[Reading],
    added: NDArray[np.float64],
    chances: NDArray[np.float64],
) -> str | None:
    """Return why the evidence does not decide, None when it does.

    An answer that the prior alone would give is none, nor one without the signs that its state
    requires; where much speaks against the answer, the signs conflict.
    """
    state = int(chances.argmax())
    if gain(added, state) < table.abstain.min_evidence_nats or lacks(table, readings, state):
        return "insufficient_evidence"
    second, first = np.sort(chances)[-2:]
    if first - second < table.abstain.min_margin:
        return "ambiguous"
    return "ambiguous" if conflict(table, readings, state) > table.abstain.max_conflict else None


def lacks(table: Ethogram, readings: list[Reading], state: int) -> bool:
    """Tell whether none of the signs that a state requires speaks for it."""
    required = table.requires.get(table.classes[state])
    present = [r for r in readings if required and r.key in required]
    return required is not None and not any(
        gain(contribution(table, r), state) >= MIN_NAMED_NATS for r in present
    )


def conflict(table: Ethogram, readings: list[Reading], state: int) -> float:
    """Return how much speaks against a state over how much speaks for it."""
    gains = [gain(contribution(table, r), state) for r in readings]
    speaks_for = sum(g for g in gains if g > 0)
    return -sum(g for g in gains if g < 0) / speaks_for if speaks_for > 0 else 1.0


def evidence_level(
    table: Ethogram, extracted: Extract, readings: list[Reading], chances: NDArray[np.float64]
) -> str:
    """Return weak, moderate or strong; weak wherever nobody checked that a pet is there.

    Strong asks for an answer that is more likely than all others together.
    """
    if extracted.facts.pet.pet_frames_share is None:
        return "weak"
    gain_nats = gain(evidence(table, readings), int(chances.argmax()))
    if gain_nats >= table.evidence.strong and chances.max() > 0.5:
        return "strong"
    return "moderate" if gain_nats >= table.evidence.moderate else "weak"


def two_best(table: Ethogram, chances: NDArray[np.float64]) -> dict[str, str]:
    """Return the names of the two most probable states."""
    order = np.argsort(-chances, kind="stable")
    return {"first": table.classes[order[0]], "second": table.classes[order[1]]}


def speaks(table: Ethogram, reading: Reading, state: int) -> float:
    """Return how much a reading speaks for a state, 0 where it is next to nothing."""
    nats = gain(contribution(table, reading), state)
    return nats if abs(nats) >= MIN_SHOWN_NATS else 0.0


def describe(table: Ethogram, readings: list[Reading]) -> list[SignalDetail]:
    """Return the readings in the answer's words."""
    return [detail(table, r) for r in readings]


def detail(table: Ethogram, reading: Reading) -> SignalDetail:
    """Return one reading in the answer's words; `supports` is the state that it lifts most."""
    sign = table.sign(reading.key)
    added = contribution(table, reading)
    top = int(added.argmax())
    return SignalDetail(
        name=name_of(table, reading),
        value=reading.value,
        unit=sign.unit,
        span_s=reading.span_s,
        region=sign.region,
        reliability=reading.reliability,
        supports=table.classes[top],
        weight_nats=round(float(added[top]), 4),
    )


def not_measurable(
    table: Ethogram, extracted: Extract, encoding: Encoding, missing: list[Missing]
) -> list[tuple[str, str]]:
    """Return what could not be measured: signs, the subject, and encoders without weights."""
    rows = [(table.sign(m.key).names["high"], m.why) for m in missing]
    if extracted.facts.pet.pet_frames_share is None:
        rows.append(("subject", "subject_unverified: no detector weights, nobody looked for a pet"))
    for name, why in (("vision", encoding.presence.vision), ("audio", encoding.presence.audio)):
        if why:
            rows.append((f"{name} encoding", why))
    return rows


def modalities(
    table: Ethogram, extracted: Extract, readings: list[Reading], state: int
) -> dict[str, Modality]:
    """Return each modality's presence and its share of what was said about the state."""
    said = dict.fromkeys(MODALITIES, 0.0)
    for reading in readings:
        said[table.sign(reading.key).modality] += abs(gain(contribution(table, reading), state))
    total = sum(said.values()) or 1.0
    sound = extracted.facts.sound
    present = {"vision": True, "audio": sound is not None and sound.usable, "pose": False}
    return {m: Modality(present[m], round(said[m] / total, 4)) for m in MODALITIES}


def seen_quality(extracted: Extract) -> SeenQuality:
    """Return what the clip was like, in the answer's words."""
    facts = extracted.facts
    camera = "moving" if facts.movement.camera_moves else "static"
    return SeenQuality(
        frames=len(extracted.pictures),
        pet_frames_share=facts.pet.pet_frames_share,
        pets_seen=facts.pet.pets_seen,
        species_seen=facts.pet.species_seen,
        brightness=facts.quality.brightness,
        sharpness=facts.quality.sharpness,
        camera="cuts" if facts.shots.cuts_s else camera,
        sound=heard(extracted),
    )


def heard(extracted: Extract) -> str:
    """Return usable, speech, music, silent or none."""
    sound, tags = extracted.facts.sound, extracted.facts.tags
    if sound is None:
        return "none"
    if not sound.usable:
        return "silent"
    if tags is not None and share_of(tags, "music") > SUNG:
        return "music"
    return "speech" if tags is not None and share_of(tags, "speech") > SPOKEN else "usable"
