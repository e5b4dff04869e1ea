"""A pet's history: its facts as observations, day and week summaries, and the stored trend.

Nothing here is a truth of its own: triggers say what changed (`history_changes`,
`pets.history_version`), and what is read is what a recomputation from the assessments would give.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from pydantic_core import from_json
from sqlalchemy import RowMapping, TextClause, select, text
from sqlalchemy.orm import Session

from shared import baselines
from shared import trend as method
from shared.models import COUNTING_FIRST, Bucket, Pet
from shared.trend import BUDGET_PER_YEAR, Observation
from shared.trend.observations import CLASSES, SESSION_S
from shared.trend.rate import LOGIT_GRID

Span = tuple[date, date]
Json = dict[str, Any]

SESSION = timedelta(seconds=SESSION_S)
LATE = timedelta(hours=4)  # how far a day's last session can reach into the next, clocks set back
RATE_FIELDS = tuple(field.name for field in fields(method.Rate))
NEIGHBOURS = timedelta(weeks=12)  # farther ones change no rate that can be seen
EVER = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))

FACTS = text("""
SELECT clip_id::text, recorded_at, id::text, relaxed, alert, anxious, playful, distressed,
       bundle, calibrated, reason
  FROM assessments
 WHERE pet_id = :pet_id AND recorded_at >= :begins AND recorded_at < :ends
 ORDER BY recorded_at, assessments.id  -- and not by its text, which no index has
""")
VERDICTS = text(f"""
SELECT DISTINCT ON (assessment_id) assessment_id::text, label, by
  FROM verdicts
 WHERE pet_id = :pet_id
 ORDER BY assessment_id, {COUNTING_FIRST}
""")  # noqa: S608 - a literal
# Whether some of a pet's summaries were written by code that did not keep their evidence.
ARE_STALE = """
SELECT EXISTS (SELECT FROM summaries WHERE pet_id = :pet_id AND NOT summary ? 'n_tense')
"""
IS_CHANGED = text(f"{ARE_STALE} OR EXISTS (SELECT FROM history_changes WHERE pet_id = :pet_id)")
LOCK = text("SELECT history_version FROM pets WHERE id = :pet_id FOR NO KEY UPDATE")
TAKE_CHANGES = text("DELETE FROM history_changes WHERE pet_id = :pet_id RETURNING at")
# From a time as far back, or on, as each clip has another one within a session's length. Where
# that ends, a session ends too, whatever happens inside.
EARLIEST = text("""
WITH RECURSIVE back (at) AS (
    SELECT CAST(:at AS timestamptz)
    UNION ALL
    SELECT (SELECT min(recorded_at) FROM assessments
             WHERE pet_id = :pet_id AND recorded_at < back.at
               AND recorded_at >= back.at - CAST(:reach AS interval))
      FROM back WHERE back.at IS NOT NULL)
SELECT min(at) FROM back
""")
LATEST = text("""
WITH RECURSIVE onwards (at) AS (
    SELECT CAST(:at AS timestamptz)
    UNION ALL
    SELECT (SELECT max(recorded_at) FROM assessments
             WHERE pet_id = :pet_id AND recorded_at > onwards.at
               AND recorded_at <= onwards.at + CAST(:reach AS interval))
      FROM onwards WHERE onwards.at IS NOT NULL)
SELECT max(at) FROM onwards
""")
FORGET = text("DELETE FROM summaries WHERE pet_id = :pet_id AND begins BETWEEN :first AND :last")
KEEP = text("""
INSERT INTO summaries (pet_id, bucket, begins, n_clips, n_abstained, summary, evidence)
VALUES (:pet_id, :bucket, :begins, :n_clips, :n_abstained, CAST(:summary AS jsonb), :evidence)
""")
SUMMARIES = text("""
SELECT coalesce(string_agg(summary::text, ',' ORDER BY begins), ''),
       coalesce(string_agg(evidence, '' ORDER BY begins), '')
  FROM summaries
 WHERE pet_id = :pet_id AND bucket = :bucket AND begins BETWEEN :first AND :last
""")
BUNDLE_CHANGES = text("""
SELECT begins, bundle
  FROM (SELECT begins, bundle, lag(bundle) OVER (ORDER BY begins) AS before
          FROM summaries,
               LATERAL (SELECT key AS bundle FROM jsonb_each(summary -> 'bundles')
                         ORDER BY value DESC, key LIMIT 1) AS most
         WHERE pet_id = :pet_id AND bucket = :bucket AND begins BETWEEN :first AND :last) AS used
 WHERE bundle <> before
 ORDER BY begins
