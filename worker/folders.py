"""Folders for the work on one clip: they go with the work, or later when its process was killed.

Whoever works in a folder holds its lock, and the kernel frees the locks of the dead.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "tailtrend-work-"


@contextmanager
def folder() -> Iterator[Path]:
    """Give an empty folder for the block, in the system's place for temporary files."""
    path, lock = _make()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def sweep() -> int:
    """Remove this user's folders whose workers are dead; give how many."""
    left = Path(tempfile.gettempdir()).glob(f"{PREFIX}*")
    return sum(_remove_abandoned(path) for path in left)


def _make() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(BlockingIOError, FileNotFoundError):
            lock = _lock(path)
            if path.exists():
                return path, lock
            os.close(lock)  # a sweep came in between


def _remove_abandoned(path: Path) -> bool:
    try:
        lock = _lock(path)
    except OSError:  # somebody works in it, it has just gone, or it is no folder of ours
        return False
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
    return True


def _lock(path: Path) -> int:
    """Lock a folder and give the descriptor that holds it. Raises BlockingIOError when it is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
