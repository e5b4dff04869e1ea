"""`python -m bench [NAME...]` measures and prints one table; a missed target is no error."""

import argparse
import dataclasses
import importlib
import json
import os
import sys
import traceback

from rich.console import Console

from bench.figures import Figure, table
from bench.size import FULL, TINY, Size

SECTIONS = {  # name: module
    "stages": "bench.stages",
    "weights": "bench.weights",
    "loop": "bench.loop",
    "jobs": "bench.jobs",
    "api": "bench.latency",
    "memory": "bench.memory",
    "peak": "bench.peak",
    "start": "bench.start",
    "queries": "bench.queries",
}


def measure(name: str, size: Size) -> list[Figure]:
    """Measure one section."""
    return list(importlib.import_module(SECTIONS[name]).measure(size))


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON line a figure")
    parser.add_argument("--tiny", action="store_true", help="only see that everything runs")
    parser.add_argument("--rows", type=int, metavar="N", help="of the table in `queries`")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(SECTIONS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    size = TINY if asked.tiny else FULL
    if asked.rows is not None:
        size = dataclasses.replace(size, query_rows=asked.rows)
    figures, broken = [], []
    for name in asked.names or SECTIONS:
        print(f"measuring {name}", file=sys.stderr)
        try:
            figures += measure(name, size)
        except Exception:  # what was measured before it is still worth showing
            traceback.print_exc()
            broken.append(name)
    show(figures, as_json=asked.json)
    if broken:
        print(f"not measured: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def show(figures: list[Figure], *, as_json: bool) -> None:
    """Print the figures for people or for machines."""
    if as_json:
        print("\n".join(json.dumps(figure.as_json()) for figure in figures))
        return
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(table(figures))
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    console.print(f"{len(os.sched_getaffinity(0))} cores, load average {load}")


if __name__ == "__main__":
    sys.exit(main())
