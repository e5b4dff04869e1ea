"""How much is measured: enough for a figure, or just enough to see that a benchmark works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Counts and lengths of every section."""

    repeats: int  # of each stage
    clip_s: float
    heights: tuple[int, ...]  # of the clips for the stages, 16:9
    loops: int
    noop_jobs: int
    splits: tuple[bool, ...]  # one worker for all steps, one for each step
    load_s: float
    memory_jobs: int
    query_rows: int = 1_000_000  # of which one pet has ten thousand
    query_repeats: int = 100
    sounds: int = 120  # of cats, for what INT8 changes


FULL = Size(
    repeats=5,
    clip_s=10,
    heights=(720, 1080),
    loops=10,
    noop_jobs=600,
    splits=(False, True),
    load_s=15,
    memory_jobs=40,
)
TINY = Size(
    repeats=1,
    clip_s=2.5,
    heights=(180,),
    loops=1,
    noop_jobs=20,
    splits=(False,),
    load_s=1,
    memory_jobs=1,
    query_rows=600,
    query_repeats=2,
    sounds=6,
)
