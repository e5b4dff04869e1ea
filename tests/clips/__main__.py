"""`python -m tests.clips NAME OUT.mp4` writes one sample; `--list` names them all."""

import argparse
import sys

from . import SAMPLES, render


def main() -> int:
    """Write the sample that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.clips", description=__doc__)
    parser.add_argument("name", nargs="?", choices=SAMPLES, metavar="NAME")
    parser.add_argument("path", nargs="?", metavar="OUT")
    parser.add_argument("--list", action="store_true", help="name the samples and stop")
    asked = parser.parse_args()
    if asked.list:
        sys.stdout.write("\n".join(SAMPLES) + "\n")
        return 0
    if not asked.name or not asked.path:
        parser.error("NAME and OUT are needed; --list names the samples")
    render(SAMPLES[asked.name], asked.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
