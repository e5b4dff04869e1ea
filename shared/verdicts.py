"""Verdicts: corrections beside an assessment. None overwrites another or the assessment."""

import uuid
from collections.abc import Sequence

from sqlalchemy import RowMapping, Select, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from shared import alerts, events
from shared.models import COUNTING_FIRST, Assessment, Emotion, EventType, Verdict, VerdictBy
from shared.trend.observations import NEGATIVE

# How often verdicts and assessments agree. Of one assessment the verdict that counts is counted.
CONFUSION = text(f"""
SELECT species, bundle, by, emotion, label, count(*) AS n
  FROM (SELECT DISTINCT ON (assessment_id) assessment_id, pets.species, label, by
          FROM pets JOIN verdicts ON pet_id = pets.id
         WHERE account_id = :account_id
         ORDER BY assessment_id, {COUNTING_FIRST}) AS counting
  JOIN assessments ON assessments.id = assessment_id
 GROUP BY species, bundle, by, emotion, label
 ORDER BY species, bundle, by, emotion NULLS LAST, label
""")  # noqa: S608 - a literal


def chosen(assessment: Assessment) -> Select[Verdict]:
    """Select the verdicts on an assessment."""
    return select(Verdict).where(Verdict.assessment_id == assessment.id)


def counting(session: Session, assessment_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Verdict]:
    """Read the verdict that counts of each assessment that has any."""
    query = select(Verdict).where(Verdict.assessment_id.in_(assessment_ids))
    one_each = query.ext(distinct_on(Verdict.assessment_id))
    first = one_each.order_by(Verdict.assessment_id, text(COUNTING_FIRST))
    return {verdict.assessment_id: verdict for verdict in session.scalars(first)}


def create(
    session: Session,
    assessment: Assessment,
    *,
    label: Emotion,
    by: VerdictBy,
    author: str | None = None,
    note: str | None = None,
) -> Verdict:
    """Correct an assessment. A red flag that the verdict contradicts is closed."""
    verdict = Verdict(
        assessment_id=assessment.id,
        pet_id=assessment.pet_id,
        label=label,
        by=by,
        author=author,
        note=note,
    )
    session.add(verdict)
    session.flush()
    if label not in NEGATIVE:
        alerts.close_red_flag(session, assessment.id)
    told = {
        "assessment_id": str(assessment.id),
        "clip_id": str(assessment.clip_id),
        "pet_id": str(assessment.pet_id),
        "emotion": assessment.emotion,
        "label": label,
        "by": by,
    }
    events.emit(
        session,
        assessment.account_id,
        EventType.ASSESSMENT_CORRECTED,
        told,
        job_id=assessment.job_id,
        pet_id=assessment.pet_id,
    )
    return verdict


def confusion(session: Session, account_id: uuid.UUID) -> list[RowMapping]:
    """Count what was assessed against what the verdicts say, by species, bundle and person."""
    return list(session.execute(CONFUSION, {"account_id": account_id}).mappings())
