"""A measured figure, what it is measured against, and the target that it should meet."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """A limit in words and whether it is met."""

    text: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table; `ratio` is always `measured / against` or its inverse, as it says."""

    section: str
    what: str
    measured: float
    unit: str
    against: str = ""
    base: float | None = None
    is_speed_up: bool = False  # then the ratio says how many times faster than the base
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Compare with the base; None without one."""
        if not self.base or not self.measured:
            return None
        return self.base / self.measured if self.is_speed_up else self.measured / self.base

    def as_json(self) -> dict[str, Any]:
        """Give the row for machines."""
        return {**dataclasses.asdict(self), "ratio": self.ratio}


def at_most(value: float, limit: float, text: str) -> Target:
    """Judge a value that should be small."""
    return Target(text, value <= limit)


def at_least(value: float, limit: float, text: str) -> Target:
    """Judge a value that should be large."""
    return Target(text, value >= limit)


def table(figures: list[Figure]) -> Table:
    """Draw the table."""
    drawn = Table("", "figure", "measured", "measured against", "ratio", "target", "met?")
    section = ""
    for figure in figures:
        if figure.section != section:
            drawn.add_section()
        drawn.add_row(figure.section if figure.section != section else "", *_cells(figure))
        section = figure.section
    return drawn


def _cells(figure: Figure) -> tuple[str, ...]:
    against = figure.against
    if figure.base is not None:
        against = f"{amount(figure.base, figure.unit)}  {against}"
    ratio = f"{figure.ratio:.2f} x" if figure.ratio is not None else ""
    if figure.is_speed_up and ratio:
        ratio += " faster"
    target = figure.target
    verdict = "" if target is None else "[green]met" if target.is_met else "[red]missed"
    return (
        figure.what,
        amount(figure.measured, figure.unit),
        against,
        ratio,
        target.text if target else "",
        verdict,
    )


def amount(value: float, unit: str) -> str:
    """Write a value with as many digits as it deserves."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {unit}"
