"""How long work stood still after each fault, from the database's own record of attempts."""

from collections import defaultdict

from sqlalchemy.exc import DBAPIError

from tests.chaos.faults import Fault
from tests.chaos.system import System

# Who held a job when a process was hit: its next claim, or its end, is the recovery.
HIT = """
SELECT max(recovered_at) AS recovered_at FROM (
    SELECT least(
        (SELECT min(extract(epoch FROM next.started_at)) FROM step_attempts AS next
          WHERE next.job_id = hit.job_id AND next.id > hit.id
            AND next.lease_token <> hit.lease_token),
        (SELECT extract(epoch FROM finished_at) FROM jobs WHERE jobs.id = hit.job_id))
        AS recovered_at
      FROM step_attempts AS hit
     WHERE split_part(worker, ':', 2) = ANY (CAST(:pids AS text[]))
       AND extract(epoch FROM started_at) < :at
       AND (finished_at IS NULL OR extract(epoch FROM finished_at) > :at)
       AND outcome = 'lost') AS hits
"""

# A server that was away, or messages that were: work goes on when the first step after that is
# done. Time without any work to do does not count.
RESUMED = """
SELECT (SELECT min(extract(epoch FROM finished_at)) FROM step_attempts
         WHERE outcome IN ('done', 'failed') AND extract(epoch FROM finished_at) > :over_at)
           AS recovered_at,
       (SELECT min(extract(epoch FROM created_at)) FROM jobs
         WHERE finished_at IS NULL OR extract(epoch FROM finished_at) > :over_at) AS work_since
"""

NOBODY_RUNS = "SELECT count(*) AS n FROM jobs WHERE status = 'running'"


def worst(system: System, faults: list[Fault]) -> dict[str, float]:
    """Give the longest recovery in seconds by kind of fault."""
    found: dict[str, float] = defaultdict(float)
    for fault in faults:
        took_s = _recovery_s(system, fault)
        if took_s is not None:
            found[fault.kind] = max(found[fault.kind], took_s)
    return dict(found)


def has_resumed(system: System, fault: Fault) -> bool:
    """Tell whether a step was done since a fault, or nothing waits to be done."""
    try:
        row = system.ask(RESUMED, over_at=fault.over_at)[0]
    except DBAPIError:
        return False
    return row.recovered_at is not None or row.work_since is None


def has_begun(system: System) -> bool:
    """Tell whether a first step is done: before that, faults only meet what is starting."""
    try:
        return bool(system.ask("SELECT 1 FROM step_attempts WHERE outcome = 'done' LIMIT 1"))
    except DBAPIError:
        return False


def is_quiet(system: System) -> bool:
    return system.ask(NOBODY_RUNS)[0].n == 0


def _recovery_s(system: System, fault: Fault) -> float | None:
    """Measure from a process's death, or from the end of a server's absence."""
    if fault.pids:
        pids = [str(pid) for pid in fault.pids]
        row, since = system.ask(HIT, pids=pids, at=fault.at)[0], fault.at
    else:
        row = system.ask(RESUMED, over_at=fault.over_at)[0]
        since = max(fault.over_at, float(row.work_since or 0))
    return None if row.recovered_at is None else float(row.recovered_at) - since
