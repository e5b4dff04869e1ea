"""Waiting for what a thread or another process does."""

import time


def eventually(holds, *, within_s=10.0):
    """Wait until something holds, and tell whether it did in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
