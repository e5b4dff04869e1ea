"""CPU time by program: what stays comparable while others use the machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from bench.service import Service


def cpu_s(running: Service) -> dict[str, float]:
    """Give the CPU seconds that each program has used, with its children."""
    return {name: _of(psutil.Process(pid)) for name, pid in running.supervisor.pids().items()}


def _of(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return sum(_used(each) for each in family)


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def spent(running: Service) -> Iterator[dict[str, float]]:
    """Fill the given dictionary with the CPU seconds that the block cost, by kind of program."""
    before = cpu_s(running)
    cost: dict[str, float] = {}
    yield cost
    for name, used in cpu_s(running).items():
        kind = name.partition("-")[0]
        cost[kind] = cost.get(kind, 0) + used - before[name]
