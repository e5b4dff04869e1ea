"""Assessed clips of a pet, written straight into the tables: many are made in no time."""

import json
import uuid
from datetime import UTC, date, datetime

from sqlalchemy import text
from uuid_utils.compat import uuid7

from shared import history
from shared.db import transaction
from shared.models import Bucket, Pet
from tests.factories import RESULT

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
CALM = {"Relaxed": 0.7, "Alert": 0.1, "Anxious": 0.05, "Playful": 0.1, "Distressed": 0.05}
TENSE = {"Relaxed": 0.05, "Alert": 0.1, "Anxious": 0.6, "Playful": 0.05, "Distressed": 0.2}

INSERT = text("""
WITH clip AS (
    INSERT INTO clips (id, account_id, pet_id, storage_key, sha256, size_bytes, content_type,
                       recorded_at, reason, tags)
    VALUES (:clip_id, :account_id, :pet_id, 'clips/' || CAST(:clip_id AS text) || '/media',
            sha256(CAST(CAST(:clip_id AS text) AS bytea)), 1, 'video/mp4', :recorded_at, :reason,
            :tags)),
job AS (
    INSERT INTO jobs (id, account_id, clip_id, status, progress, finished_at)
    VALUES (:job_id, :account_id, :clip_id, 'succeeded', 100, now()))
INSERT INTO assessments (id, account_id, pet_id, clip_id, job_id, recorded_at, reason, emotion,
                         abstention_code, bundle, result)
VALUES (:id, :account_id, :pet_id, :clip_id, :job_id, :recorded_at, :reason, :emotion,
        :abstention_code, :bundle, CAST(:result AS jsonb))
""")


def assess(
    pet: Pet,
    recorded_at: datetime,
    probabilities: dict[str, float] | None = CALM,
    *,
    reason: str = "routine",
    bundle: str = "ethogram 1",
    tags: tuple[str, ...] = (),
    calibrated: bool = True,
) -> uuid.UUID:
    """Write a clip with its job and assessment; give the assessment's id."""
    emotion = probabilities and max(probabilities, key=lambda name: probabilities[name])
    result = RESULT | {
        "emotion": emotion,
        "probabilities": probabilities,
        "calibrated": calibrated,
        "abstention": None if emotion else {"code": "too_dark", "text": "The clip is too dark."},
    }
    values = {
        **{name: uuid7() for name in ("id", "clip_id", "job_id")},
        "account_id": pet.account_id,
        "pet_id": pet.id,
        "recorded_at": recorded_at,
        "reason": reason,
        "tags": list(tags),
        "emotion": emotion,
        "abstention_code": None if emotion else "too_dark",
        "bundle": bundle,
        "result": json.dumps(result),
    }
    with transaction() as session:
        session.execute(INSERT, values)
    return values["id"]


def stored_summaries(pet_id: uuid.UUID) -> dict[str, list[dict]]:
    """Read the summaries after they were brought up to the facts."""
    with transaction() as session:
        history.fold(session, session.get_one(Pet, pet_id))
        session.flush()
    with transaction() as session:
        pet = session.get_one(Pet, pet_id)
        ever = (date.min, date.max)
        return {bucket.value: history.summaries(session, pet, bucket, ever) for bucket in Bucket}


def served_trend(pet_id: uuid.UUID, now: datetime = NOW) -> dict:
    """Read the trend twice, as the API does: computed or stored, then stored."""
    answers = []
    for _ in range(2):
        with transaction() as session:
            answers.append(history.trend(session, session.get_one(Pet, pet_id), now=now))
    assert answers[0] == answers[1]
    return answers[0]
