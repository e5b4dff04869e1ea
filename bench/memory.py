"""Memory of one CPU worker with all its processes while it analyses clips."""

from pathlib import Path

import psutil

from bench import load, media, service
from bench.figures import Figure, at_most
from bench.load import Plan
from bench.service import Service
from bench.size import Size

MOST_MB = 700
CLIP = {"height": 720, "duration_s": 10}


def measure(size: Size) -> list[Figure]:
    """Measure after the first quarter of the jobs and at the end; the difference is what leaks."""
    clip = media.clip(**CLIP) if size.memory_jobs > 1 else media.clip(height=180, duration_s=2.5)
    first = max(1, size.memory_jobs // 4)
    with service.real() as running:
        analyse(running, clip, first)
        early_mb = own_mb(running)
        analyse(running, clip, size.memory_jobs - first)
        late_mb, shared_mb = own_mb(running), rss_mb(running)
    target = at_most(late_mb, MOST_MB, f"<= {MOST_MB} MB")
    against = f"after {first} jobs"
    return [
        Figure(
            "memory",
            f"one worker after {size.memory_jobs} jobs (PSS, all processes)",
            late_mb,
            "MB",
            against,
            early_mb,
            target=target,
        ),
        Figure("memory", "the same as the sum of RSS, shared pages counted again", shared_mb, "MB"),
    ]


def analyse(running: Service, clip: Path, jobs: int) -> None:
    """Send clips, differing in nothing but their last bytes, and wait for all."""
    before = service.count_done()
    if jobs:
        load.run(Plan(running.port, running.api_key, running.pet_id, jobs, clip=str(clip)))
        service.wait_until_done(before + jobs)


def own_mb(running: Service) -> float:
    """Add up proportional set sizes: a page that several processes share counts once."""
    return sum(process.memory_full_info().pss for process in family(running)) / 1e6


def rss_mb(running: Service) -> float:
    """Add up resident set sizes."""
    return sum(process.memory_info().rss for process in family(running)) / 1e6


def family(running: Service) -> list[psutil.Process]:
    """List the worker's process, its pool and the children that decode."""
    main = running.process("worker")
    return [main, *main.children(recursive=True)]
