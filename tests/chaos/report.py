"""The table that a run ends with."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from tests.chaos.run import Outcome
from tests.chaos.system import LEASE_S

WORKER_BOUND_S = LEASE_S + 10
MOST_SHOWN = 10


def show(outcomes: list[Outcome], console: Console) -> bool:
    """Print what came of it; tell whether every invariant held."""
    _show_verdict(outcomes, console)
    for outcome in outcomes:
        _show_violations(outcome, console)
    return not any(any(outcome.violations.values()) for outcome in outcomes)


def show_faults(outcome: Outcome, console: Console) -> None:
    """Print what was injected, and how long work stood still after it."""
    plan = outcome.plan
    table = Table("fault", "injected", "worst recovery s", title=f"{plan.layout}, seed {plan.seed}")
    for kind, count in sorted(Counter(fault.kind for fault in outcome.faults).items()):
        worst_s = outcome.recoveries.get(kind)
        table.add_row(kind, str(count), "" if worst_s is None else f"{worst_s:.1f}")
    console.print(table)
    if outcome.never_reached:
        console.print(f"armed and never reached: {', '.join(outcome.never_reached)}")


def _show_verdict(outcomes: list[Outcome], console: Console) -> None:
    table = Table("", *(str(outcome.plan.layout) for outcome in outcomes))
    rows = {
        "jobs accepted": [str(one.accepted) for one in outcomes],
        "faults injected": [str(len(one.faults)) for one in outcomes],
        "requests asked again": [str(one.requests_again) for one in outcomes],
        "webhook requests": [str(one.deliveries) for one in outcomes],
        "accepted jobs lost": [str(one.lost) for one in outcomes],
        "assessments or jobs doubled": [str(one.doubled) for one in outcomes],
        f"worst recovery, SIGKILL worker (<= {WORKER_BOUND_S:.0f} s)": [
            _seconds(one.recoveries.get("SIGKILL worker")) for one in outcomes
        ],
        "left undone": [str(one.unsettled or "nothing") for one in outcomes],
        "took": [f"{one.took_s:.0f} s" for one in outcomes],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    table.add_section()
    for name in outcomes[0].violations:
        table.add_row(name, *(_said(len(one.violations[name])) for one in outcomes))
    console.print(table)


def _seconds(recovery_s: float | None) -> str:
    return "no job was hit" if recovery_s is None else f"{recovery_s:.1f} s"


def _said(violations: int) -> str:
    return f"[red]{violations} violations[/]" if violations else "0 violations"


def _show_violations(outcome: Outcome, console: Console) -> None:
    for name, found in outcome.violations.items():
        for sentence in found[:MOST_SHOWN]:
            console.print(f"[red]{outcome.plan.layout}: {name}:[/] {sentence}", markup=True)
        if len(found) > MOST_SHOWN:
            console.print(f"... and {len(found) - MOST_SHOWN} more")
