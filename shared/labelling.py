"""From verdicts to labelled clips, and which clip's label would teach most. Knows no network.

Only accounts that are named are read: whose clips may be learned from is for people to settle.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

# One row per clip whose media is there; each person's latest word on it. A demo's pet is no animal.
LABELLED = text("""
SELECT clips.id, storage_key, content_type, clips.pet_id, pets.account_id, species, breed,
       clips.recorded_at, json_object_agg(who, label) AS votes
  FROM (SELECT DISTINCT ON (clip_id, who) clip_id, label,
               by || ' ' || coalesce(author, '') AS who
          FROM verdicts JOIN assessments ON assessments.id = assessment_id
         ORDER BY clip_id, who, verdicts.created_at DESC, verdicts.id DESC) AS latest
  JOIN clips ON clips.id = clip_id
  JOIN pets ON pets.id = clips.pet_id
 WHERE pets.account_id = ANY(:accounts) AND NOT is_simulated
   AND (media_expires_at IS NULL OR media_expires_at > now())
 GROUP BY clips.id, pets.id
 ORDER BY clips.id
""")

# Entropy of what was answered, as a share of the most that it can be; a clip that nobody could
# answer for ambiguity counts as that most. People who contradict each other come first.
QUEUE = text("""
SELECT clip_id, latest.pet_id, latest.recorded_at, emotion, abstention_code, doubt, votes, voices
  FROM (SELECT DISTINCT ON (assessments.clip_id) assessments.clip_id, assessments.pet_id,
               assessments.recorded_at, emotion, abstention_code,
               CASE WHEN relaxed IS NULL THEN 1 ELSE
                    (SELECT -sum(p * ln(p)) / ln(5)
                       FROM unnest(ARRAY[relaxed, alert, anxious, playful, distressed]) AS p
                      WHERE p > 0) END AS doubt
          FROM assessments
         WHERE account_id = ANY(:accounts)
           AND (relaxed IS NOT NULL OR abstention_code IN ('ambiguous', 'insufficient_evidence'))
         ORDER BY assessments.clip_id, created_at DESC) AS latest
  JOIN clips ON clips.id = clip_id AND (media_expires_at IS NULL OR media_expires_at > now())
  JOIN pets ON pets.id = latest.pet_id AND NOT is_simulated
  CROSS JOIN LATERAL (
       SELECT count(*) AS votes, count(DISTINCT label) AS voices
         FROM verdicts JOIN assessments ON assessments.id = assessment_id
        WHERE assessments.clip_id = latest.clip_id) AS said
 WHERE votes = 0 OR voices > 1
 ORDER BY voices > 1 DESC, doubt DESC, clip_id
 LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A clip and what people called it; `votes` is by person."""

    id: uuid.UUID
    storage_key: str
    content_type: str
    pet_id: uuid.UUID
    account_id: uuid.UUID
    species: str
    breed: str | None
    recorded_at: datetime
    votes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A clip that wants a label; `doubt` is 0..1, `why` says what makes it worth one."""

    clip_id: uuid.UUID
    pet_id: uuid.UUID
    recorded_at: datetime
    doubt: float
    why: str


def labelled(session: Session, accounts: Sequence[uuid.UUID]) -> Iterator[LabelledClip]:
    """Yield the accounts' clips that somebody corrected and whose media is kept."""
    for row in session.execute(LABELLED, {"accounts": list(accounts)}).mappings():
        yield LabelledClip(**row)


def queue(session: Session, accounts: Sequence[uuid.UUID], *, limit: int) -> list[Candidate]:
    """Return the clips whose label would teach most: contradicted ones, then the most doubtful."""
    rows = session.execute(QUEUE, {"accounts": list(accounts), "limit": limit}).mappings()
    return [
        Candidate(row["clip_id"], row["pet_id"], row["recorded_at"], float(row["doubt"]), why(row))
        for row in rows
    ]


def why(row: RowMapping) -> str:
    """Say what makes a clip worth a label."""
    if row["voices"] > 1:
        return f"{row['votes']} verdicts contradict each other"
    if row["emotion"] is None:
        return f"not answered: {row['abstention_code']}"
    return f"called {row['emotion']} with {float(row['doubt']):.0%} of the greatest doubt"