""")
# One that was stored by code before this has no code of its sentence.
ANSWERED = text("""
SELECT answer FROM pet_trends
 WHERE pet_id = :pet_id AND budget_per_year = :budget AND version = :version AND local_day = :today
   AND answer ? 'sentence_code'
""")
# Not when the history has changed while the answer was computed: it would say too much.
KEEP_ANSWER = text("""
WITH old AS (
    DELETE FROM pet_trends
     WHERE pet_id = :pet_id AND (version, local_day) < (:version, CAST(:today AS date))
       AND budget_per_year <> :budget)
INSERT INTO pet_trends (pet_id, budget_per_year, version, local_day, answer)
SELECT id, :budget, :version, CAST(:today AS date), CAST(:answer AS jsonb)
  FROM pets WHERE id = :pet_id AND history_version = :version
ON CONFLICT (pet_id, budget_per_year) DO UPDATE
   SET version = excluded.version, local_day = excluded.local_day, answer = excluded.answer,
       computed_at = now()
 WHERE (pet_trends.version, pet_trends.local_day) <= (excluded.version, excluded.local_day)
""")


# --- facts -----------------------------------------------------------------------------------


def observations(
    session: Session,
    pet_id: uuid.UUID,
    *,
    begins: datetime = EVER[0],
    ends: datetime = EVER[1],
) -> list[Observation]:
    """Read what a trend is computed from, of clips filmed in [begins, ends)."""
    corrected = session.execute(VERDICTS, {"pet_id": pet_id})
    verdicts = {assessment_id: (label, by) for assessment_id, label, by in corrected}
    facts = session.execute(FACTS, {"pet_id": pet_id, "begins": begins, "ends": ends})
    return [_observation(fact, verdicts) for fact in facts]


def _observation(fact: Sequence[Any], verdicts: dict[str, tuple[str, str]]) -> Observation:
    clip_id, recorded_at, assessment_id, *chances, bundle, calibrated, reason = fact
    verdict, by = verdicts.get(assessment_id, (None, None))
    scores = None if None in chances else dict(zip(CLASSES, chances, strict=True))
    return Observation(
        clip_id, recorded_at, scores, bundle, calibrated, reason, verdict, by, assessment_id
    )


def lock(session: Session, pet_id: uuid.UUID) -> int | None:
    """Keep others from changing a pet's history; give its version, None without the pet."""
    version: int | None = session.scalar(LOCK, {"pet_id": pet_id})
    return version


# --- summaries -------------------------------------------------------------------------------


def fold(session: Session, pet: Pet) -> None:
    """Bring the summaries up to the facts, for the days and weeks that have changed."""
    if not session.scalar(IS_CHANGED, {"pet_id": pet.id}):
        return
    lock(session, pet.id)
    zone = session.scalar(select(Pet.time_zone).where(Pet.id == pet.id))
    times = list(session.scalars(TAKE_CHANGES, {"pet_id": pet.id}))
    if zone is None:
        return
    if None in times or session.scalar(text(ARE_STALE), {"pet_id": pet.id}):
        _summarise(session, pet.id, zone, observations(session, pet.id), (date.min, date.max))
        return
    for first, last in _weeks(session, pet.id, times, ZoneInfo(zone)) if times else ():
        begins, ends = bounds((first, last), zone)
        begins = _reach(session, pet.id, EARLIEST, begins)
        facts = observations(session, pet.id, begins=begins, ends=ends + LATE)
        _summarise(session, pet.id, zone, facts, (first, last))


def summaries(session: Session, pet: Pet, bucket: Bucket, span: Span) -> list[Json]:
    """Give the days or weeks that begin in a span, their rates told with those around it.

    As `method.summarize` would give them. All rows come as one, and none becomes an object of ours:
    a thousand days take half the time.
    """
    before, after = min(NEIGHBOURS, span[0] - date.min), min(NEIGHBOURS, date.max - span[1])
    asked = _within(pet, bucket, (span[0] - before, span[1] + after))
    told, evidence = session.execute(SUMMARIES, asked).one()
    found: list[Json] = from_json(f"[{told}]")
    used = [one for one in found if one["n_clips"] > one["n_abstained"]]
    said = np.frombuffer(evidence, np.float32).reshape(-1, 2, len(LOGIT_GRID))
    rates = method.rates([date.fromisoformat(one["begins"]) for one in used], said)
    for one, two in zip(used, rates, strict=True):
        counts = (one["n_clips"] - one["n_abstained"], one["n_used_sessions"])
        for name, rate in zip(("negative", "play"), two, strict=True):
            one[name] = dict(zip(RATE_FIELDS, (*rate, *counts), strict=True))
    first, last = span[0].isoformat(), span[1].isoformat()
    return [one for one in found if first <= one["begins"] <= last]


