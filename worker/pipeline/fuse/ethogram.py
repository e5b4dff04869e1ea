"""The built-in model: additive log-odds over signs with weights from the literature.

Knows signs by key and value only; where a value came from is for `signs.py`.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from worker.pipeline.bundles import Bundle
from worker.pipeline.manifest import Abstain, Evidence

D_TO_LOG_ODDS = math.pi / math.sqrt(3)  # 1.81; a sign that is there or not


class Row(BaseModel):
    """Base of the rows: nothing unknown, nothing changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Scale(Row):
    """What one standard deviation of a sign is."""

    kind: Literal["log", "linear", "present"]
    centre: float = 0.0
    spread: float = Field(1.0, gt=0)


class Effect(Row):
    """How strong a sign is: an effect size d, an odds ratio, or expert nats."""

    kind: Literal["d", "odds_ratio", "expert"]
    value: float = Field(ge=0)


class Sign(Row):
    """One row of the ethogram."""

    key: str
    names: dict[Literal["high", "low"], str]
    modality: Literal["vision", "audio", "pose"]
    region: str
    unit: str
    species: tuple[str, ...]
    scale: Scale
    sided: Literal["both", "high"] = "both"
    effect: Effect
    grade: Literal["A", "B", "C", "D"] | None
    supports: dict[str, float]
    source: str
    per_window: bool = False
    group: str | None = None  # signs that say the same thing share one cap
    unmeasured: str | None = None  # why this version cannot measure it


class Prior(Row):
    """Counts of labelled clips per state."""

    counts: dict[str, int]
    source: str


class Sticky(Row):
    """How sticky the timeline is."""

    stay: float = Field(gt=0, lt=1)


class Ethogram(Row):
    """The whole table."""

    classes: tuple[str, ...]
    cap_nats: float
    group_cap_nats: float
    discount: float
    max_z: float
    prior: Prior
    abstain: Abstain
    requires: dict[str, tuple[str, ...]]  # a state is answered only if one of its signs is there
    evidence: Evidence
    timeline: Sticky
    signs: tuple[Sign, ...]

    @functools.cached_property
    def by_key(self) -> dict[str, Sign]:
        """Return the rows by key, the first of each."""
        return {s.key: s for s in reversed(self.signs)}

    @functools.cached_property
    def pulls(self) -> dict[str, NDArray[np.float64]]:
        """Return what one standard deviation of each sign adds to each state (5,), in nats."""
        return {
            s.key: np.array([s.supports.get(c, 0.0) for c in self.classes]) * nats(self, s)
            for s in self.by_key.values()
        }

    def sign(self, key: str) -> Sign:
        """Return the row of a key."""
        return self.by_key[key]

    def of(self, species: str) -> "Ethogram":
        """Return the table with one species' rows only: a key may stand once for each."""
        return self.with_signs(tuple(s for s in self.signs if species in s.species))

    def with_signs(self, signs: tuple[Sign, ...]) -> "Ethogram":
        """Return the table with other rows; `model_copy` would keep what is cached of these."""
        return Ethogram.model_construct(**dict(self) | {"signs": signs})


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured value of one sign with its reliability 0..1 and where it was seen."""

    key: str
    value: float
    reliability: float
    span_s: tuple[float, float]
    share: float = 1.0  # of what it says, where others of its group say the same


@dataclass(frozen=True, slots=True)
class Missing:
    """A sign that could not be measured, and why."""

    key: str
    why: str


@functools.lru_cache(maxsize=8)
def load_ethogram(bundle: Bundle) -> Ethogram:
    """Read and check a bundle's ethogram."""
    text = bundle.path("ethogram.yaml").read_text("utf-8")
    return Ethogram.model_validate(yaml.safe_load(text))


def nats(table: Ethogram, sign: Sign) -> float:
    """Return what one standard deviation (or presence) of a sign weighs, in nats."""
    value, kind = sign.effect.value, sign.effect.kind
    if kind == "expert":
        return value
    if kind == "odds_ratio":
        return abs(math.log(value)) * table.discount if value else 0.0
    factor = D_TO_LOG_ODDS if sign.scale.kind == "present" else 1.0
    return value * factor * table.discount


def standardised(table: Ethogram, sign: Sign, value: float) -> float:
    """Return z, limited to +-max_z; a sign that is there or not gives 0 or 1."""
    if sign.scale.kind == "present":
        return 1.0 if value > 0 else 0.0
    if sign.scale.kind == "log":
        value, centre = math.log(max(value, 1e-4)), math.log(sign.scale.centre)
    else:
        centre = sign.scale.centre
    low = 0.0 if sign.sided == "high" else -table.max_z
    return min(table.max_z, max(low, (value - centre) / sign.scale.spread))


def name_of(table: Ethogram, reading: Reading) -> str:
    """Return a sign's name for the side on which its value lies."""
    sign = table.sign(reading.key)
    low = standardised(table, sign, reading.value) < 0 and "low" in sign.names
    return sign.names["low" if low else "high"]


def contribution(table: Ethogram, reading: Reading) -> NDArray[np.float64]:
    """Return what a reading adds to each state's log-odds (5,), never beyond the cap."""
    z = standardised(table, table.sign(reading.key), reading.value)
    added = table.pulls[reading.key] * reading.reliability * reading.share * z
    return np.minimum(np.maximum(added, -table.cap_nats), table.cap_nats)


def evidence(table: Ethogram, readings: Sequence[Reading]) -> NDArray[np.float64]:
    """Return the sum of all contributions (5,)."""
    total = np.zeros(len(table.classes))
    for reading in readings:
        total += contribution(table, reading)
    return total


def shared(table: Ethogram, readings: Sequence[Reading]) -> list[Reading]:
    """Weigh signs of one group down so that together they never say more than the group's cap.

    Speed, energy and stillness are three views of one fact; added up they would be three facts.
    """
    shares: dict[str, float] = {}
    for group in {table.sign(r.key).group for r in readings} - {None}:
        members = [r for r in readings if table.sign(r.key).group == group]
        most = float(np.abs(evidence(table, members)).max())
        shares[str(group)] = min(1.0, table.group_cap_nats / most) if most else 1.0
    return [
        dataclasses.replace(r, share=round(shares.get(str(table.sign(r.key).group), 1.0), 4))
        for r in readings
    ]


def prior(table: Ethogram) -> NDArray[np.float64]:
    """Return the prior probabilities (5,)."""
    counts = np.array([table.prior.counts[c] for c in table.classes], float)
    return np.asarray(counts / counts.sum(), np.float64)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return exp(x) / sum exp(x)."""
    weight = np.exp(logits - logits.max())
    return np.asarray(weight / weight.sum())


def gain(added: NDArray[np.float64], state: int) -> float:
    """Return how much more a vector adds to one state than to the mean of the others."""
    others = np.delete(added, state)
    return float(added[state] - others.mean())


def by_class(table: Ethogram, probabilities: NDArray[np.float64]) -> Mapping[str, float]:
    """Return probabilities by name, rounded to a ten-thousandth."""
    return {c: round(float(p), 4) for c, p in zip(table.classes, probabilities, strict=True)}
