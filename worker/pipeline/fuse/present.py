"""Writes an assessment as JSON types, in the API's words and order (DESIGN 5)."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.pipeline.fuse.answer import Assessment


def as_json(assessment: "Assessment") -> dict[str, Any]:
    """Return the public form of an assessment."""
    bundle = assessment.bundle
    return {
        "emotion": assessment.emotion,
        "confidence": assessment.confidence,
        "calibrated": assessment.calibrated,
        "set": None if assessment.plausible is None else list(assessment.plausible),
        "evidence": assessment.evidence,
        "abstention": asdict(assessment.abstention) if assessment.abstention else None,
        "probabilities": assessment.probabilities,
        "signals": list(assessment.signals),
        "signal_details": [spanned(asdict(d)) for d in assessment.signal_details],
        "against": [spanned(asdict(d)) for d in assessment.against],
        "not_measurable": [{"name": n, "why": w} for n, w in assessment.not_measurable],
        "timeline": [{"t_s": t, "probabilities": p} for t, p in assessment.timeline],
        "sound_strip": [asdict(h) for h in assessment.sound_strip],
        "transitions": [asdict(t) for t in assessment.transitions],
        "moments": [
            {"span_s": list(m.span_s), "why": m.why, "nats": m.gain_nats, "image_url": None}
            for m in assessment.moments
        ],
        "modalities": {name: asdict(m) for name, m in assessment.modalities.items()},
        "red_flags": [spanned(asdict(f)) for f in assessment.red_flags],
        "recommendation": asdict(assessment.recommendation),
        "quality": asdict(assessment.quality),
        "bundle": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
        "timings_s": dict(assessment.timings_s),
    }


def spanned(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its span as a list, as JSON has it."""
    return {**row, "span_s": list(row["span_s"])}
