"""Assessments: facts, written once by the fuse step and never updated."""

import json
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from shared import deletions
from shared.errors import NotFound
from shared.models import Assessment, Clip, Reason

# For the statement that ends a job well: it has a CTE `ended (id, account_id, clip_id)`, and adds
# these, so that the end and its assessment are one round trip. A clip that is being moved is waited
# for, so that its result never stays with the old pet. The media of a clip that is kept for its
# analysis only is owed a deletion; its stills, which the assessment shows, no longer are.
RECORD = f"""
shown AS (
    SELECT clips.id, ended.account_id, pet_id, ended.id AS job_id, recorded_at, reason, retention,
           storage_key
      FROM ended JOIN clips ON clips.id = clip_id FOR SHARE OF clips),
done AS (
    UPDATE clips SET media_expires_at = now()
      FROM shown WHERE clips.id = shown.id AND shown.retention = 'delete_after_analysis'
    RETURNING clips.storage_key),
going AS (
    INSERT INTO deletions (prefix, due_at) SELECT storage_key, now() FROM done
    ON CONFLICT (prefix) DO UPDATE SET due_at = excluded.due_at),
staying AS (DELETE FROM deletions USING shown WHERE prefix = storage_key || '{deletions.STILL}'),
recorded AS (
    INSERT INTO assessments (id, account_id, pet_id, clip_id, job_id, recorded_at, reason,
                             emotion, abstention_code, bundle, result)
    SELECT :assessment_id, account_id, pet_id, id, job_id, recorded_at, reason,
           :emotion, :abstention_code, :bundle, :result
      FROM shown),
"""  # noqa: S608 - a literal


def columns(assessment_id: uuid.UUID, result: dict[str, Any]) -> dict[str, Any]:
    """Give what RECORD stores of what the pipeline decided."""
    abstention = result.get("abstention") or {}
    return {
        "assessment_id": assessment_id,
        "emotion": result["emotion"],
        "abstention_code": abstention.get("code"),
        "bundle": "{name} {version}".format(**result["bundle"]),
        "result": json.dumps(result, allow_nan=False),
    }


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
