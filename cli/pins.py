"""Which pins of requirements.lock an extra needs: `python -m cli.pins api` writes them to stdout.

`requirements-api.lock` is its output; a test compares the two.
"""

import importlib.metadata
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

LOCK = Path(__file__).parent.parent / "requirements.lock"
PYTHONS: tuple[dict[str, str], ...] = (
    {},
    {"python_full_version": "3.11.0"},
)  # this one, and the oldest that we run on


Needed = tuple[NormalizedName, frozenset[str]]  # a distribution and its extras


def closure(name: str, extras: frozenset[str]) -> set[NormalizedName]:
    """Name everything that a distribution with extras needs, itself included, as installed here."""
    found: set[Needed] = set()
    waiting = [(canonicalize_name(name), extras)]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += needs(*one)
    return {name for name, _ in found}


def needs(name: NormalizedName, extras: frozenset[str]) -> list[Needed]:
    """Name what a distribution asks for directly, on this platform and any Python of ours."""
    try:
        asked = [Requirement(text) for text in importlib.metadata.requires(name) or []]
    except importlib.metadata.PackageNotFoundError:  # another Python's
        return []
    return [
        (canonicalize_name(one.name), frozenset(one.extras))
        for one in asked
        if one.marker is None
        or any(one.marker.evaluate({"extra": e, **p}) for e in extras | {""} for p in PYTHONS)
    ]


def pins(extra: str) -> list[str]:
    """List the lock's lines that an extra of TailTrend needs."""
    wanted = closure("tailtrend", frozenset({extra}))
    lines = LOCK.read_text().splitlines()
    return [line for line in lines if canonicalize_name(line.partition("==")[0]) in wanted]


if __name__ == "__main__":
    sys.stdout.write("\n".join(pins(sys.argv[1])) + "\n")
