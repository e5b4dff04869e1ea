"""Writes to the disk beside a measurement, to tell what the disk itself did meanwhile."""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

INTERVAL_S = 0.05
BYTES = b"\0" * 4096


@contextmanager
def watched() -> Iterator[list[float]]:
    """Append 4 KB where the servers' files lie, every 50 ms; give the seconds each took to stay."""
    took: list[float] = []
    done = threading.Event()
    thread = threading.Thread(target=_write, args=[took, done])
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()


def _write(took: list[float], done: threading.Event) -> None:
    with tempfile.TemporaryFile() as file:
        while not took or not done.wait(INTERVAL_S):
            began = time.perf_counter()
            os.write(file.fileno(), BYTES)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
