"""Assessments: facts, written once by the fuse step and never updated."""

import json
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from shared import alerts
from shared.errors import NotFound
from shared.models import Assessment, Clip, Reason

# A clip that is being moved is waited for, so that its result never stays with the old pet. The
# media of a clip that is kept for its analysis only is owed a deletion in the same statement.
RECORD = text("""
WITH shown AS (
    SELECT clips.id, jobs.account_id, pet_id, jobs.id AS job_id, recorded_at, reason, retention
      FROM jobs JOIN clips ON clips.id = clip_id
     WHERE jobs.id = :job_id FOR SHARE OF clips),
done AS (
    UPDATE clips SET media_expires_at = now()
      FROM shown WHERE clips.id = shown.id AND shown.retention = 'delete_after_analysis'
    RETURNING storage_key),
doomed AS (
    INSERT INTO deletions (prefix, due_at) SELECT storage_key, now() FROM done
    ON CONFLICT (prefix) DO UPDATE SET due_at = excluded.due_at)
INSERT INTO assessments (id, account_id, pet_id, clip_id, job_id, recorded_at, reason,
                         emotion, abstention_code, bundle, result)
SELECT :id, account_id, pet_id, id, job_id, recorded_at, reason,
       :emotion, :abstention_code, :bundle, :result
  FROM shown
RETURNING pet_id
""")


def record(
    session: Session, assessment_id: uuid.UUID, job_id: uuid.UUID, result: dict[str, Any]
) -> None:
    """Store what the pipeline decided about a job's clip; an urgent result raises a red flag."""
    abstention = result.get("abstention") or {}
    pet_id = session.scalar(
        RECORD,
        {
            "id": assessment_id,
            "job_id": job_id,
            "emotion": result["emotion"],
            "abstention_code": abstention.get("code"),
            "bundle": "{name} {version}".format(**result["bundle"]),
            "result": json.dumps(result, allow_nan=False),
        },
    )
    assert pet_id is not None  # the job was ended in this transaction
    alerts.raise_red_flag(session, pet_id, assessment_id, result)


def outline(assessment_id: uuid.UUID, result: dict[str, Any]) -> dict[str, Any]:
    """Give the little of an assessment that an event tells."""
    abstention = result.get("abstention") or {}
    return {
        "id": str(assessment_id),
        "emotion": result["emotion"],
        "confidence": result["confidence"],
        "abstention_code": abstention.get("code"),
        "recommendation_code": result["recommendation"]["code"],
        "urgency": result["recommendation"]["urgency"],
    }


def chosen(
    account_id: uuid.UUID,
    *,
    pet_id: uuid.UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    reason: Reason | None = None,
    tag: str | None = None,
    bundle: str | None = None,
) -> Select[Assessment]:
    """Select the assessments of an account, of clips recorded in [since, until)."""
    query = select(Assessment).where(Assessment.account_id == account_id)
    if pet_id is not None:
        query = query.where(Assessment.pet_id == pet_id)
    if since is not None:
        query = query.where(Assessment.recorded_at >= since)
    if until is not None:
        query = query.where(Assessment.recorded_at < until)
    if reason is not None:
        query = query.where(Assessment.reason == reason)
    if bundle is not None:
        query = query.where(Assessment.bundle == bundle)
    if tag is not None:
        tagged = select(Clip.id).where(Clip.tags.contains([tag]), Clip.id == Assessment.clip_id)
        query = query.where(tagged.exists())
    return query


def get(session: Session, account_id: uuid.UUID, assessment_id: uuid.UUID) -> Assessment:
    """Read an assessment of an account. Raises NotFound."""
    found = session.scalar(chosen(account_id).where(Assessment.id == assessment_id))
    if found is None:
        raise NotFound
    return found
