"""`tailtrend labels`: check a table of labels, and see how far its raters agree."""

from collections import Counter

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from cli.tables import LabelledTable

app = typer.Typer(no_args_is_help=True, help="Labelled files: check, agree, export, queue.")


@app.command()
def check(table: LabelledTable) -> None:
    """Read a table and tell every mistake with its line; exit 2 if there is one."""
    from worker.training import dataset

    found = dataset.read(table)
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(e.kind for e in found.examples).items())
    pets = len({e.pet_id for e in found.examples})
    typer.echo(f"{len(found.examples)} rows ({kinds}) of {pets} animals by {len(found.raters)}.")


@app.command()
def agree(table: LabelledTable) -> None:
    """Say how far raters agree beyond chance, and how far each can be trusted."""
    from worker.pipeline.manifest import CLASSES
    from worker.training import agreement, dataset, labels, raters

    found = dataset.read(table)
    votes = labels.votes_of(found)
    if ((votes >= 0).sum(axis=1) >= 2).sum() < 2:
        raise typer.BadParameter("agreement needs two rows with two votes or more")
    drawn = Table("Krippendorff's alpha", "value", "95 %", "rows")
    for name, distance in (
        ("nominal", agreement.nominal(labels.N)),
        ("over valence and arousal", labels.DISTANCE**2),
    ):
        alpha = agreement.with_interval(votes, distance)
        span = f"{alpha.low:.3f} to {alpha.high:.3f}"
        drawn.add_row(name, f"{alpha.value:.3f}", span, str(alpha.items))
    Console().print(drawn)
    fitted = raters.dawid_skene(votes, labels.N)
    right = np.einsum("j,rjj->r", fitted.marginals, fitted.errors)
    trusted = Table("rater", "votes", "right, by Dawid-Skene")
    for i, name in enumerate(found.raters):
        trusted.add_row(name, str(int((votes[:, i] >= 0).sum())), f"{right[i]:.2f}")
    Console().print(trusted)
    none, apart = labels.majority(votes) < 0, labels.more_than_one_apart(votes)
    counts = np.bincount(labels.truth(votes), minlength=labels.N)
    typer.echo(", ".join(f"{c} {n}" for c, n in zip(CLASSES, counts, strict=True)))
    typer.echo(f"{none.sum()} rows without a majority, {apart.sum()} more than one label apart.")
