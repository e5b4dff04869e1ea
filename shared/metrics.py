"""Figures of the whole system, read from Postgres: true for every process that shows them."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

FIGURES = text("""
WITH unfinished AS (SELECT status, due_at, lease_until FROM jobs WHERE finished_at IS NULL)
SELECT (SELECT count(*) FROM unfinished WHERE status = 'queued') AS jobs_queued,
       (SELECT count(*) FROM unfinished WHERE status = 'running') AS jobs_running,
       (SELECT count(*) FROM outbox) AS rings_owed,
       (SELECT count(*) FROM deletions WHERE due_at <= now()) AS deletions_due,
       (SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)::float FROM unfinished
         WHERE status = 'queued' AND due_at <= now()) AS oldest_unclaimed_s,
       (SELECT coalesce(extract(epoch FROM now() - max(started_at)), -1)::float
          FROM (SELECT started_at FROM step_attempts ORDER BY id DESC LIMIT 20) latest)
           AS last_claim_s,
       (SELECT coalesce(extract(epoch FROM now() - min(lease_until)), 0)::float FROM unfinished
         WHERE status = 'running' AND lease_until < now()) AS oldest_lapsed_s,
       (SELECT count(*) FROM deliveries WHERE state = 'pending') AS deliveries_pending,
       (SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)::float FROM deliveries
         WHERE state = 'pending' AND due_at <= now()) AS oldest_undelivered_s,
       (SELECT coalesce(extract(epoch FROM now() - max(finished_at)), -1)::float
          FROM (SELECT finished_at FROM delivery_attempts ORDER BY id DESC LIMIT 20) latest)
           AS last_delivery_attempt_s
""")
# Of the jobs made lately: their ids begin with the time, so their key finds them.
LATELY = text("""
SELECT status::text AS status, coalesce(error_code, '') AS code, count(*) AS n
  FROM jobs WHERE id > uuidv7(interval '-10 minutes')
 GROUP BY 1, 2
""")
MEANING = {
    "jobs_queued": "Jobs that wait for a worker or for their retry.",
    "jobs_running": "Jobs that a worker holds.",
    "rings_owed": "Queued jobs whose ring nobody has answered.",
    "deletions_due": "Stored objects or folders that should be gone by now.",
    "oldest_unclaimed_s": "Age of the job that has been ready longest; health is progress on it.",
    "last_claim_s": "Seconds since a worker last claimed a step; -1 when none ever did.",
    "oldest_lapsed_s": "Age of the oldest lapsed lease: the sweep frees it within seconds.",
    "deliveries_pending": "Webhooks to be sent, now or at their next due time.",
    "oldest_undelivered_s": "Age of the webhook that has been due longest.",
    "last_delivery_attempt_s": "Seconds since a webhook was last tried; -1 when none ever was.",
}


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far the workers are behind."""

    oldest_unclaimed_s: float
    last_claim_s: float

    def is_stalled(self, limit_s: float) -> bool:
        """Tell whether work has waited for `limit_s` and nobody claimed anything meanwhile."""
        silent = self.last_claim_s < 0 or self.last_claim_s > limit_s
        return self.oldest_unclaimed_s > limit_s and silent


def figures(session: Session) -> RowMapping:
    """Read all figures in one query."""
    return session.execute(FIGURES).mappings().one()


def backlog(found: RowMapping) -> Backlog:
    """Tell from the figures how far the workers are behind."""
    return Backlog(found["oldest_unclaimed_s"], found["last_claim_s"])


def deliveries(found: RowMapping) -> Backlog:
    """Tell from the figures how far the sending of webhooks is behind."""
    return Backlog(found["oldest_undelivered_s"], found["last_delivery_attempt_s"])


def exposition(session: Session) -> bytes:
    """Write the figures in Prometheus's text format."""
    registry = CollectorRegistry()
    for name, value in figures(session).items():
        Gauge(f"tailtrend_{name}", MEANING[name], registry=registry).set(value)
    said = "Jobs made in the last ten minutes, by what became of them and the error's code."
    lately = Gauge("tailtrend_jobs_lately", said, ["status", "code"], registry=registry)
    for row in session.execute(LATELY):
        lately.labels(row.status, row.code).set(row.n)
    return generate_latest(registry)
