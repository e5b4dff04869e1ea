"""`tailtrend evaluate modalities`: what each answer becomes without its sound, face or pose."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cli.analyze import load
from cli.clips import Species, clips_in, species_of
from shared import logs
from shared.errors import InputError

if TYPE_CHECKING:
    from worker.pipeline.encode import Encoding
    from worker.pipeline.extract import Extract
    from worker.pipeline.fuse import Assessment
    from worker.pipeline.run import Models

    Remove = Callable[[Extract, Encoding], tuple[Extract, Encoding]]

GONE = "taken away to see what it changes"


def evaluate_modalities(
    clips: Annotated[list[Path], typer.Argument(help="Clips, or folders of clips.")],
    weights: Annotated[Path | None, typer.Option(help="Directory of weight files.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Bundle that decides.")] = None,
) -> None:
    """Take each modality away and list every decision that changes.

    A clip whose file name says cat or kitten is taken for a cat's, any other for a dog's.
    """
    logs.configure()
    models = load(weights, bundle)
    rows = {}
    for path in track(clips_in(clips), "analysing", transient=True, console=Console(stderr=True)):
        rows[path.name] = answers(path, species_of(path), models)
    show(rows)


def answers(path: Path, species: Species, models: "Models") -> dict[str, str]:
    """Return one clip's answer as it is and without each modality, in words."""
    from worker.pipeline.encode import encode
    from worker.pipeline.extract import extract
    from worker.pipeline.fuse import fuse

    try:
        extracted = extract(path, species=species, models=models.extract)
    except InputError as error:
        return {"all": error.code}
    encoding = encode(extracted, models.encode, faces=models.bundle.manifest.reads_faces)
    found = {"all": said(fuse(extracted, encoding, models.bundle, species))}
    had = {
        "no sound": extracted.facts.sound is not None and extracted.facts.sound.usable,
        "no face": extracted.face_pictures is not None,
        "no pose": extracted.posture is not None,
    }
    for name, remove in REMOVE.items():
        if not had[name]:
            continue
        found[name] = said(fuse(*remove(extracted, encoding), models.bundle, species))
    return found


def said(assessment: "Assessment") -> str:
    """Return an answer in a word or two."""
    if assessment.emotion is None:
        assert assessment.abstention is not None
        return assessment.abstention.code
    return f"{assessment.emotion} {assessment.confidence:.2f}"


def without_sound(extracted: "Extract", encoding: "Encoding") -> "tuple[Extract, Encoding]":
    """Return a clip as if it had no sound track."""
    facts = replace(extracted.facts, sound=None, tags=None, calls=())
    presence = replace(encoding.presence, audio=GONE)
    deaf = replace(encoding, audio=None, audio_windows=None, presence=presence)
    return replace(extracted, facts=facts, audio_16k=None), deaf


def without_face(extracted: "Extract", encoding: "Encoding") -> "tuple[Extract, Encoding]":
    """Return a clip as if no face could be seen."""
    face = replace(extracted.facts.face, why=GONE)
    hidden = replace(extracted, facts=replace(extracted.facts, face=face), face_pictures=None)
    return hidden, replace(encoding, face=None, presence=replace(encoding.presence, face=GONE))


def without_pose(extracted: "Extract", encoding: "Encoding") -> "tuple[Extract, Encoding]":
    """Return a clip as if no keypoint had been found."""
    presence = replace(encoding.presence, pose=GONE)
    blind = replace(encoding, pose=None, pose_mask=None, presence=presence)
    return replace(extracted, pose=None, posture=None), blind


REMOVE: "dict[str, Remove]" = {
    "no sound": without_sound,
    "no face": without_face,
    "no pose": without_pose,
}


def show(rows: dict[str, dict[str, str]]) -> None:
    """Print every clip, what changes, and how often."""
    table = Table("clip", "all", *REMOVE)
    changes: Counter[str] = Counter()
    for name, row in rows.items():
        cells = [changed(row, without, changes) for without in REMOVE]
        table.add_row(name, row["all"], *cells)
    console = Console()
    console.print(table)
    for without in REMOVE:
        had = sum(without in row for row in rows.values())
        console.print(f"{without}: {changes[without]} of {had} decisions change where it was there")


def changed(row: dict[str, str], without: str, changes: Counter[str]) -> str:
    """Return a cell: '=' for the same answer, the confidence where that alone moved.

    Empty where there was nothing to take away.
    """
    if without not in row:
        return ""
    one, other = row["all"], row[without]
    if one == other:
        return "="
    if one.split()[0] == other.split()[0]:
        return f"= {other.split()[-1]}"
    changes[without] += 1
    return f"[bold]{other}[/bold]"
