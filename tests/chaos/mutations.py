"""Guards removed one at a time, to show that the checker misses them.

Each takes one rule of docs/decisions/0001 out of the process that imports it.
"""

from collections.abc import Callable

from sqlalchemy import text

from shared import job_statements, outbox
from worker import sweep

FENCED = (
    "BEAT",
    "CONTINUE",
    "HAND_OVER",
    "END_HELD",
    "END_WELL",
    "END_HELD_EXHAUSTED",
    "END_HELD_TRANSIENT",
    "FREE_HELD",
    "FREE_FROM_START",
)
FENCE = "lease_token = :token"
NO_FENCE = "CAST(:token AS uuid) IS NOT NULL"


def drop_the_fence() -> None:
    """Write without naming the token: whoever was late overwrites."""
    for name in FENCED:
        statement = str(getattr(job_statements, name))
        assert FENCE in statement, name
        setattr(job_statements, name, text(statement.replace(FENCE, NO_FENCE, 1)))


def drop_the_outbox() -> None:
    """Owe nothing and ring nobody."""
    owed = "FROM made)"
    for clause in (job_statements.ACCEPT, job_statements.SUBMIT.element):
        assert owed in clause.text
        clause.text = clause.text.replace(owed, "FROM made WHERE false)")
    outbox.ring_after_commit = lambda *_: None


def drop_the_sweep() -> None:
    """Repair nothing."""
    sweep.Sweeper.start = sweep.Sweeper.stop = lambda _: None


def count_attempts_late() -> None:
    """Count an attempt when its work is done, so that a crash is never counted."""
    counted = "attempts = attempts + 1"
    assert counted in str(job_statements.CLAIM)
    job_statements.CLAIM = text(str(job_statements.CLAIM).replace(counted, "attempts = attempts"))


MUTATIONS: dict[str, Callable[[], None]] = {
    "fence": drop_the_fence,
    "outbox": drop_the_outbox,
    "sweep": drop_the_sweep,
    "late_count": count_attempts_late,
}


def apply(name: str) -> None:
    """Remove a guard from this process; no name, no change."""
    if name:
        MUTATIONS[name]()
