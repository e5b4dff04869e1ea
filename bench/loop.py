"""From `202 Accepted` to a readable result, on a warm and idle service."""

import statistics
import tempfile
import time
from pathlib import Path

from bench import load, media, service
from bench.figures import Figure, at_most
from bench.service import Service
from bench.size import Size

MOST_RATIO, MOST_MORE_S = 1.25, 0.15


def measure(size: Size) -> list[Figure]:
    """Measure one clip at a time against the time that its own assessment states."""
    clip = media.clip(height=size.heights[0], duration_s=size.clip_s)
    with service.real() as running:
        once(running, clip)  # warm
        rounds = [once(running, clip) for _ in range(size.loops)]
    took = statistics.median(waited for waited, _ in rounds)
    own = statistics.median(pipeline for _, pipeline in rounds)
    limit = MOST_RATIO * own + MOST_MORE_S
    return [
        Figure(
            "loop",
            f"upload accepted -> result readable, {size.clip_s:g} s {size.heights[0]}p",
            took * 1e3,
            "ms",
            "the pipeline in the same worker (timings_s)",
            own * 1e3,
            target=at_most(took, limit, f"<= {MOST_RATIO} x + {MOST_MORE_S * 1e3:.0f} ms"),
        )
    ]


def once(running: Service, clip: Path) -> tuple[float, float]:
    """Upload a clip and wait for its result; give that time and the pipeline's own."""
    with tempfile.NamedTemporaryFile(suffix=clip.suffix) as copy:
        copy.write(clip.read_bytes() + load.last_box())
        copy.flush()
        job = running.client.upload(Path(copy.name), running.pet_id)
    accepted_at = time.perf_counter()
    while job["finished_at"] is None:
        job = running.client.get(f"/v1/jobs/{job['id']}?wait_s=30")
    took = time.perf_counter() - accepted_at
    if job["status"] != "succeeded":
        raise RuntimeError(f"the clip failed: {job['error']}")
    return took, sum(job["assessment"]["timings_s"].values())
