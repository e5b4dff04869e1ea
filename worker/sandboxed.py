"""The child of `worker/sandbox.py`: reads one request a line, measures one clip, answers in lines.

Runs under limits on CPU time, memory and written bytes. Knows no database, queue or bucket.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.errors import ClipTooDemanding, DiskFull, TailTrendError
from shared.memory import give_back, share_arenas
from shared.settings import settings
from worker import priority
from worker.pipeline import extract, run

MOST_OUTPUT_BYTES = 256_000_000
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until stdin closes or the parent dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    priority.go_last()
    share_arenas()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # a library that prints must not speak for us
    chosen = settings()
    cache_dir = chosen.cache_dir.expanduser()
    models = run.load_extract_models(chosen.weights_dir, cache_dir, chosen.model_threads)
    limit_process()

    def answer(**what: Any) -> None:  # noqa: ANN401 - anything that JSON holds
        answers.write(json.dumps(what) + "\n")

    for line in sys.stdin:
        limit_cpu()
        measure(json.loads(line), models, answer)
        give_back()


def measure(
    request: dict[str, Any], models: extract.ExtractModels, answer: Callable[..., None]
) -> None:
    """Measure one clip and answer `done` or `error`."""
    try:
        found = extract.extract(
            Path(request["clip"]),
            species=request["species"],
            models=models,
            faces=request["faces"],
            on_progress=lambda fraction: answer(progress=fraction),
        )
        extract.save(found, Path(request["output"]))
        answer(done=True)
    except TailTrendError as error:
        answer(error=error.code, detail=error.detail)
    except OSError as error:
        if error.errno not in DiskFull.ERRNOS:
            raise
        answer(error=DiskFull.code, detail=DiskFull().detail)
    except MemoryError:
        answer(error=ClipTooDemanding.code, detail=ClipTooDemanding().detail)


def limit_process() -> None:
    """Bound the memory that decoding may add, what it may write, and core dumps."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + settings().extract_memory_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_OUTPUT_BYTES, MOST_OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_cpu() -> None:
    """Give the next clip its CPU seconds; past them the kernel sends SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + settings().extract_cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
