"""Decides: the ethogram's signs, a learned network, or both; or says why neither can.

Everything is nats: `base` is what is said of a clip of which nothing is known, `added` what this
one adds, and the probabilities are the softmax of their sum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.bundles import Bundle
from worker.pipeline.fuse import calibrate
from worker.pipeline.fuse.ethogram import (
    Ethogram,
    Reading,
    contribution,
    evidence,
    gain,
    prior,
    softmax,
)
from worker.pipeline.fuse.learned import Learned
from worker.pipeline.manifest import Abstain, Evidence

MIN_NAMED_NATS = 0.1  # from here on a sign is worth its name among the signals

Nats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """What decides one clip: the species' table, the signs read, and what the network says."""

    bundle: Bundle
    table: Ethogram
    species: str
    readings: list[Reading]
    learned: Learned | None

    @property
    def trust(self) -> float:
        """Return the ethogram's exponent; 1 where it decides for want of a network."""
        if self.learned is None:
            return 1.0
        return calibrate.experts(self.bundle.manifest).ethogram

    @property
    def base(self) -> Nats:
        """Return what is said of a clip of which nothing is known (5,)."""
        return np.log(prior(self.table)) if self.learned is None else self.learned.base

    def added(self, signs: Nats, network: Nats | None) -> Nats:
        """Return the sum of both experts (..., 5): the ethogram's evidence and the network's."""
        return self.trust * signs if network is None else self.trust * signs + network


@dataclass(frozen=True, slots=True)
class Decision:
    """The state's index, probabilities (5,), what was added (5,), and why there is no answer.

    plausible: the classes that cannot be excluded, None where no set was fitted.
    """

    state: int
    chances: Nats
    added: Nats
    plausible: tuple[int, ...] | None
    doubt: str | None
    calibrated: bool
    level: str


def decide(case: Case, *, is_pet_seen: bool) -> Decision:
    """Decide one clip."""
    network = None if case.learned is None else case.learned.added
    added = case.added(evidence(case.table, case.readings), network)
    chances = softmax(case.base + added)
    plausible = None
    if case.learned is not None:
        plausible = calibrate.conformal_set(case.bundle.manifest, case.species, chances)
    return Decision(
        state=int(chances.argmax()),
        chances=chances,
        added=added,
        plausible=plausible,
        doubt=doubt(case, added, chances, plausible),
        calibrated=case.learned is not None
        and calibrate.is_calibrated(case.bundle.manifest, case.learned.row.present),
        level=evidence_level(levels(case), added, chances) if is_pet_seen else "weak",
    )


def doubt(case: Case, added: Nats, chances: Nats, plausible: tuple[int, ...] | None) -> str | None:
    """Return why what is known does not decide, None when it does: the ladder's upper rungs.

    An answer that the prior alone would give is none, nor one without the signs that its state
    requires; where much speaks against the answer, or too many classes are left, it is ambiguous.
    """
    limits, state = thresholds(case), int(chances.argmax())
    if case.learned is not None and calibrate.is_foreign(case.bundle, case.learned.embedding):
        return "out_of_distribution"
    if gain(added, state) < limits.min_evidence_nats or lacks(case, state):
        return "insufficient_evidence"
    second, first = np.sort(chances)[-2:]
    is_wide = limits.max_set is not None and len(plausible or ()) > limits.max_set
    if first - second < limits.min_margin or is_wide:
        return "ambiguous"
    return "ambiguous" if conflict(case, state) > limits.max_conflict else None


def thresholds(case: Case) -> Abstain:
    """Return the manifest's thresholds where its network answers, else the ethogram's own."""
    calibration = case.bundle.manifest.calibration
    if case.learned is not None and calibration is not None and calibration.abstain is not None:
        return calibration.abstain
    return case.table.abstain


def levels(case: Case) -> Evidence:
    """Return from which gain evidence is moderate or strong: the manifest's, else the table's."""
    calibration = case.bundle.manifest.calibration
    if case.learned is not None and calibration is not None and calibration.evidence is not None:
        return calibration.evidence
    return case.table.evidence


def lacks(case: Case, state: int) -> bool:
    """Tell whether the ethogram, where it decides by itself, has no sign that a state requires."""
    required = case.table.requires.get(case.table.classes[state])
    if required is None or case.learned is not None:
        return False
    present = [r for r in case.readings if r.key in required]
    return not any(gain(contribution(case.table, r), state) >= MIN_NAMED_NATS for r in present)


def conflict(case: Case, state: int) -> float:
    """Return how much speaks against a state over how much speaks for it."""
    gains = [case.trust * gain(contribution(case.table, r), state) for r in case.readings]
    if case.learned is not None:
        gains.append(gain(case.learned.added, state))
    speaks_for = sum(g for g in gains if g > 0)
    return -sum(g for g in gains if g < 0) / speaks_for if speaks_for > 0 else 1.0


def evidence_level(limits: Evidence, added: Nats, chances: Nats) -> str:
    """Return weak, moderate or strong.

    Strong asks for an answer that is more likely than all others together.
    """
    gain_nats = gain(added, int(chances.argmax()))
    if gain_nats >= limits.strong and chances.max() > 0.5:
        return "strong"
    return "moderate" if gain_nats >= limits.moderate else "weak"
