"""What a page about a pet shows, read at once: trend, history, what lies around it, last clip."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import RowMapping, func, select, text, tuple_
from sqlalchemy.orm import Session

from shared import alerts, baselines, history, notes, patterns, verdicts
from shared.history import Json, Span
from shared.models import (
    Alert,
    AlertState,
    Assessment,
    Baseline,
    Bucket,
    Clip,
    Job,
    JobStatus,
    Note,
    Pet,
    Verdict,
)
from shared.patterns import Cell, Periods

SPARK_WEEKS = 12
MOST_PENDING = 50

FIRST_DAY = text("SELECT min(begins) FROM summaries WHERE pet_id = :pet_id AND bucket = 'day'")
NEWEST = text("""
SELECT newest.id FROM unnest(CAST(:pet_ids AS uuid[])) AS asked (id), LATERAL (
    SELECT assessments.id FROM assessments WHERE pet_id = asked.id
     ORDER BY recorded_at DESC, assessments.id DESC LIMIT 1) AS newest
""")


@dataclass(frozen=True, slots=True)
class Around:
    """What happened around a pet in a part of its history."""

    notes: list[Note]
    alerts: list[Alert]
    bundle_changes: Sequence[RowMapping]
    baselines: list[Baseline]


@dataclass(frozen=True, slots=True)
class Newest:
    """An assessment, such as of the clip filmed last, with the verdict on it that counts."""

    assessment: Assessment
    verdict: Verdict | None
    has_media: bool = True  # else its stills are gone too

    @property
    def has_still(self) -> bool:
        """Tell whether there is a picture of its first moment."""
        moments = self.assessment.result["moments"]
        return self.has_media and bool(moments) and moments[0]["image_url"] is not None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything of a pet's page."""

    trend: Json
    items: list[Json]  # days or weeks of the asked span
    around: Around
    week: list[Json]  # the days of the asked week
    around_week: Around
    newest: Newest | None
    open_alerts: list[Alert]
    flagged: Assessment | None  # the clip filmed last that an open red flag is about
    pattern: list[Cell]
    periods: Periods


@dataclass(frozen=True, slots=True)
class Glance:
    """One pet among many."""

    pet: Pet
    trend: Json
    newest: Newest | None
    open_alerts: list[Alert]
    spark: list[tuple[date, float | None]]


def around(session: Session, pet: Pet, bucket: Bucket, span: Span) -> Around:
    """Read the notes, alerts, new starts and changes of bundle in a span of days."""
    begins, ends = history.bounds(span, pet.time_zone)
    noted = notes.chosen(pet, since=begins, until=ends).order_by(Note.at, Note.id)
    return Around(
        notes=list(session.scalars(noted)),
        alerts=list(session.scalars(alerts.between(pet, begins, ends))),
        bundle_changes=history.bundle_changes(session, pet, bucket, span),
        baselines=list(session.scalars(baselines.between(pet, begins, ends))),
    )


def read(
    session: Session, pet: Pet, *, now: datetime, bucket: Bucket, span: Span, week: Span
) -> Overview:
    """Read a pet's page: its history in `span`, and the days of one week besides."""
    history.fold(session, pet)
    trend = history.trend(session, pet, now=now)
    alarms = open_alerts(session, [pet.id])
    flagged = alerts.assessments_of(session, alarms).values()
    return Overview(
        trend=trend,
        items=history.summaries(session, pet, bucket, span),
        around=around(session, pet, bucket, span),
        week=history.summaries(session, pet, Bucket.DAY, week),
        around_week=around(session, pet, Bucket.DAY, week),
        newest=newest(session, [pet.id]).get(pet.id),
        open_alerts=alarms,
        flagged=max(flagged, key=lambda one: one.recorded_at, default=None),
        pattern=patterns.pattern(session, pet, span, bundle=trend["bundle_id"]),
        periods=patterns.periods(session, pet, history.today(pet, now), trend["bundle_id"]),
    )


