"""What a process holds of memory beyond what it uses."""

import gc
import subprocess
import sys

import pytest

from shared.memory import reading, spare_what_is_loaded

COUNTS_ARENAS = """
import ctypes, sys, threading
from shared.memory import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
all_there = threading.Barrier(8)

def allocate():
    held = bytearray(50_000)
    all_there.wait()
    return held

threads = [threading.Thread(target=allocate) for _ in range(8)]
for one in threads:
    one.start()
for one in threads:
    one.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def test_the_collector_does_not_walk_what_was_loaded_at_the_start():
    loaded = len(gc.get_objects())
    spare_what_is_loaded()
    try:
        assert len(gc.get_objects()) < loaded / 100
    finally:
        gc.unfreeze()


def test_nothing_is_collected_while_modules_are_read():
    with reading():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.unfreeze()


def test_the_collector_goes_on_after_a_module_that_cannot_be_read():
    with pytest.raises(ImportError), reading():
        raise ImportError
    assert gc.isenabled()


@pytest.mark.skipif(sys.platform != "linux", reason="arenas are glibc's")
def test_eight_threads_allocate_from_two_arenas():
    def arenas(how: str) -> int:
        argv = [sys.executable, "-c", COUNTS_ARENAS, how]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return said.count("<heap nr=")

    assert arenas("shared") == 2 < arenas("as glibc likes")
