"""`tailtrend evaluate shadow`: how often the shadow bundle would have said what was answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from shared import shadows
from shared.db import transaction

UNSURE = "cannot tell"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of clips by (answered, shadow), and the mean distance of their probabilities."""

    counts: dict[tuple[str, str], int]
    distance: float | None

    @property
    def clips(self) -> int:
        """Return how many clips both have seen."""
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """Return the share of clips on which both said the same."""
        return sum(n for (a, b), n in self.counts.items() if a == b) / self.clips

    @property
    def kappa(self) -> float | None:
        """Return Cohen's kappa, abstention as an answer of its own; None where chance is sure."""
        total = self.clips
        names = {name for pair in self.counts for name in pair}
        by_chance = sum(
            sum(n for (a, _), n in self.counts.items() if a == name)
            * sum(n for (_, b), n in self.counts.items() if b == name)
            for name in names
        ) / (total * total)
        return None if by_chance == 1 else (self.share - by_chance) / (1 - by_chance)


def evaluate_shadow() -> None:
    """Compare what was answered with what the shadow bundle said of the same encodings."""
    with transaction() as session:
        rows = shadows.pairs(session)
    console = Console()
    if not rows:
        console.print("no clip has a shadow yet (TAILTREND_SHADOW_BUNDLE)")
        return
    for answered, shadow in sorted({(r.answered, r.shadow) for r in rows}):
        of = [r for r in rows if (r.answered, r.shadow) == (answered, shadow)]
        show(console, f"{answered} / {shadow}", agreement(of))


def agreement(rows: Sequence[shadows.Pair]) -> Agreement:
    """Put the rows of one pair of bundles together."""
    counts = {(r.emotion or UNSURE, r.other or UNSURE): r.clips for r in rows}
    known = [(r.distance, r.clips) for r in rows if r.distance is not None]
    weight = sum(n for _, n in known)
    mean = sum(d * n for d, n in known) / weight if weight else None
    return Agreement(counts, mean)


def show(console: Console, title: str, found: Agreement) -> None:
    """Print one pair of bundles."""
    kappa = "-" if found.kappa is None else f"{found.kappa:.2f}"
    distance = "-" if found.distance is None else f"{found.distance:.3f}"
    console.print(
        f"{title}: {found.clips} clips, same answer {found.share:.1%}, kappa {kappa},"
        f" mean distance of probabilities {distance}"
    )
    table = Table("answered", "shadow", "clips")
    for (answered, shadow), n in sorted(found.counts.items(), key=lambda one: -one[1]):
        table.add_row(answered, shadow, str(n))
    console.print(table)
