"""Writes answers about clips for people: a few lines beside each clip's name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Answer = tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""A clip's name, its assessment as JSON, or else the error with its code and sentence."""

LACKING = (
    "Networks are missing, without which little is seen: `tailtrend models pull` fetches them, "
    "`tailtrend models list` tells what each adds."
)


def show(console: Console, answers: Sequence[Answer]) -> None:
    """Print all of them, and how to have the networks that they lack."""
    console.print(written(answers))
    if lack_networks(answers):
        console.print(f"\n{LACKING}")


def written(answers: Iterable[Answer]) -> Table:
    """Return what a console prints of the answers."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", style="bold")
    table.add_column()
    for name, assessment, error in answers:
        first, *more = lines_of(assessment, error)
        table.add_row()
        table.add_row(Text(name), Text(first, "bold"))
        for line in more:
            table.add_row("", Text(line))
    return table


def lack_networks(answers: Iterable[Answer]) -> bool:
    """Tell whether weight files are missing that would have shown more."""
    reasons = [row["why"] for _, said, _ in answers if said for row in said["not_measurable"]]
    return any("weights" in why for why in reasons)


def lines_of(said: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> list[str]:
    """Return the state with its certainty, what was seen and heard, and what to do."""
    if said is None:
        return [error["code"], error["detail"]] if error else ["no answer"]
    signals = [", ".join(said["signals"])] if said["signals"] else []
    if said["emotion"] is None:
        return [f"cannot tell: {said['abstention']['code']}", *signals, said["abstention"]["text"]]
    kind = "calibrated" if said["calibrated"] else "uncalibrated"
    sure = f"{said['confidence']:.2f} {kind}, {said['evidence']} evidence"
    return [f"{state_of(said)} ({sure})", *signals, said["recommendation"]["text"]]


def state_of(said: Mapping[str, Any]) -> str:
    """Return the state, with what else cannot be excluded: "Anxious or Alert"."""
    others = [one for one in said["set"] or () if one != said["emotion"]]
    return " or ".join([said["emotion"], *others])
