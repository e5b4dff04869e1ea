"""What a process holds of memory beyond what it uses, and how to hold less of it."""

import contextlib
import ctypes
import gc
from collections.abc import Iterator

M_ARENA_MAX = -8  # malloc.h
ARENAS = 2


def share_arenas() -> None:
    """Have all threads allocate from two arenas, which hardly wait for each other.

    glibc opens up to eight for each core, and each keeps what its thread has freed: together with
    `give_back` a worker of two processes holds 570 MB between two clips where it held 810.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library has no such call
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Give the system what was freed: glibc keeps it. Takes some 5 ms."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def spare_what_is_loaded() -> None:
    """Keep the collector from walking what stays.

    175 000 objects of libraries make each full collection 100 ms long, and every fourteenth page
    of fifty assessments causes one. Processes forked after this go on sharing them, too: to walk an
    object is to write to its memory.
    """
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Read modules without the collector, which takes a quarter of that time and finds nothing."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
