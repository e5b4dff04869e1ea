"""Shadows: what a second bundle would have said of a job's clip. Kept apart, never an answer."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Pair:
    """How many clips two bundles answered so; '' is an abstention."""

    answered: str
    shadow: str
    emotion: str
    other: str
    clips: int
    distance: float | None


KEPT = ("emotion", "confidence", "calibrated", "set", "abstention", "probabilities", "bundle")

RECORD = text("""
INSERT INTO shadows (job_id, bundle, emotion, result) VALUES (:job_id, :bundle, :emotion, :result)
""")
# How often each pair of bundles said the same; distance is half the sum of what differs in their
# probabilities, where both have some.
PAIRS = text("""
SELECT assessments.bundle AS answered, shadows.bundle AS shadow,
       coalesce(assessments.emotion, '') AS emotion, coalesce(shadows.emotion, '') AS other,
       count(*) AS clips, avg(apart) AS distance
  FROM shadows JOIN assessments USING (job_id),
       LATERAL (SELECT sum(abs(a.value::float - b.value::float)) / 2 AS apart
                  FROM jsonb_each(nullif(assessments.result -> 'probabilities', 'null')) AS a
                  JOIN jsonb_each(nullif(shadows.result -> 'probabilities', 'null')) AS b
                       USING (key)) AS between
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
""")


def record(session: Session, job_id: uuid.UUID, result: dict[str, Any]) -> None:
    """Keep what a shadow decided about a job's clip."""
    values = {
        "job_id": job_id,
        "bundle": "{name} {version}".format(**result["bundle"]),
        "emotion": result["emotion"],
        "result": json.dumps({key: result[key] for key in KEPT}, allow_nan=False),
    }
    session.execute(RECORD, values)


def pairs(session: Session) -> list[Pair]:
    """Count, for each pair of bundles, which answers met."""
    return [Pair(**row) for row in session.execute(PAIRS).mappings()]
