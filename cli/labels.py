"""`tailtrend labels`: tables of labelled files, and the product's own verdicts as one."""

import csv
import uuid
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli import tables
from cli.tables import LabelledTable
from shared import accounts, labelling, storage
from shared.db import transaction

SUFFIX = {"video/quicktime": ".mov", "video/x-msvideo": ".avi", "video/webm": ".webm",
          "video/x-matroska": ".mkv", "video/3gpp": ".3gp", "video/mp2t": ".ts"}  # fmt: skip

app = typer.Typer(no_args_is_help=True, help="Labelled files: check, agree, export, queue.")


@app.command()
def check(table: LabelledTable) -> None:
    """Read a table, open its files, and tell every mistake with its line; exit 2 if there is one.

    Pictures and recordings are read whole, of clips that they open and have pictures.
    """
    from worker.training import dataset, features

    found, mistakes = dataset.examine(table)
    told = [features.unreadable(one) for one in tables.drawn_over("opening", found.examples)]
    mistakes += [one for one in told if one is not None]
    if mistakes:
        raise dataset.DatasetInvalid(sorted(mistakes, key=dataset.line_of))
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
        raise agreement.TooFewVotes
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


Accounts = Annotated[
    list[str], typer.Option("--account", help="An account whose clips may be learned from.")
]


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A new folder for the table and its clips.")],
    account: Accounts,
    licence: Annotated[str, typer.Option(help="SPDX name of what the owners agreed to.")] = "",
) -> None:
    """Write the accounts' corrected clips as a table to learn from, with their media.

    Each person is a rater under a number; an account is one source, so it never divides.
    """
    from worker.training.dataset import OPTIONAL, REQUIRED

    with transaction() as session:
        clips = list(labelling.labelled(session, ids_of(session, account)))
    if not clips:
        raise typer.BadParameter("no clip of these accounts has a verdict and its media")
    folder.mkdir(parents=True)
    who = sorted({person for clip in clips for person in clip.votes})
    columns = [f"rater_{person.split()[0]}{i}" for i, person in enumerate(who, 1)]
    with (
        tables.bar("fetching clips", len(clips)) as (drawn, task),
        (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([*REQUIRED, *OPTIONAL, *columns])
        for clip in clips:
            name = f"{clip.id}{SUFFIX.get(clip.content_type, '.mp4')}"
            storage.get(clip.storage_key, folder / name)
            votes = [clip.votes.get(person, "") for person in who]
            writer.writerow([*row_of(clip, name, licence), *votes])
            drawn.advance(task)
    typer.echo(f"{len(clips)} clips by {len(who)} people: {folder / 'labels.csv'}")


@app.command()
def queue(
    account: Accounts,
    limit: Annotated[int, typer.Option(min=1)] = 20,
) -> None:
    """List the clips whose label would teach most: contradicted ones, then the most doubtful."""
    with transaction() as session:
        found = labelling.queue(session, ids_of(session, account), limit=limit)
    drawn = Table("clip", "pet", "recorded", "why")
    for one in found:
        at = one.recorded_at.isoformat(timespec="minutes")
        drawn.add_row(str(one.clip_id), str(one.pet_id), at, one.why)
    Console().print(drawn)


def ids_of(session: Session, names: list[str]) -> list[uuid.UUID]:
    """Return the accounts of these names. Raises BadParameter."""
    found = {name: accounts.find(session, name) for name in names}
    unknown = [name for name, one in found.items() if one is None]
    if unknown:
        raise typer.BadParameter(f"no account is called {', '.join(unknown)}")
    return [one.id for one in found.values() if one is not None]


def row_of(clip: labelling.LabelledClip, name: str, licence: str) -> list[str]:
    """Return a clip's cells beside its votes."""
    at = clip.recorded_at.isoformat()
    about = (clip.species, clip.breed or "", at, licence)
    return [name, "clip", str(clip.pet_id), str(clip.account_id), *about]
