"""Analysis takes the CPU that nobody else on the machine wants: answers must not wait for it.

A process of a worker is nice: it beats and sweeps behind the others and is never starved. What
computes in it, or in its sandbox, runs under SCHED_IDLE: whoever wakes up takes the CPU from it at
once, where he would wait for the end of a nice thread's slice, at each of the dozen wake-ups of a
request (`man 7 sched`; create p99 80 to 90 ms nice, 45 to 60 ms idle). Linux weighs sessions and
cgroups before threads, so this holds among processes of one session, as the local stack's are;
containers have weights of their own (`compose.yaml`).
"""

import contextlib
import contextvars
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

NICE = 10  # a tenth of the weight of the others

P = ParamSpec("P")
T = TypeVar("T")


def give_way() -> None:
    """Put this process behind all others."""
    os.setpriority(os.PRIO_PROCESS, 0, NICE)


def go_last() -> None:
    """Leave the CPU to whoever wants it; for this thread and those it will start, for good."""
    with contextlib.suppress(OSError):  # some containers' kernels know no other policy
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def last(compute: Callable[P, T]) -> Callable[P, T]:
    """Make a function compute in a thread of its own that goes last."""

    @functools.wraps(compute)
    def in_a_thread(*args: P.args, **kwargs: P.kwargs) -> T:
        context = contextvars.copy_context()
        with ThreadPoolExecutor(1, initializer=go_last) as lane:
            return lane.submit(lambda: context.run(compute, *args, **kwargs)).result()

    return in_a_thread


class Waits:
    """How long others have kept a process from its work: the CPU went to them."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = self._by_thread()

    def longest_s(self) -> float:
        """Give the most seconds since the start that a thread was ready and got no CPU."""
        now = self._by_thread()
        return max((s - self._before.get(thread, 0.0) for thread, s in now.items()), default=0.0)

    def _by_thread(self) -> dict[str, float]:
        seconds = {}
        for stat in Path(f"/proc/{self._pid}/task").glob("*/schedstat"):  # man 5 proc
            with contextlib.suppress(OSError):  # a thread that has ended meanwhile
                seconds[stat.parent.name] = int(stat.read_text().split()[1]) / 1e9
        return seconds
