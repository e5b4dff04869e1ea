"""`tailtrend analyze`: the whole pipeline on local files, without servers."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli import answers
from cli import explain as reasons
from cli.clips import Species, clips_in, species_of
from shared import logs
from shared.errors import InputError
from shared.settings import settings

if TYPE_CHECKING:  # its two seconds of imports are not for `tailtrend up`
    from worker.pipeline.run import Models


@dataclass(frozen=True, slots=True)
class Animal:
    """Whose clips they are; the breed is '' where nobody told."""

    species: Species
    breed: str


def analyze(
    clips: Annotated[list[Path], typer.Argument(help="Clips, or folders of clips.", exists=True)],
    species: Annotated[
        Species | None,
        typer.Option(help="The animal in the clips; else a cat where the file's name says so."),
    ] = None,
    breed: Annotated[str, typer.Option(help="Its breed, for bundles that know of breeds.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line a clip.")] = False,
    weights: Annotated[Path | None, typer.Option(help="Directory of weight files.")] = None,
    draw: Annotated[
        Path | None, typer.Option(help="Write the clip here with what was found drawn in (mp4).")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Directory of the bundle that decides.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print what spoke for it; draw the timeline.")
    ] = False,
    pictures: Annotated[Path, typer.Option(help="Where --explain draws.")] = Path(),
) -> None:
    """Analyse clips on this machine and print what was seen, heard and concluded."""
    logs.configure()
    found = clips_in(clips)
    if draw is not None and len(found) > 1:
        raise typer.BadParameter("--draw takes one clip")
    models = load(weights, bundle)
    rows: list[dict[str, Any]] = []
    with progress_bar() as show:
        for path in found:
            animal = Animal(species or species_of(path), breed)
            row = result_of(path, animal, models, show, draw)
            rows.append(row)
            if as_json:
                typer.echo(json.dumps(row))
    if explain:
        explain_all(rows, pictures, Console(stderr=as_json))
    elif not as_json:
        answers.show(Console(), [answer(row) for row in rows])


def load(weights: Path | None, bundle: Path | None) -> "Models":
    """Load the networks and the bundle that a command names, else those of the settings."""
    from worker.pipeline.bundles import BUILT_IN
    from worker.pipeline.run import load_models

    chosen = settings()
    return load_models(
        weights or chosen.weights_dir,
        chosen.cache_dir.expanduser(),
        chosen.model_threads,
        bundle_dir=bundle or BUILT_IN,
    )


def explain_all(rows: list[dict[str, Any]], pictures: Path, console: Console) -> None:
    """Print each answer's reasons and draw its timeline; clips of one name are numbered."""
    pictures.mkdir(parents=True, exist_ok=True)
    drawn: Counter[str] = Counter()
    for row in rows:
        name, _, error = answer(row)
        if error:
            console.print(f"\n[bold]{name}[/bold]: {error['code']}")
            continue
        stem = Path(row["clip"]).stem
        number = f"-{drawn[stem] + 1}" if drawn[stem] else ""
        picture = pictures / f"{stem}{number}.timeline.png"
        is_drawn = reasons.draw(row["assessment"], name, picture)
        drawn[stem] += is_drawn
        reasons.show(console, name, row["assessment"], picture if is_drawn else None)


def result_of(
    path: Path, animal: Animal, models: "Models", show: "Show", draw: Path | None
) -> dict[str, Any]:
    """Return a clip's assessment, or the code and sentence of why there is none; draw it."""
    from worker.pipeline import run

    row = {"clip": str(path), "species": animal.species}
    try:
        extracted, assessment = run.analyze_all(
            path,
            species=animal.species,
            breed=animal.breed,
            models=models,
            on_progress=lambda f: show(path.name, f),
        )
    except InputError as error:
        return row | {"error": {"code": error.code, "detail": error.detail}}
    said = assessment.as_json()
    if draw is not None:
        from cli import annotate

        annotate.write(path, draw, extracted, said, lambda f: show(f"drawing {draw.name}", f))
    return row | {"assessment": said}


def answer(row: dict[str, Any]) -> answers.Answer:
    """Return what a row of `--json` has to say about its clip."""
    name = f"{Path(row['clip']).name} ({row['species']})"
    return name, row.get("assessment"), row.get("error")


class Show:
    """Draws one clip's progress; does nothing when nobody watches."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("", total=1.0)

    def __call__(self, name: str, fraction: float) -> None:
        self.progress.update(self.task, description=name, completed=fraction)


@contextmanager
def progress_bar() -> Iterator[Show]:
    """Show progress on stderr if it is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        yield Show(bar)
