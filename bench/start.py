"""`tailtrend up`: from the command to its `ready` line, first and again, and its stop."""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import Figure, at_most
from bench.size import Size
from cli.localstack import ports

MOST_RESTART_S, MOST_STOP_S = 5.0, 10.0


def measure(_: Size) -> list[Figure]:
    """Start twice from one state directory."""
    with tempfile.TemporaryDirectory(prefix="tailtrend-bench-") as folder:
        first_s, _first_stop_s = start_and_stop(Path(folder) / "state")
        again_s, stop_s = start_and_stop(Path(folder) / "state")
    restart = at_most(again_s, MOST_RESTART_S, f"<= {MOST_RESTART_S:g} s")
    stop = at_most(stop_s, MOST_STOP_S, f"<= {MOST_STOP_S:g} s")
    return [
        Figure("start", "tailtrend up, first start", first_s, "s"),
        Figure("start", "tailtrend up, restart", again_s, "s", "first", first_s, target=restart),
        Figure("start", "stop", stop_s, "s", target=stop),
    ]


def start_and_stop(state: Path) -> tuple[float, float]:
    """Give the seconds to `ready` and the seconds to the end after SIGTERM."""
    port = ports.pick(excluded=set())
    command = [sys.executable, "-m", "cli", "up", "--state", str(state), "--port", str(port)]
    started_at = time.perf_counter()
    stack = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert stack.stdout is not None
    line = stack.stdout.readline()
    ready_s = time.perf_counter() - started_at
    stack.send_signal(signal.SIGTERM)
    stopped_at = time.perf_counter()
    stack.wait()
    if not line.startswith("ready"):
        raise RuntimeError("tailtrend up did not start")
    return ready_s, time.perf_counter() - stopped_at
