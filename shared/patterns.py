"""When a pet is tense: by day of the week and part of the day; this week and month against last."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import history
from shared import trend as method
from shared.history import Span
from shared.models import COUNTING_FIRST, Pet
from shared.trend import Summary

PARTS_A_DAY = 4  # of six hours, from midnight

# Of one bundle: scores of two are not compared. A verdict counts in place of the scores.
PATTERN = text(f"""
SELECT extract(isodow FROM local)::int AS weekday, extract(hour FROM local)::int / 6 AS part,
       count(*) AS n, avg(tense) AS tense
  FROM (SELECT recorded_at AT TIME ZONE :zone AS local,
               CASE WHEN label IS NULL THEN anxious + distressed
                    WHEN label IN ('Anxious', 'Distressed') THEN 1 ELSE 0 END AS tense
          FROM assessments LEFT JOIN (
               SELECT DISTINCT ON (assessment_id) assessment_id, label FROM verdicts
                WHERE pet_id = :pet_id
                ORDER BY assessment_id, {COUNTING_FIRST}) AS counting
            ON assessment_id = assessments.id
         WHERE assessments.pet_id = :pet_id AND recorded_at >= :begins AND recorded_at < :ends
           AND bundle = :bundle) AS seen
 WHERE tense IS NOT NULL
 GROUP BY weekday, part ORDER BY weekday, part
""")  # noqa: S608 - a literal


@dataclass(frozen=True, slots=True)
class Cell:
    """One part of one day of the week: mean probability of tense signs over n clips."""

    weekday: int  # 1 Monday .. 7 Sunday
    part: int  # 0 night, 1 morning, 2 afternoon, 3 evening
    n: int
    tense: float


@dataclass(frozen=True, slots=True)
class Periods:
    """The present and the last week and month on the owner's calendar; None without clips."""

    this_week: Summary | None
    last_week: Summary | None
    this_month: Summary | None
    last_month: Summary | None


def pattern(session: Session, pet: Pet, span: Span, *, bundle: str | None) -> list[Cell]:
    """Read when in the week a pet's clips of a span showed tense signs, where there are clips."""
    begins, ends = history.bounds(span, pet.time_zone)
    within = {"zone": pet.time_zone, "begins": begins, "ends": ends}
    values = {"pet_id": pet.id, "bundle": bundle, **within}
    return [Cell(*row) for row in session.execute(PATTERN, values)]


def periods(session: Session, pet: Pet, today: date, bundle: str | None) -> Periods:
    """Summarise the present and the last week and month, of one bundle's clips."""
    month = today.replace(day=1)
    month_before = (month - timedelta(days=1)).replace(day=1)
    week = today - timedelta(days=today.weekday())
    since = min(month_before, week - timedelta(weeks=1))
    begins = history.midnight(since, pet.time_zone)
    seen = history.observations(session, pet.id, begins=begins)
    compared = [one for one in seen if one.bundle_id == bundle]
    found = {
        (bucket, date.fromisoformat(one.begins)): one
        for bucket in ("week", "month")
        for one in method.summarize(compared, pet.time_zone, bucket)
    }
    return Periods(
        this_week=found.get(("week", week)),
        last_week=found.get(("week", week - timedelta(weeks=1))),
        this_month=found.get(("month", month)),
        last_month=found.get(("month", month_before)),
    )
