"""What a report on a pet says: facts for one page, collected once for every form it takes.

Knows no language and no layout; those who write it as a page or as a PDF add them.
"""

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from shared import alerts, baselines, deletions, history, notes, storage
from shared.errors import MediaMissing
from shared.history import SESSION, Json, Span
from shared.models import COUNTING_FIRST, Alert, Baseline, Bucket, Note, Pet
from shared.trend.history import PERIOD_DAYS
from shared.trend.observations import NEGATIVE

N_WEEKS = 12
N_TENSE = 2  # clips shown beside the calmest
TENSE = 0.5
MOST_ROWS = 12

CLIPS = text(f"""
SELECT assessments.id, assessments.recorded_at, anxious + distressed AS tense,
       counts.label, counts.by
  FROM assessments LEFT JOIN LATERAL (
       SELECT label, by FROM verdicts WHERE assessment_id = assessments.id
        ORDER BY {COUNTING_FIRST} LIMIT 1) AS counts ON true
 WHERE pet_id = :pet_id AND recorded_at >= :begins AND recorded_at < :ends
 ORDER BY assessments.recorded_at, assessments.id
""")  # noqa: S608 - a literal
SHOWN = text("""
SELECT assessments.id, clip_id, assessments.recorded_at, clips.reason, clips.note, result,
       storage_key, media_expires_at IS NULL OR media_expires_at > now() AS has_media
  FROM assessments JOIN clips ON clips.id = clip_id
 WHERE assessments.id = ANY(:ids)
""")
SIGNALS = text("""
SELECT name, count(*) FILTER (WHERE found AND recorded_at >= :lately) AS n_lately,
       count(*) FILTER (WHERE found AND recorded_at < :lately) AS n_before,
       count(*) FILTER (WHERE NOT found AND recorded_at >= :lately) AS n_unseen_lately,
       count(*) FILTER (WHERE NOT found AND recorded_at < :lately) AS n_unseen_before
  FROM assessments, LATERAL (
       SELECT value, true FROM jsonb_array_elements_text(result -> 'signals')
        UNION ALL
       SELECT value ->> 'name', false FROM jsonb_array_elements(result -> 'not_measurable')
       ) AS said (name, found)
 WHERE pet_id = :pet_id AND recorded_at >= :begins AND recorded_at < :ends
 GROUP BY name HAVING bool_or(found) ORDER BY 2 DESC, 3 DESC, name LIMIT :most
""")
BUNDLES = text("""
SELECT bundle, count(*) AS n FROM assessments
 WHERE pet_id = :pet_id AND recorded_at >= :begins AND recorded_at < :ends
 GROUP BY bundle ORDER BY 2 DESC, bundle
""")
VERDICTS = text("""
SELECT by, count(*) AS n, count(*) FILTER (WHERE label = emotion) AS n_agree
  FROM verdicts JOIN assessments ON assessments.id = assessment_id
 WHERE verdicts.pet_id = :pet_id AND recorded_at >= :begins AND recorded_at < :ends
 GROUP BY by ORDER BY by DESC
""")


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week: how many clips, and how often they showed tense signs, in [0, 1]."""

    begins: date
    n_clips: int
    n_abstained: int
    mean: float | None  # None when no clip of the week can be used
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A clip that may be shown: how tense it is, in [0, 1]; a verdict settles that."""

    assessment_id: uuid.UUID
    recorded_at: datetime
    tense: float | None  # None: it does not tell


@dataclass(frozen=True, slots=True)
class Moment:
    """A clip that is shown: what its owner said, what was found, where to look."""

    role: str  # tense, calm
    clip_id: uuid.UUID
    recorded_at: datetime
    reason: str
    note: str | None
    result: Json
    still_key: str | None  # of the still of its first moment
    verdict: str | None
    verdict_by: str | None


