"""Tables over the real photo and sound sets beside the checkout; their files stay where they are.

The labels are mapped to the product's classes only so that the machinery can be measured: a crowd's
word for a face or a cat's situation is not one of the five states.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from tests.clips import labelled

COLUMNS = ("path", "kind", "pet_id", "source", "species", "breed", "recorded_at", "rater_folder")
PHOTOS = {"relaxed": "Relaxed", "happy": "Playful", "angry": "Alert", "sad": "Anxious"}
MEOWS = {"B": "Relaxed", "F": "Alert", "I": "Distressed"}  # brushing, waiting for food, isolation
BREEDS = {"MC": "Maine Coon", "EU": "European Shorthair"}

Row = dict[str, str]


def photos(data: Path) -> Iterator[tuple[Path, Row]]:
    """Yield the dog photos; nobody knows whose they are, so each counts as its own animal."""
    for word, label in PHOTOS.items():
        for path in sorted((data / "dog-photos" / word).iterdir()):
            name = f"{word}-{path.stem}"
            yield path, row("image", name, "dog", "", label)


def meows(data: Path) -> Iterator[tuple[Path, Row]]:
    """Yield CatMeows: C_NNNNN_BB_SS_OOOOO_RXX is situation, cat, breed, sex, owner, recording."""
    for path in sorted((data / "cat-meows").glob("*.wav")):
        situation, cat, breed, *_ = path.stem.split("_")
        yield path, row("audio", cat, "cat", BREEDS[breed], MEOWS[situation])


def row(kind: str, pet_id: str, species: str, breed: str, label: str) -> Row:
    """Return a row without its path."""
    cells = (kind, pet_id, "", species, breed, "", label)
    return dict(zip(COLUMNS[1:], cells, strict=True))


def write(folder: Path, rows: list[tuple[Path, Row]]) -> Path:
    """Write a table whose files are links to where they are; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for source, cells in rows:
            link = folder / f"{cells['pet_id']}-{source.name}"
            if not link.is_symlink():
                link.symlink_to(source.resolve())
            writer.writerow({"path": link.name, **cells})
    return path


def generated(work: Path) -> Iterator[tuple[Path, Row]]:
    """Yield the generated clips, pictures and sounds of the worked example, by their majority."""
    table = labelled.write(work / "generated")
    with table.open(newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            votes = [cells[name] for name in labelled.RATERS]
            label = max(set(votes), key=votes.count)
            kept = {name: cells.get(name, "") for name in COLUMNS[1:-1]}
            yield table.parent / cells["path"], {**kept, "rater_folder": label}
