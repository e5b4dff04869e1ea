"""Reads a table of labelled clips, pictures and recordings; every mistake is told, row by row."""

import csv
import difflib
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from shared.errors import InputError
from worker.pipeline.architectures.inputs import SPECIES
from worker.pipeline.manifest import CLASSES

RATER = "rater_"  # a column of votes: rater_anna, rater_vet2
REQUIRED = ("path", "kind", "pet_id", "source", "species", "breed", "recorded_at")
OPTIONAL = ("licence",)  # SPDX name; goes into the bundle's manifest
SEPARATORS = {";": "';'", "\t": "a tab"}  # that spreadsheets write in place of commas
MAX_TEXT = 200
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What a row's file is; a picture or a recording trains one modality."""

    CLIP = "clip"
    IMAGE = "image"
    AUDIO = "audio"


SUFFIXES = {
    Kind.CLIP: {".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".3gp", ".mpg", ".mpeg", ".ts"},
    Kind.IMAGE: {".jpg", ".jpeg", ".png", ".webp", ".bmp"},
    Kind.AUDIO: {".wav", ".mp3", ".m4a", ".flac", ".ogg", ".opus"},
}


class DatasetInvalid(InputError):
    """The table of labelled files has mistakes."""

    code = "dataset_invalid"

    def __init__(self, mistakes: Sequence[str] = ()) -> None:
        told = "\n".join([*mistakes, f"{len(mistakes)} mistake(s)."]) if mistakes else None
        super().__init__(told)
        self.mistakes = list(mistakes)


@dataclass(frozen=True, slots=True)
class Example:
    """One row. `votes` are indices into CLASSES, in the order of the raters, None where unrated.

    `source` is the channel or the person that it came from, '' where nobody knows.
    """

    path: Path
    kind: Kind
    sha256: str
    pet_id: str
    source: str
    species: str
    breed: str
    recorded_at: datetime | None
    votes: tuple[int | None, ...]
    licence: str = ""
    line: int = 0  # of the table


@dataclass(frozen=True, slots=True)
class Dataset:
    """The rows of one table and who rated them."""

    path: Path
    raters: tuple[str, ...]
    examples: tuple[Example, ...]


def read(path: Path) -> Dataset:
    """Read and check a CSV; paths in it are relative to it. Raises DatasetInvalid with everything.

    The file's columns: path, kind (clip, image, audio), pet_id, source, species, breed,
    recorded_at (ISO 8601 with a zone), one `rater_NAME` per rater; licence if known.
    """
    found, mistakes = examine(path)
    if mistakes:
        raise DatasetInvalid(mistakes)
    return found


def examine(path: Path) -> tuple[Dataset, list[str]]:
    """Return a CSV's sound rows, and every mistake of the others by line.

    Raises DatasetInvalid where the header is wrong.
    """
    columns, rows = parse(path)
    raters = tuple(c.removeprefix(RATER) for c in columns if c.startswith(RATER))
    mistakes = header_mistakes(columns)
    if mistakes:
        raise DatasetInvalid(mistakes)
    if not rows:
        raise DatasetInvalid(["line 2: no rows; add one per labelled file."])
    examples = []
    for line, cells in rows:
        if len(cells) != len(columns):
            asked = f"{len(cells)} cells where the header has {len(columns)}"
            mistakes.append(f"line {line}: {asked}; quote cells that hold commas.")
            continue
        row = dict(zip(columns, (c.strip() for c in cells), strict=True))
        found = list(row_mistakes(row, path.parent))
        mistakes += [f"line {line}, {m}" for m in found]
        if not found:
            examples.append(example(row, path.parent, line))
    mistakes += table_mistakes(examples)
    return Dataset(path, raters, tuple(examples)), sorted(mistakes, key=line_of)


def digest(path: Path) -> str:
    """Return the SHA-256 of a table's text, however its lines end. Raises DatasetInvalid."""
    return hashlib.sha256(content_of(path).replace(b"\r\n", b"\n")).hexdigest()


def content_of(path: Path) -> bytes:
    """Return a table's bytes. Raises DatasetInvalid."""
    if path.is_dir():
        raise DatasetInvalid([f"{path} is a directory; name the table in it."])
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DatasetInvalid([f"{path} does not exist."]) from error
    except OSError as error:
        raise DatasetInvalid([f"{path} cannot be read: {error.strerror}."]) from error


def parse(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the rows that are not empty, with their line numbers."""
    try:
        text = content_of(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DatasetInvalid([f"line {line}: is not in UTF-8; save the table as UTF-8."]) from error
    reader = csv.reader(text.splitlines())
    columns = [c.strip() for c in next(reader, [])]
    return columns, [(reader.line_num, row) for row in reader if any(c.strip() for c in row)]


def header_mistakes(columns: list[str]) -> list[str]:
    """Check the column names."""
    others = [name for mark, name in SEPARATORS.items() if mark in "".join(columns[:1])]
    if others and len(columns) == 1:
        return [f"line 1: the separator seems to be {others[0]}; divide cells by commas."]
    known = {*REQUIRED, *OPTIONAL}
    told = [f"line 1: column {c} is missing." for c in REQUIRED if c not in columns]
    told += [f"line 1: column {c} occurs twice." for c, n in Counter(columns).items() if n > 1]
    for name in dict.fromkeys(columns):
        if name not in known and not (name.startswith(RATER) and name != RATER):
            told.append(f'line 1: column "{name}" is unknown{guess(name, known)}')
    if not any(c.startswith(RATER) for c in columns):
        told.append(f"line 1: no rater; name each column of votes {RATER}NAME.")
    return told


def row_mistakes(row: dict[str, str], folder: Path) -> Iterator[str]:
    """Yield what is wrong in one row."""
    yield from file_mistakes(row, folder)
    for name in ("pet_id", "source", "breed", "licence"):
        text = row.get(name, "")
        if len(text) > MAX_TEXT or not text.isprintable():
            yield f"column {name}: at most {MAX_TEXT} printable characters."
    if not row["pet_id"]:
        yield "column pet_id: empty; give each animal a name of its own, the same in all its rows."
    if row["species"] not in SPECIES:
        yield f'column species: "{row["species"]}" is neither dog nor cat.'
    if row["recorded_at"] and (said := time_mistake(row["recorded_at"])):
        yield f"column recorded_at: {said}"
    votes = {name: vote for name, vote in row.items() if name.startswith(RATER)}
    for name, vote in votes.items():
        if vote and vote not in CLASSES:
            yield f'column {name}: "{vote}" is no label{guess(vote, CLASSES)}'
    if not any(votes.values()):
        yield "columns of raters: no vote; a row needs at least one."


def file_mistakes(row: dict[str, str], folder: Path) -> Iterator[str]:
    """Yield what is wrong with a row's kind and file."""
    if row["kind"] not in list(Kind):
        yield f'column kind: "{row["kind"]}" is none of {", ".join(Kind)}.'
    if not row["path"]:
        yield "column path: empty."
        return
    path = folder / row["path"]
    if Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts:
        yield "column path: must stay inside the table's folder."
    elif not path.exists():
        yield f"column path: {row['path']} does not exist."
    elif not path.is_file():
        yield f"column path: {row['path']} is not a file."
    elif not path.stat().st_size:
        yield f"column path: {row['path']} is empty."
    elif row["kind"] in list(Kind) and path.suffix.lower() not in SUFFIXES[Kind(row["kind"])]:
        yield f"column kind: {row['path']} does not look like {row['kind']}."


def time_mistake(text: str) -> str | None:
    """Return what is wrong with a time, None when nothing is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return f'"{text}" is no time; write it as 2026-05-01T17:30:00+02:00.'
    if at.tzinfo is None:
        return f'"{text}" lacks its time zone; end it with Z or +02:00.'
    if not EARLIEST <= at <= datetime.now(UTC):
        return f'"{text}" is not between the year 2000 and now.'
    return None


def example(row: dict[str, str], folder: Path, line: int) -> Example:
    """Return a checked row as an example."""
    path = folder / row["path"]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    at = row["recorded_at"]
    votes = tuple(
        CLASSES.index(vote) if vote else None
        for name, vote in row.items()
        if name.startswith(RATER)
    )
    return Example(
        path=path,
        kind=Kind(row["kind"]),
        sha256=digest,
        pet_id=row["pet_id"],
        source=row["source"],
        species=row["species"],
        breed=row["breed"],
        recorded_at=datetime.fromisoformat(at).astimezone(UTC) if at else None,
        votes=votes,
        licence=row.get("licence", ""),
        line=line,
    )


def table_mistakes(examples: list[Example]) -> list[str]:
    """Check what only several rows together show."""
    told = []
    seen: dict[str, Example] = {}
    pets: dict[str, Example] = {}
    for one in examples:
        at = f"line {one.line}, column"
        if other := seen.get(one.sha256):
            what = "the same path" if one.path == other.path else "the same bytes"
            told.append(f"{at} path: {what} as line {other.line}.")
        seen.setdefault(one.sha256, one)
        pet = pets.setdefault(one.pet_id, one)
        for name in ("species", "breed"):
            if getattr(one, name) != getattr(pet, name):
                was = getattr(pet, name) or "none"
                told.append(f"{at} {name}: {one.pet_id} is {was} in line {pet.line}.")
    return told


def guess(name: str, known: "set[str] | tuple[str, ...]") -> str:
    """End a sentence: with '; did you mean ...?' where something known is near."""
    by_lower = {k.lower(): k for k in sorted(known)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else "."


def line_of(mistake: str) -> int:
    """Return the line that a mistake names."""
    return int(mistake.removeprefix("line ").split(",")[0].split(":")[0])
