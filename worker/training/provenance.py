"""What a bundle learned from, file by file, and what that says of figures that are made with it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from worker.pipeline.bundles import Bundle
from worker.pipeline.manifest import CLASSES
from worker.training.dataset import Example, Kind

FILE = "learned-from.txt"  # of a bundle: SHA-256 of each file, a line each
MADE_UP = "generated"  # the `source` of generated files begins so
GENERATED = "Generated clips: these figures prove the machinery and say nothing of real animals."
NO_CLIP = "No clip among the files: nothing that moves was learned."


def keep(folder: Path, examples: Iterable[Example]) -> None:
    """Write which files were learned from into a bundle's folder."""
    lines = sorted({one.sha256 for one in examples})
    (folder / FILE).write_text("\n".join(lines) + "\n", "ascii")


def marks_of_files(examples: Sequence[Example]) -> list[str]:
    """Return the warnings that go with figures on some files."""
    is_made_up = any(one.source.startswith(MADE_UP) for one in examples)
    return [GENERATED] if is_made_up else []


def marks_of_learned(examples: Sequence[Example], truth: Iterable[int]) -> list[str]:
    """Return the warnings that go with a network that learned from some files."""
    labelled = set(truth)
    absent = [name for at, name in enumerate(CLASSES) if at not in labelled]
    told = marks_of_files(examples)
    if all(one.kind != Kind.CLIP for one in examples):
        told.append(NO_CLIP)
    if absent:
        told.append(f"No file was labelled {' or '.join(absent)}: how that looks was not learned.")
    return told


def marks_of_test(bundle: Bundle, examples: Sequence[Example]) -> list[str]:
    """Return the warnings that go with a finished bundle's figures on some files."""
    path, name = bundle.directory / FILE, f"{bundle.name} {bundle.version}"
    if not path.exists():
        return [f"What {name} learned from is not on record: this may be no test of it."]
    learned = set(path.read_text("ascii").split())
    seen = sum(one.sha256 in learned for one in examples)
    if not seen:
        return []
    return [f"NO TEST: {name} learned from {seen} of these {len(examples)} files."]
