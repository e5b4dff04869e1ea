"""Wall-clock times of functions."""

import statistics
import time
from collections.abc import Callable


def once(do: Callable[[], object]) -> float:
    """Time one call in seconds."""
    started_at = time.perf_counter()
    do()
    return time.perf_counter() - started_at


def medians(repeats: int, **what: Callable[[], object]) -> dict[str, float]:
    """Time functions in turn, so that noise of the machine meets all alike; one warm-up each."""
    for do in what.values():
        do()
    rounds = [{name: once(do) for name, do in what.items()} for _ in range(repeats)]
    return {name: statistics.median(each[name] for each in rounds) for name in what}


def percentile(values: list[float], percent: float) -> float:
    """Give the smallest value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * percent // 100) - 1))]
