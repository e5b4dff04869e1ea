"""One API process behind gunicorn, as `tailtrend up` runs it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cli.localstack import ports


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen, int]]:
    """Run it until the end of the block; give the process and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [sys.executable, "-m", "gunicorn", "-c", "python:api.server"]
    argv += ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--no-control-socket"]
    short = {"TAILTREND_REQUEST_IDLE_S": "1"}
    process = subprocess.Popen(argv, env=os.environ | environment | short, start_new_session=True)
    try:
        while not ports.answers(port):
            assert process.poll() is None
            time.sleep(0.05)
        yield process, port
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
