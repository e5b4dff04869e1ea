"""`tailtrend models`: the weight files: which there are, fetch them, check them."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from shared import logs
from shared.errors import DownloadFailed, TailTrendError
from shared.settings import settings

if TYPE_CHECKING:  # its imports are not for `tailtrend up`
    from worker.pipeline.weights import WeightRecord

app = typer.Typer(no_args_is_help=True, help="Weight files: list, pull, verify.")


@app.callback()
def _start() -> None:
    logs.configure()


screen = Console(stderr=True, soft_wrap=True)

Names = Annotated[list[str] | None, typer.Argument(help="Names from the list; none means all.")]


@dataclass(frozen=True, slots=True)
class Row:
    """One network and what of it is on this machine."""

    record: "WeightRecord"
    state: str  # ready, missing, damaged
    path: Path | None
    bytes: int


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say which networks there are, what each adds, its licence, and whether it is here."""
    rows = [row_of(record) for record in records(None)]
    if as_json:
        typer.echo(json.dumps([as_object(row) for row in rows], indent=2))
        return
    show(rows)
    if missing := lacking():
        size = sum(record.official.bytes for record in missing) / 1e6
        typer.echo(f"`tailtrend models pull` fetches what is missing: {size:.0f} MB.")


@app.command()
def pull(
    names: Names = None,
    keep_sources: Annotated[
        bool, typer.Option(help="Keep the files that graphs were made of: a GPU worker reads them.")
    ] = False,
) -> None:
    """Fetch what is missing into the cache, verify it, and make it ready for the workers.

    Without names all but what the list calls optional.
    """
    wanted = [r for r in records(names) if row_of(r).state != "ready"] if names else lacking()
    if not wanted:
        typer.echo("Everything is here.")
        return
    if settings().offline:
        raise DownloadFailed("TAILTREND_OFFLINE is set: nothing is downloaded.")
    failed = [problem for record in wanted if (problem := fetched(record, keep_sources))]
    for problem in failed:
        typer.echo(problem, err=True)
    if failed:
        raise typer.Exit(1)


@app.command()
def verify(names: Names = None) -> None:
    """Read every weight file that is here and compare its SHA-256; exit 1 if one is damaged."""
    rows = [row_of(record) for record in records(names)]
    show(rows)
    if damaged := [row.record.name for row in rows if row.state == "damaged"]:
        typer.echo(f"Damaged: {', '.join(damaged)}. `tailtrend models pull` fetches them anew.")
        raise typer.Exit(1)
    typer.echo(f"{sum(row.state == 'ready' for row in rows)} of {len(rows)} are here and whole.")


def fetched(record: "WeightRecord", keep_sources: bool) -> str | None:
    """Fetch one network's file and make its graph; return why not, if not."""
    from worker.pipeline import download, encode
    from worker.pipeline.weights import Found

    file = record.official
    try:
        with bar(record.name, file.bytes) as tell:
            path = download.fetch(file, cache_dir() / "weights", on_progress=tell)
        screen.print(f"{record.name}: {file.bytes / 1e6:.1f} MB, SHA-256 verified")
        if encode.prepare(record.role, Found(path, file), cache_dir()) and not keep_sources:
            path.unlink()  # the graph serves, and is a fraction of it
    except TailTrendError as error:
        return f"{record.name}: {error.detail}"
    return None


@contextmanager
def bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Draw the progress of one download on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    more = (TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, *more, console=screen, disable=not screen.is_terminal) as drawn:
        task = drawn.add_task(name, total=total)
        yield lambda done: drawn.update(task, completed=done)


def records(names: list[str] | None) -> list["WeightRecord"]:
    """Return the networks of these names, or all. Raises BadParameter for one that is none."""
    from worker.pipeline.weights import RECORDS

    known = {record.name: record for record in RECORDS}
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(known)}")
    return [known[name] for name in names or known]


def lacking() -> list["WeightRecord"]:
    """Return the networks that are not ready here, but for those fetched by name only."""
    wanted = [record for record in records(None) if not record.by_name_only]
    return [record for record in wanted if row_of(record).state != "ready"]


def row_of(record: "WeightRecord") -> Row:
    """Look for one network on this machine and check what is found."""
    from worker.pipeline import encode, weights

    places = weights.places_of(settings().weights_dir, cache_dir())
    there = list(weights.candidates(record.role, places, ()))
    for path in there:
        if weights.recognised(record.role, path):
            return Row(record, "ready", path, path.stat().st_size)
    if kept := encode.kept_graph(record.role, cache_dir()):
        return Row(record, "ready", kept.path, kept.path.stat().st_size)
    if there:
        return Row(record, "damaged", there[0], there[0].stat().st_size)
    return Row(record, "missing", None, 0)


def cache_dir() -> Path:
    """Return where pulled files are kept."""
    return settings().cache_dir.expanduser()


def show(rows: list[Row]) -> None:
    """Print the networks, a few lines each: names and places are whole at any width."""
    for row in rows:
        state = "optional" if row.record.by_name_only and row.path is None else row.state
        typer.echo(f"{typer.style(row.record.name, bold=True)}: {state}")
        typer.echo(f"  {row.record.adds}; weights: {row.record.weights_licence}")
        official = f"{row.record.official.bytes / 1e6:.1f} MB to fetch"
        typer.echo(f"  {row.bytes / 1e6:.1f} MB: {row.path}" if row.path else f"  {official}")


def as_object(row: Row) -> dict[str, object]:
    """Return everything that the product publishes about a network, and what is here."""
    published = dataclasses.asdict(row.record) | {"state": row.state}
    return published | {"path": str(row.path) if row.path else None, "bytes": row.bytes}
