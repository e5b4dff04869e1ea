"""One pet: is it anxious now, is that getting worse, should a vet be called?"""

import uuid
from datetime import UTC, date, datetime, timedelta

from flask import Blueprint, request
from sqlalchemy.orm import Session

from api import auth
from api.pages import charts, frame
from shared import history, overview, pets
from shared.db import transaction
from shared.history import Span
from shared.models import Bucket, Pet

RANGES = {"4w": 4, "12w": 12, "1y": 52, "all": None}  # weeks
DEFAULT_RANGE = "12w"
DAYS_UP_TO_WEEKS = 4  # a longer range is drawn by weeks
WEEK = timedelta(days=6)

bp = Blueprint("pet", __name__)


@bp.get("/pets/<uuid:pet_id>")
def show(pet_id: uuid.UUID) -> str:
    """Show a pet."""
    chosen = request.args.get("range", "")
    chosen = chosen if chosen in RANGES else DEFAULT_RANGE
    now = datetime.now(UTC)
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        today = history.today(pet, now)
        bucket, span = _span(session, pet, today, RANGES[chosen])
        week = _week(today)
        seen = overview.read(session, pet, now=now, bucket=bucket, span=span, week=week)
    usual = seen.trend["negative"]["usual"] if seen.trend["usual_from"] else None
    drawn = charts.chart(
        seen.items, seen.around, usual, span=span, bucket=bucket, zone=pet.time_zone
    )
    return frame.show(
        "pet.html",
        pet=pet,
        seen=seen,
        newest=seen.newest,
        usual=usual,
        trend=seen.trend,
        chart=drawn,
        days=charts.days(seen.week, seen.around_week, week, pet.time_zone),
        cells=charts.grid(seen.pattern),
        chosen=chosen,
        ranges=RANGES,
        span=span,
        today=today,
        earlier=week[0] - timedelta(days=1),
        later=min(today, week[1] + WEEK + timedelta(days=1)) if week[1] < today else None,
        told=frame.teller(),
    )


def _span(session: Session, pet: Pet, today: date, weeks: int | None) -> tuple[Bucket, Span]:
    """Give the days or whole weeks of a range, up to today."""
    if weeks is not None and weeks <= DAYS_UP_TO_WEEKS:
        return Bucket.DAY, (today - timedelta(weeks=weeks) + timedelta(days=1), today)
    monday = today - timedelta(days=today.weekday())
    if weeks is not None:
        return Bucket.WEEK, (monday - timedelta(weeks=weeks - 1), today)
    first = overview.first_day(session, pet) or monday
    return Bucket.WEEK, (min(first - timedelta(days=first.weekday()), monday), today)


def _week(today: date) -> Span:
    """Give seven days that end on the asked one, or today."""
    try:
        last = min(today, date.fromisoformat(request.args.get("until", "")))
    except ValueError:
        last = today
    return last - WEEK, last