def first_day(session: Session, pet: Pet) -> date | None:
    """Give the first day with clips."""
    history.fold(session, pet)
    found: date | None = session.scalar(FIRST_DAY, {"pet_id": pet.id})
    return found


def glances(session: Session, pets: Sequence[Pet], *, now: datetime) -> list[Glance]:
    """Read some pets beside each other, in the order given."""
    for pet in pets:
        history.fold(session, pet)
    pet_ids = [pet.id for pet in pets]
    last, alarms = newest(session, pet_ids), open_alerts(session, pet_ids)
    today = now.astimezone(UTC).date()
    since = today - timedelta(weeks=SPARK_WEEKS - 1, days=today.weekday() + 1)
    return [
        Glance(
            pet=pet,
            trend=history.trend(session, pet, now=now),
            newest=last.get(pet.id),
            open_alerts=[alarm for alarm in alarms if alarm.pet_id == pet.id],
            spark=_spark(session, pet, (since, today)),
        )
        for pet in pets
    ]


def _spark(session: Session, pet: Pet, span: Span) -> list[tuple[date, float | None]]:
    weeks = history.summaries(session, pet, Bucket.WEEK, span)
    return [
        (date.fromisoformat(one["begins"]), one["negative"] and one["negative"]["mean"])
        for one in weeks
    ]


def newest(session: Session, pet_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Newest]:
    """Read the last filmed assessed clip of each pet that has one."""
    ids = session.scalars(NEWEST, {"pet_ids": list(pet_ids)}).all()
    found = session.scalars(select(Assessment).where(Assessment.id.in_(ids))).all()
    return {one.assessment.pet_id: one for one in _complete(session, found)}


def _complete(session: Session, found: Sequence[Assessment]) -> list[Newest]:
    """Add the verdicts that count, and whether the media is there."""
    counting = verdicts.counting(session, [one.id for one in found])
    here = select(Clip.id).where(Clip.id.in_([one.clip_id for one in found]))
    gone = here.where(Clip.media_expires_at <= func.now())
    without = set(session.scalars(gone))
    return [Newest(one, counting.get(one.id), one.clip_id not in without) for one in found]


def open_alerts(session: Session, pet_ids: Sequence[uuid.UUID]) -> list[Alert]:
    """Read the open alerts of some pets, the highest step first."""
    query = select(Alert).where(Alert.pet_id.in_(pet_ids), Alert.state == AlertState.OPEN)
    return list(session.scalars(query.order_by(Alert.step.desc(), Alert.id.desc())))


@dataclass(frozen=True, slots=True)
class Pending:
    """A clip of a pet without a result: in work, or given up lately."""

    clip: Clip
    job: Job


def assessed(
    session: Session, pet: Pet, *, before: tuple[datetime, uuid.UUID] | None, most: int
) -> list[Newest]:
    """Read a pet's assessments with the verdicts that count, by when they were filmed."""
    by = (Assessment.recorded_at, Assessment.id)
    query = select(Assessment).where(Assessment.pet_id == pet.id)
    if before is not None:
        query = query.where(tuple_(*by) < tuple_(*before))
    newest_first = query.order_by(*(column.desc() for column in by)).limit(most)
    return _complete(session, session.scalars(newest_first).all())


def pending(session: Session, pet: Pet, *, since: datetime) -> list[Pending]:
    """Read a pet's clips that were sent since then and have no result."""
    query = select(Clip, Job).join(Job, Job.clip_id == Clip.id).where(Clip.pet_id == pet.id)
    query = query.where(Clip.created_at >= since, Job.status != JobStatus.SUCCEEDED)
    query = query.where(~select(Assessment.id).where(Assessment.clip_id == Clip.id).exists())
    rows = session.execute(query.order_by(Clip.id.desc(), Job.id.desc()).limit(MOST_PENDING))
    newest_job = {clip.id: Pending(clip, job) for clip, job in reversed(rows.all())}
    return list(reversed(newest_job.values()))