@dataclass(frozen=True, slots=True)
class SignalCount:
    """In how many clips a signal was found, of those in which it could be measured.

    In the last four weeks and before.
    """

    name: str
    n_lately: int
    of_lately: int
    n_before: int
    of_before: int


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """How many corrections one side gave, and how many named what was assessed."""

    by: str
    n: int
    n_agree: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report says."""

    pet: Pet
    question: str | None
    first: date
    last: date
    made_at: datetime
    trend: Json  # as of the last day: shared.trend.as_json
    weeks: tuple[Week, ...]
    moments: tuple[Moment, ...]
    signals: tuple[SignalCount, ...]
    n_clips: int
    n_abstained: int
    notes: tuple[Note, ...]
    alerts: tuple[Alert, ...]
    flagged: dict[uuid.UUID, datetime]  # when the clip of each red flag was filmed
    anchors: tuple[Baseline, ...]
    bundle_changes: tuple[RowMapping, ...]
    bundles: tuple[tuple[str, int], ...]
    verdicts: tuple[VerdictCount, ...]

    @property
    def zone(self) -> ZoneInfo:
        """Give the owner's time zone, in which every date of a report is."""
        return ZoneInfo(self.pet.time_zone)


def span_of(pet: Pet, now: datetime, *, first: date | None, last: date | None) -> Span:
    """Give the days that a report is about: twelve weeks until today unless told otherwise."""
    last = last or max(history.today(pet, now), first or date.min)
    return first or last - timedelta(weeks=N_WEEKS, days=-1), last


def collect(
    session: Session, pet: Pet, span: Span, *, question: str | None, now: datetime
) -> Facts:
    """Collect what a report on some days of a pet says, as of the last of them."""
    history.fold(session, pet)
    begins, ends = history.bounds(span, pet.time_zone)
    lately = max(begins, ends - timedelta(days=PERIOD_DAYS))
    within = {"pet_id": pet.id, "begins": begins, "ends": ends}
    clips = session.execute(CLIPS, within).mappings().all()
    noted = session.scalars(notes.chosen(pet, since=begins, until=ends).order_by(Note.at, Note.id))
    alarms = tuple(session.scalars(alerts.between(pet, begins, ends)))
    about = alerts.assessments_of(session, alarms)
    return Facts(
        pet=pet,
        question=question,
        first=span[0],
        last=span[1],
        made_at=now,
        trend=_trend(session, pet, span[1], now),
        weeks=_weeks(session, pet, span),
        moments=_moments(session, clips, lately),
        signals=_signals(session, within, clips, lately),
        n_clips=len(clips),
        n_abstained=sum(clip["tense"] is None for clip in clips),
        notes=tuple(noted),
        alerts=alarms,
        flagged={of: one.recorded_at for of, one in about.items()},
        anchors=tuple(session.scalars(baselines.between(pet, begins, ends))),
        bundle_changes=tuple(history.bundle_changes(session, pet, Bucket.WEEK, span)),
        bundles=tuple((row.bundle, row.n) for row in session.execute(BUNDLES, within)),
        verdicts=tuple(VerdictCount(*row) for row in session.execute(VERDICTS, within)),
    )


def _trend(session: Session, pet: Pet, last: date, now: datetime) -> Json:
    """Give the trend as it is, or as it was at the end of an earlier day."""
    if last >= history.today(pet, now):
        return history.trend(session, pet, now=now)
    ended = datetime.combine(last, time.max, ZoneInfo(pet.time_zone)).astimezone(UTC)
    return history.recompute(session, pet, now=ended)


def _weeks(session: Session, pet: Pet, span: Span) -> tuple[Week, ...]:
    monday = span[0] - timedelta(days=span[0].weekday())
    told = history.summaries(session, pet, Bucket.WEEK, (monday, span[1]))
    return tuple(_week(one) for one in told)


