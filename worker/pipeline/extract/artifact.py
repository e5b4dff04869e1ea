"""Keeps a stage's result in one file: named arrays and one JSON text. No pickle.

An .npz without compression, so that it can be written and read at disk speed.
"""

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

FACTS = "facts.json"


class ArtifactInvalid(ValueError):
    """The artifact is not what this version of the pipeline writes."""


def write(path: Path, facts: bytes, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write facts (JSON) and arrays to a file."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{FACTS: np.frombuffer(facts, np.uint8), **arrays})


def read(path: Path) -> tuple[bytes, dict[str, NDArray[np.generic]]]:
    """Read what `write` wrote. Raises ArtifactInvalid."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return arrays.pop(FACTS).tobytes(), arrays
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile) as error:
        raise ArtifactInvalid(f"{path.name}: {error}") from error


def expect(
    arrays: Mapping[str, NDArray[np.generic]], name: str, shape: tuple[int, ...], dtype: str
) -> NDArray[np.generic]:
    """Return one array after checking dtype and shape (-1 fits any length)."""
    array = arrays.get(name)
    if array is None or array.dtype != np.dtype(dtype) or not fits(array.shape, shape):
        raise ArtifactInvalid(f"array {name} is not {dtype} {shape}")
    return array


def fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Tell whether a shape matches one in which -1 stands for any length."""
    return len(shape) == len(wanted) and all(
        w in (-1, s) for s, w in zip(shape, wanted, strict=True)
    )
