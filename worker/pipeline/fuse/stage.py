"""The third step: decide, explain, recommend; or say why nothing can be said."""

import numpy as np

from worker.pipeline.bundles import Bundle
from worker.pipeline.encode import Encoding
from worker.pipeline.extract import Extract
from worker.pipeline.fuse import describe, explain, learned
from worker.pipeline.fuse.answer import Abstention, Assessment
from worker.pipeline.fuse.decide import MIN_NAMED_NATS, Case, Decision, Nats, decide
from worker.pipeline.fuse.ethogram import by_class, load_ethogram
from worker.pipeline.fuse.flags import red_flags
from worker.pipeline.fuse.gates import closed_gate
from worker.pipeline.fuse.recommend import Texts, load_table, load_texts, recommend
from worker.pipeline.fuse.signs import read_signs
from worker.pipeline.fuse.timeline import smoothed, window_evidence


def fuse(
    extracted: Extract, encoding: Encoding, bundle: Bundle, species: str, breed: str = ""
) -> Assessment:
    """Assess a clip of a species, and of a breed where it is known, with a bundle."""
    table = load_ethogram(bundle).of(species)
    readings, missing = read_signs(table, extracted)
    said, unread = learned.ask(bundle, extracted, encoding, species, breed)
    case = Case(bundle, table, species, readings, said)
    decision = decide(case, is_pet_seen=extracted.facts.pet.pet_frames_share is not None)
    gate = closed_gate(extracted)
    code = gate or decision.doubt
    name = None if code else table.classes[decision.state]
    details = [describe.detail(table, r) for r in readings]
    speaks = [describe.speaks(table, r, decision.state) for r in readings]
    told = list(zip(details, speaks, strict=True))
    times_s, chances = timeline(case, extracted)
    texts = load_texts(bundle)
    flags = [] if gate else red_flags(extracted)
    return Assessment(
        emotion=name,
        confidence=None if code else round(float(decision.chances[decision.state]), 4),
        calibrated=decision.calibrated,
        plausible=None if gate else plausible(table.classes, decision),
        evidence=None if code else decision.level,
        abstention=abstention(texts, table.classes, decision, code),
        probabilities=None if gate else dict(by_class(table, decision.chances)),
        signals=tuple(d.name for d, nats in told if nats >= MIN_NAMED_NATS),
        signal_details=tuple(d for d, nats in told if nats > 0),
        against=tuple(d for d, nats in told if nats < 0),
        not_measurable=tuple(describe.not_measurable(table, extracted, encoding, missing, unread)),
        timeline=()
        if gate
        else tuple(
            (float(t), dict(by_class(table, p))) for t, p in zip(times_s, chances, strict=True)
        ),
        sound_strip=describe.sound_strip(extracted),
        transitions=() if gate else tuple(explain.transitions(table.classes, times_s, chances)),
        moments=()
        if code
        else tuple(explain.find_moments(case, extracted, encoding, decision.state)),
        modalities=describe.modalities(case, extracted, decision.state),
        red_flags=tuple(describe.told_flag(texts, flag) for flag in flags),
        recommendation=recommend(
            load_table(bundle),
            texts,
            name,
            decision.level,
            species,
            flags=[flag.code for flag in flags],
        ),
        quality=describe.seen_quality(extracted),
        bundle=bundle,
        timings_s={},
    )


def timeline(case: Case, extracted: Extract) -> tuple[Nats, Nats]:
    """Return each window's middle (n,) in seconds and its smoothed probabilities (n, 5)."""
    signs = window_evidence(case.table, extracted, case.readings)
    rows = case.added(signs, None if case.learned is None else case.learned.windows)
    return extracted.windows.middles_s, smoothed(case.table, rows, case.base)


def plausible(classes: tuple[str, ...], decision: Decision) -> tuple[str, ...] | None:
    """Return the names of the states that cannot be excluded."""
    if decision.plausible is None:
        return None
    return tuple(classes[i] for i in decision.plausible)


def abstention(
    texts: Texts, classes: tuple[str, ...], decision: Decision, code: str | None
) -> Abstention | None:
    """Return why nothing is said, None when something is."""
    if code is None:
        return None
    first, second = (classes[i] for i in np.argsort(-decision.chances, kind="stable")[:2])
    return Abstention(code, texts.abstentions[code].format(first=first, second=second))
