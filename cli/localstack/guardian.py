"""Kill the process groups named on standard input once their parent is gone.

Run as a script of its own by `children`, and imports nothing of ours: it must outlive everything.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

WAIT_S = 2


def alive() -> set[int]:
    """List the groups that have a living member; a zombie that nobody reaps yet is none."""
    groups = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, group = entry.read_text().rpartition(")")[2].split()[:3]
            if state not in "ZX":
                groups.add(int(group))
    return groups


def kill(groups: set[int]) -> None:
    """Kill every group and wait until none is left, so that our lock is held until then."""
    deadline = time.monotonic() + WAIT_S
    while (left := groups & alive()) and time.monotonic() < deadline:
        for group in left:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        time.sleep(0.01)


def main() -> None:
    """Keep the list until the pipe closes: `+12` came, `-12` went."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    with contextlib.suppress(ValueError):
        for line in sys.stdin.buffer:
            (groups.add if line.startswith(b"+") else groups.discard)(int(line[1:]))
    kill(groups)


if __name__ == "__main__":
    main()
