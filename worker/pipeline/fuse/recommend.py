"""Turns a state and its evidence into one sentence to act on. The texts live in the bundle."""

import functools
from dataclasses import dataclass
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from worker.pipeline.bundles import Bundle


class Text(BaseModel):
    """One text and how urgent it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    urgency: Literal["none", "watch", "book_visit", "call_today"]
    text: str


class Rule(BaseModel):
    """One row: fits where its state, and its lists where given, match."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    state: str | None
    evidence: tuple[str, ...] | None = None
    species: tuple[str, ...] | None = None
    code: str


class Table(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    texts: dict[str, Text]
    rows: tuple[Rule, ...]
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


def recommend(table: Table, state: str | None, evidence: str, species: str) -> Recommendation:
    """Return the first row that fits."""
    rule = next(
        r
        for r in table.rows
        if r.state == state
        and (r.evidence is None or evidence in r.evidence)
        and (r.species is None or species in r.species)
    )
    chosen = table.texts[rule.code]
    return Recommendation(rule.code, chosen.text, chosen.urgency)
