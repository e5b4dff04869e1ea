"""Turns red flags, a state and its evidence into one sentence to act on, by the bundle's table."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import yaml

from worker.pipeline.bundles import Bundle
from worker.pipeline.manifest import Part

Urgency = Literal["none", "watch", "book_visit", "call_today"]


class Rule(Part):
    """One row: fits where its flag, its state and its lists, each where given, match."""

    flag: str | None = None
    state: str | None = None
    evidence: tuple[str, ...] | None = None
    species: tuple[str, ...] | None = None
    code: str
    urgency: Urgency

    def fits(self, flags: Sequence[str], state: str | None, evidence: str, species: str) -> bool:
        """Tell whether the row is about this; a row about a flag may leave the state open."""
        is_any_state = self.flag is not None and "state" not in self.model_fields_set
        return (
            (self.flag is None or self.flag in flags)
            and (is_any_state or self.state == state)
            and (self.evidence is None or evidence in self.evidence)
            and (self.species is None or species in self.species)
        )


class Table(Part):
    """The rows, in order."""

    rows: tuple[Rule, ...]


class Texts(Part):
    """One language's sentences, by code."""

    recommendations: dict[str, str]
    flags: dict[str, str]
    abstentions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do."""

    code: str
    text: str
    urgency: str


@functools.lru_cache(maxsize=8)
def load_table(bundle: Bundle) -> Table:
    """Read and check a bundle's recommendations."""
    text = bundle.path("recommendations.yaml").read_text("utf-8")
    return Table.model_validate(yaml.safe_load(text))


@functools.lru_cache(maxsize=8)
def load_texts(bundle: Bundle) -> Texts:
    """Read and check a bundle's English sentences."""
    text = bundle.path("texts.en.yaml").read_text("utf-8")
    return Texts.model_validate(yaml.safe_load(text))


def recommend(
    table: Table,
    texts: Texts,
    state: str | None,
    evidence: str,
    species: str,
    *,
    flags: Sequence[str] = (),
) -> Recommendation:
    """Return the first row that fits, in words."""
    rule = next(r for r in table.rows if r.fits(flags, state, evidence, species))
    return Recommendation(rule.code, texts.recommendations[rule.code], rule.urgency)
