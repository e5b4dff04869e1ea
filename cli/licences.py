"""The licence of every pin of requirements.lock: `python -m cli.licences` writes the table.

`docs/licences.md` ends with it; a test compares the two.
"""

import importlib.metadata
import sys

from cli.pins import LOCK

LONGEST = 60  # a licence's name; some packages put its whole text there
NO_NAMES = ("=", "Copyright")
NOT_FOR_EVERY_PYTHON = {"async-timeout": "Apache-2.0"}


def table() -> str:
    """Write a Markdown table of name, version and licence."""
    rows = [line.partition(";")[0].strip().split("==") for line in LOCK.read_text().splitlines()]
    lines = [f"| {name} | {version} | {licence(name)} |" for name, version in rows]
    return "\n".join(["| package | version | licence |", "|---|---|---|", *lines]) + "\n"


def licence(name: str) -> str:
    """Give what a distribution's metadata says: expression, else short text, else classifier."""
    if name in NOT_FOR_EVERY_PYTHON:
        return NOT_FOR_EVERY_PYTHON[name]
    said = importlib.metadata.metadata(name)
    if expression := said.get_all("License-Expression"):
        return str(expression[0])
    text = str((said.get_all("License") or [""])[0])
    first_line = text.strip().partition("\n")[0].strip()
    if first_line and len(first_line) <= LONGEST and not first_line.startswith(NO_NAMES):
        return first_line
    classifiers = said.get_all("Classifier") or []
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    return " or ".join(named) or "see its LICENSE file"


if __name__ == "__main__":
    sys.stdout.write(table())
