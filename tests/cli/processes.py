"""Who still works for a state directory, found by where their output goes."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil


def of(state: Path) -> dict[int, psutil.Process]:
    """Find every living process that writes into the state's logs, by pid."""
    return {
        process.pid: process
        for process in psutil.process_iter()
        if _writes_into(process.pid, state)
    }


def is_alive(pid: int) -> bool:
    """Tell whether it runs; a zombie that nobody reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(holds: Callable[[], object], *, within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        time.sleep(0.02)


def _writes_into(pid: int, state: Path) -> bool:
    for number in (1, 2):
        try:
            if os.readlink(f"/proc/{pid}/fd/{number}").startswith(f"{state}/logs/"):
                return True
        except OSError:  # it is gone, or a zombie
            continue
    return False
