"""Measures on real clips how often the head detector finds a face. Prints nothing, judges nothing:
whether what it finds is one, people have to look.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

if TYPE_CHECKING:
    from worker.pipeline.extract import ExtractModels
    from worker.pipeline.extract.detect import Box


@dataclass(frozen=True, slots=True)
class HeadsFound:
    """One clip's pictures: how many were looked at, with a face, and with keypoints of a head.

    `overlaps` of a face's box and the keypoints' where both are there; `cpu_s` of looking.
    """

    looked: int
    by_face: int
    by_points: int
    overlaps: tuple[float, ...]
    cpu_s: float


def find(
    pictures: NDArray[np.uint8], boxes: "Sequence[Box | None]", models: "ExtractModels"
) -> HeadsFound | None:
    """Look for the head in sixteen pictures, as for a sequence; None without the detector."""
    from worker.pipeline.extract.detect import overlap
    from worker.pipeline.extract.face import Face, chosen_of
    from worker.pipeline.extract.heads import ByFace, ByPoints

    if models.heads is None or all(b is None for b in boxes):
        return None
    chosen = sorted(set(chosen_of(Face(tuple(boxes), ""))))
    faces = ByFace(models.heads, pictures, boxes)
    started = time.process_time()
    seen = [faces.find(i) for i in chosen]
    cpu_s = time.process_time() - started
    pose = models.pose.look(pictures[chosen], [boxes[i] for i in chosen]) if models.pose else None
    points = [ByPoints(pose).find(k) for k in range(len(chosen))] if pose else [None] * len(seen)
    overlaps = [overlap(a, b) for a, b in zip(seen, points, strict=True) if a and b]
    by_face, by_points = (sum(b is not None for b in found) for found in (seen, points))
    return HeadsFound(len(chosen), by_face, by_points, tuple(overlaps), cpu_s)


def table_of(rows: Sequence[tuple[str, str, HeadsFound]]) -> Table:
    """Return how often each clip's heads were found, and all dogs' and all cats' together."""
    columns = ("clip", "shows", "looked at", "face found", "keypoints", "overlap", "CPU ms")
    table = Table(*columns, title="heads")
    for name, shows, found in rows:
        table.add_row(name, shows, *cells([found]))
    for kind in ("dog", "cat"):
        if of_kind := [found for _, shows, found in rows if shows == kind]:
            table.add_row(f"all {kind}s", "", *cells(of_kind))
    return table


def cells(found: Sequence[HeadsFound]) -> tuple[str, ...]:
    """Return the numbers of some clips taken together, as text."""
    looked = sum(f.looked for f in found)
    shares = (sum(f.by_face for f in found) / looked, sum(f.by_points for f in found) / looked)
    overlaps = [o for f in found for o in f.overlaps]
    median = f"{np.median(overlaps):.2f}" if overlaps else ""
    each_ms = f"{1e3 * sum(f.cpu_s for f in found) / looked:.0f}"
    return (str(looked), *(f"{s:.0%}" for s in shares), median, each_ms)