def bundle_changes(session: Session, pet: Pet, bucket: Bucket, span: Span) -> Sequence[RowMapping]:
    """Give the days or weeks of a span from which on another bundle assessed most clips."""
    return session.execute(BUNDLE_CHANGES, _within(pet, bucket, span)).mappings().all()


def _within(pet: Pet, bucket: Bucket, span: Span) -> Json:
    return {"pet_id": pet.id, "bucket": bucket, "first": span[0], "last": span[1]}


def _weeks(
    session: Session, pet_id: uuid.UUID, times: Sequence[datetime], zone: ZoneInfo
) -> Iterator[Span]:
    """Give the spans of whole ISO weeks whose summaries the changed times may touch.

    A clip can move the limits of all sessions that it is chained to, and with them their days.
    """
    weeks = set()
    for low, high in _clusters(sorted(times)):
        first = _monday(_reach(session, pet_id, EARLIEST, low).astimezone(zone).date())
        last = _monday(_reach(session, pet_id, LATEST, high).astimezone(zone).date())
        weeks |= {first + timedelta(weeks=n) for n in range((last - first).days // 7 + 1)}
    for first, last in _runs(sorted(weeks)):
        yield first, last + timedelta(days=6)


def _clusters(times: list[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Join times that lie within a session's length of each other."""
    low = high = times[0]
    for at in times[1:]:
        if at - high > SESSION:
            yield low, high
            low = at
        high = at
    yield low, high


def _runs(mondays: list[date]) -> Iterator[Span]:
    """Join weeks that follow each other."""
    first = last = mondays[0]
    for monday in mondays[1:]:
        if monday - last > timedelta(weeks=1):
            yield first, last
            first = monday
        last = monday
    yield first, last


def _reach(session: Session, pet_id: uuid.UUID, query: TextClause, at: datetime) -> datetime:
    values = {"pet_id": pet_id, "at": at, "reach": SESSION}
    found: datetime = session.execute(query, values).scalar_one()
    return found


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def midnight(day: date, zone: str) -> datetime:
    """Give the moment at which the owner's day begins."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def bounds(span: Span, zone: str) -> tuple[datetime, datetime]:
    """Give the moments at which the owner's first day begins and the last one is over."""
    return midnight(span[0], zone), midnight(span[1] + timedelta(days=1), zone)


def _summarise(
    session: Session, pet_id: uuid.UUID, zone: str, facts: list[Observation], span: Span
) -> None:
    """Write the summaries of a span of whole weeks anew."""
    first, last = span
    session.execute(FORGET, {"pet_id": pet_id, "first": first, "last": last})
    rows = [
        {"pet_id": pet_id, "bucket": bucket.value, **_row(made)}
        for bucket in Bucket
        for made in method.count(facts, zone, bucket.value)
        if first <= date.fromisoformat(made.summary.begins) <= last
    ]
    if rows:
        session.execute(KEEP, rows)


def _row(made: method.Counted) -> Json:
    said = made.summary
    return {
        "begins": date.fromisoformat(said.begins),
        "n_clips": said.n_clips,
        "n_abstained": said.n_abstained,
        "summary": json.dumps(asdict(said), allow_nan=False),
        "evidence": None if made.evidence is None else made.evidence.tobytes(),
    }


# --- trend -----------------------------------------------------------------------------------


def today(pet: Pet, now: datetime) -> date:
    """Give the owner's calendar day."""
    return now.astimezone(ZoneInfo(pet.time_zone)).date()


def trend(
    session: Session, pet: Pet, *, now: datetime, budget_per_year: float = BUDGET_PER_YEAR
) -> Json:
    """Give the trend as of the owner's day: the stored one, or a recomputation that is stored."""
    asked = {
        "pet_id": pet.id,
        "budget": budget_per_year,
        "version": pet.history_version,  # read before the facts, so never newer than they are
        "today": today(pet, now),
    }
    known: Json | None = session.scalar(ANSWERED, asked)
    if known is not None:
        return known
    answer = json.dumps(recompute(session, pet, now=now, budget_per_year=budget_per_year))
    session.execute(KEEP_ANSWER, asked | {"answer": answer})
    made: Json = json.loads(answer)
    return made


def recompute(
    session: Session, pet: Pet, *, now: datetime, budget_per_year: float = BUDGET_PER_YEAR
) -> Json:
    """Compute the trend from the facts.

    As of the end of the owner's day, so that it is the same all day long.
    """
    zone = ZoneInfo(pet.time_zone)
    answer = method.trend(
        observations(session, pet.id),
        time_zone=pet.time_zone,
        now=datetime.combine(today(pet, now), time.max, zone),
        anchor=baselines.anchor(session, pet.id),
        budget_per_year=budget_per_year,
    )
    return method.as_json(answer)
