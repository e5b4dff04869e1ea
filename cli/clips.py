"""Which clips a command means, and what animal is in them as far as their names tell."""

import re
from enum import StrEnum
from pathlib import Path

import typer

SUFFIXES = {".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".3gp", ".mpg", ".mpeg", ".ts"}
OF_A_CAT = re.compile(r"(?<![a-z])(cat|kitten|kitty|kitties)s?(?![a-z])", re.IGNORECASE)


class Species(StrEnum):
    """The species that an ethogram exists for."""

    dog = "dog"
    cat = "cat"


def clips_in(paths: list[Path]) -> list[Path]:
    """Return the files given, and the video files of the folders given, by name.

    Raises BadParameter where there is none.
    """
    found: list[Path] = []
    for path in paths:
        found += videos(path) if path.is_dir() else [path]
    if not found:
        raise typer.BadParameter("no clips there")
    return found


def videos(folder: Path) -> list[Path]:
    """Return the video files of a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def species_of(clip: Path) -> Species:
    """Take a clip whose file name says cat or kitten for a cat's, any other for a dog's."""
    return Species.cat if OF_A_CAT.search(clip.stem) else Species.dog
