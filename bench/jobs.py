"""Jobs per second through API, queue and three steps, with a pipeline that does nothing."""

import os

from sqlalchemy import text

from bench import cost, load, service
from bench.figures import Figure, at_least, at_most
from bench.service import Service
from bench.size import Size
from shared import db

LEAST_PER_S = 150
WORKERS = {
    False: ("one worker for all steps", ("extract,encode,fuse",)),
    True: ("a worker for each step", ("extract", "encode", "fuse")),
}

FLOW = text("""
SELECT count(*)::float / extract(epoch FROM max(finished_at) - min(created_at))::float
  FROM jobs WHERE status = 'succeeded'
""")


def measure(size: Size) -> list[Figure]:
    """Measure one worker that serves all queues, and one worker for each queue."""
    figures = []
    for name, workers in (WORKERS[is_split] for is_split in size.splits):
        with service.noop(workers=workers) as running, cost.spent(running) as cpu_s:
            per_s = flow(running, size.noop_jobs)
        figures += _rows(name, per_s, {kind: s / size.noop_jobs for kind, s in cpu_s.items()})
    return figures


def _rows(name: str, per_s: float, cpu_s: dict[str, float]) -> list[Figure]:
    """Show the rate, and what a job costs, which does not depend on who else is at work."""
    target = at_least(per_s, LEAST_PER_S, f">= {LEAST_PER_S} jobs/s")
    total_s, cores = sum(cpu_s.values()), len(os.sched_getaffinity(0))
    budget_s = cores / LEAST_PER_S
    parts = ", ".join(f"{kind} {s * 1e3:.1f}" for kind, s in cpu_s.items())
    return [
        Figure("jobs", f"no-op jobs, {name}", per_s, "jobs/s", target=target),
        Figure(
            "jobs",
            f"CPU of one job ({parts})",
            total_s * 1e3,
            "ms",
            f"{cores} cores / {LEAST_PER_S} jobs",
            budget_s * 1e3,
            target=at_most(total_s, budget_s, f"<= {budget_s * 1e3:.1f} ms"),
        ),
    ]


def flow(running: Service, jobs: int) -> float:
    """Send jobs as fast as they are accepted; give the rate from the first to the last end."""
    done = load.run(load.Plan(running.port, running.api_key, running.pet_id, jobs))
    if done.statuses.get("create 202") != jobs:
        raise RuntimeError(f"not every upload was accepted: {done.statuses}")
    service.wait_until_done(jobs)
    with db.transaction() as session:
        return float(session.scalar(FLOW) or 0)
