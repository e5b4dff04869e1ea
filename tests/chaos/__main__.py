"""`python -m tests.chaos`: the long form; exit code 1 when an invariant is violated."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.chaos import report
from tests.chaos.run import Layout, Plan, alone, run


def main(
    jobs: Annotated[int, typer.Option(help="Uploads to send, over both layouts.")] = 300,
    seed: Annotated[int, typer.Option(help="Chooses load and faults.")] = 1,
    minutes: Annotated[float, typer.Option(help="Longest time of load for each layout.")] = 20,
    layout: Annotated[Layout | None, typer.Option(help="Only this one.")] = None,
    only: Annotated[str | None, typer.Option(help="Only this fault, some times.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep state and logs in this folder.")] = None,
) -> None:
    """Kill everything, then prove that nothing was lost and nothing happened twice."""
    layouts = [layout] if layout else list(Layout)
    outcomes = []
    for one in layouts:
        with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
            folder = (keep or Path(temporary)) / one
            folder.mkdir(parents=True)
            plan = Plan(jobs=jobs // len(layouts), seed=seed, layout=one, minutes=minutes)
            outcomes.append(run(alone(plan, only) if only else plan, folder))
            report.show_faults(outcomes[-1], Console())
    if not report.show(outcomes, Console()):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
