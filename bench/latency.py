"""Create and poll at a fixed rate, beside workers that analyse real clips, and without a broker.

A create waits for the disk several times: where a single write took 300 ms, so did some creates.
With TMPDIR in memory (`/dev/shm`) there is no disk in it.
"""

import os
import signal
import statistics
from pathlib import Path

from bench import disk, load, media, service, timing
from bench.figures import Figure, at_most
from bench.load import Load, Plan
from bench.service import Service
from bench.size import Size

RATE_HZ = 100
CREATES, CYCLE = 1, 5  # a client polls a job a few times
MOST_P99_S = 0.05
EXPECTED = {"create 202", "poll 200"}
CLIP = {"height": 180, "duration_s": 2.5}


def measure(size: Size) -> list[Figure]:
    """Measure with idle workers' broker up and with it killed."""
    clip = media.clip(**CLIP)
    with service.real() as running:
        idle = send(running, clip, rate_hz=RATE_HZ / 10, seconds=size.load_s)
        with disk.watched() as writes:
            busy = send(running, clip, rate_hz=RATE_HZ, seconds=size.load_s)
        os.kill(running.supervisor.pids()["valkey"], signal.SIGKILL)
        with disk.watched() as later_writes:
            cut_off = send(running, clip, rate_hz=RATE_HZ, seconds=size.load_s)
    how = f"{RATE_HZ}/s beside busy workers"
    return [
        *rows(busy, idle, how),
        slowest(writes, how),
        *rows(cut_off, idle, f"{how}, broker dead"),
        slowest(later_writes, f"{how}, broker dead"),
    ]


def send(running: Service, clip: Path, *, rate_hz: float, seconds: float) -> Load:
    """Send requests at a rate, every fifth a new clip."""
    plan = Plan(
        running.port,
        running.api_key,
        running.pet_id,
        requests=int(rate_hz * seconds),
        rate_hz=rate_hz,
        creates=CREATES,
        cycle=CYCLE,
        clip=str(clip),
    )
    found = load.run(plan)
    if set(found.statuses) - EXPECTED:
        raise RuntimeError(f"requests failed: {found.statuses}")
    return found


def rows(found: Load, calm: Load, how: str) -> list[Figure]:
    """Show p50 and p99 of both kinds of request against the same at a tenth of the rate."""
    return [
        row(f"{kind} p{percent}, {how}", timing.percentile(values, percent), base, percent)
        for kind, values, quiet in (
            ("create", found.create_s, calm.create_s),
            ("poll", found.poll_s, calm.poll_s),
        )
        for percent in (50, 99)
        for base in (timing.percentile(quiet, percent),)
    ]


def row(what: str, seconds: float, base: float, percent: int) -> Figure:
    """Show one percentile; only the 99th has a target."""
    target = at_most(seconds, MOST_P99_S, f"<= {MOST_P99_S * 1e3:.0f} ms")
    return Figure(
        "api",
        what,
        seconds * 1e3,
        "ms",
        f"at {RATE_HZ // 10}/s",
        base * 1e3,
        target=target if percent == 99 else None,
    )


def slowest(writes_s: list[float], how: str) -> Figure:
    """Show the slowest write of 4 KB to the disk meanwhile."""
    usual_s = statistics.median(writes_s)
    what = f"slowest write to the disk, {how}"
    return Figure("api", what, max(writes_s) * 1e3, "ms", "the usual one", usual_s * 1e3)