def _week(told: Json) -> Week:
    rate = told["negative"] or {}
    rates = (rate.get("mean"), rate.get("low"), rate.get("high"))
    return Week(date.fromisoformat(told["begins"]), told["n_clips"], told["n_abstained"], *rates)


def _signals(
    session: Session, within: Json, clips: Sequence[RowMapping], lately: datetime
) -> tuple[SignalCount, ...]:
    n_lately = sum(clip["recorded_at"] >= lately for clip in clips)
    n_before = len(clips) - n_lately
    found = session.execute(SIGNALS, within | {"lately": lately, "most": MOST_ROWS})
    return tuple(
        SignalCount(
            one.name,
            one.n_lately,
            n_lately - one.n_unseen_lately,
            one.n_before,
            n_before - one.n_unseen_before,
        )
        for one in found
    )


def _moments(session: Session, clips: Sequence[RowMapping], lately: datetime) -> tuple[Moment, ...]:
    by_id = {clip["id"]: clip for clip in clips}
    chosen = choose([_candidate(clip) for clip in clips], lately)
    ids = [one.assessment_id for one, _ in chosen]
    shown = {row["id"]: row for row in session.execute(SHOWN, {"ids": ids}).mappings()}
    return tuple(
        _moment(role, shown[one.assessment_id], by_id[one.assessment_id]) for one, role in chosen
    )


def _candidate(clip: RowMapping) -> Candidate:
    tense = clip["tense"] if clip["label"] is None else float(clip["label"] in NEGATIVE)
    return Candidate(clip["id"], clip["recorded_at"], tense)


def _moment(role: str, shown: RowMapping, clip: RowMapping) -> Moment:
    return Moment(
        role=role,
        clip_id=shown["clip_id"],
        recorded_at=shown["recorded_at"],
        reason=shown["reason"],
        note=shown["note"],
        result=shown["result"],
        still_key=_still_key(shown),
        verdict=clip["label"],
        verdict_by=clip["by"],
    )


def _still_key(shown: RowMapping) -> str | None:
    """Name the first still of a clip whose media is kept; None when none was drawn."""
    if not shown["has_media"]:
        return None
    moments = shown["result"]["moments"]
    has_still = [number for number, one in enumerate(moments, 1) if one["image_url"]]
    return deletions.still_key(shown["storage_key"], has_still[0]) if has_still else None


def stills(facts: Facts) -> dict[str, bytes]:
    """Fetch the stills of the clips that are shown, by clip; one that is gone is left out."""
    found = {}
    for moment in facts.moments:
        if moment.still_key is None:
            continue
        with contextlib.suppress(MediaMissing), storage.read(moment.still_key) as stored:
            found[str(moment.clip_id)] = b"".join(stored.chunks)
    return found


def choose(candidates: Sequence[Candidate], lately: datetime) -> list[tuple[Candidate, str]]:
    """Choose the clips that tell most: the two tensest of different sessions and the calmest.

    Those filmed since `lately` before older ones, and of equally tense ones the latest. What is
    tense and what is calm lies on both sides of a half.
    """
    told = [one for one in candidates if one.tense is not None]
    tense = sorted(
        (one for one in told if (one.tense or 0) >= TENSE),
        key=lambda one: (one.recorded_at >= lately, one.tense or 0, one.recorded_at),
        reverse=True,
    )
    calm = [one for one in told if (one.tense or 0) < TENSE]
    calmest = min(
        calm, key=lambda one: (one.tense or 0, -one.recorded_at.timestamp()), default=None
    )
    chosen = [(one, "tense") for one in _apart(tense)[:N_TENSE]]
    return chosen + ([(calmest, "calm")] if calmest else [])


def _apart(clips: Sequence[Candidate]) -> list[Candidate]:
    """Keep the first of all that were filmed within a session's length of each other."""
    kept: list[Candidate] = []
    for clip in clips:
        if all(abs(clip.recorded_at - other.recorded_at) > SESSION for other in kept):
            kept.append(clip)
    return kept
