"""A pet's history, its trend and what is usual for it."""

import uuid
from datetime import UTC, date, datetime, timedelta

from flask import Response
from pydantic_core import to_json

from api import auth
from api.routes import blueprint
from api.schemas.alerts import AlertOut
from api.schemas.base import Created
from api.schemas.history import (
    BaselineIn,
    BaselineOut,
    BundleChange,
    ClusterOut,
    HistoryOut,
    HistoryQuery,
    HouseholdOut,
    SharedHoursOut,
    TemperamentOut,
    TrendOut,
    TrendQuery,
    UsualOut,
)
from api.schemas.notes import NoteOut
from shared import baselines, history, households, norms, notes, overview, pets
from shared.db import transaction
from shared.history import Span
from shared.models import Baseline, Bucket, Note, Pet
from shared.overview import Around
from shared.trend.temperament import MIN_CLIPS, Clusters

HOUSEHOLD_DAYS = 90

bp = blueprint("history")


@bp.get("/pets/<uuid:pet_id>/history")
@bp.input(HistoryQuery, location="query")
@bp.output(HistoryOut)
def read_history(pet_id: uuid.UUID, query_data: HistoryQuery) -> Response:
    """Read a pet's days or weeks, with the notes, alerts and new starts in them."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        history.fold(session, pet)
        span = query_data.span(history.today(pet, datetime.now(UTC)))
        items = history.summaries(session, pet, query_data.bucket, span)
        around = overview.around(session, pet, query_data.bucket, span)
    told = _present(pet, query_data.bucket, span, around).model_dump_json(
        by_alias=True, exclude={"items"}
    )
    items_told = to_json(items).decode()  # a thousand need no second check
    return Response(f'{told[:-1]},"items":{items_told}}}', content_type="application/json")


def _present(pet: Pet, bucket: Bucket, span: Span, around: Around) -> HistoryOut:
    """Present all of a history but its days or weeks."""
    return HistoryOut(
        pet_id=pet.id,
        bucket=bucket,
        time_zone=pet.time_zone,
        first=span[0],
        last=span[1],
        items=[],
        notes=[NoteOut.model_validate(note) for note in around.notes],
        alerts=[AlertOut.model_validate(alarm) for alarm in around.alerts],
        bundle_changes=[BundleChange(**change) for change in around.bundle_changes],
        baselines=[BaselineOut.model_validate(anchor) for anchor in around.baselines],
    )


@bp.get("/pets/<uuid:pet_id>/trend")
@bp.input(TrendQuery, location="query")
@bp.output(TrendOut)
def read_trend(pet_id: uuid.UUID, query_data: TrendQuery) -> TrendOut:
    """Answer "is this getting worse?" with how sure that is and what would settle it."""
    now = datetime.now(UTC)
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        answer = history.trend(session, pet, now=now, budget_per_year=query_data.budget())
        period = answer["period_from"]
        since = history.midnight(date.fromisoformat(period), pet.time_zone) if period else now
        chosen = notes.chosen(pet, since=since).order_by(Note.at, Note.id)
        return TrendOut.of(answer, [NoteOut.model_validate(n) for n in session.scalars(chosen)])


@bp.get("/pets/<uuid:pet_id>/baseline")
@bp.output(UsualOut)
def read_baseline(pet_id: uuid.UUID) -> UsualOut:
    """Read what is usual for a pet, and when that was started anew."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        now = datetime.now(UTC)
        answer = history.trend(session, pet, now=now)
        norm = norms.norm(session, pet, answer, today=history.today(pet, now))
        anchors = session.scalars(baselines.chosen(pet).order_by(Baseline.id.desc())).all()
        return UsualOut.of(answer, norm, list(anchors))


@bp.post("/pets/<uuid:pet_id>/baseline")
@bp.input(BaselineIn)
@bp.output(BaselineOut, status_code=201, headers=Created)
def anchor_baseline(
    pet_id: uuid.UUID, json_data: BaselineIn
) -> tuple[BaselineOut, int, dict[str, str]]:
    """Start what is usual anew, with a reason: "new normal after surgery".

    Clips filmed before are left out of the trend from now on; they stay in the history.
    """
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        anchored_at = json_data.anchored_at or datetime.now(UTC)
        made = baselines.create(session, pet, anchored_at=anchored_at, reason=json_data.reason)
        session.refresh(made)
        return (
            BaselineOut.model_validate(made),
            201,
            {"Location": f"/v1/pets/{pet_id}/baseline"},
        )


@bp.get("/pets/<uuid:pet_id>/temperament")
@bp.output(TemperamentOut)
def read_temperament(pet_id: uuid.UUID) -> TemperamentOut:
    """Read what a pet is like over all its clips, and which of your pets are like it."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        found = households.temperament(session, pet)
        grouped = households.groups(session, auth.account_id()) if found else None
    return TemperamentOut(
        status="described" if found else "not_enough_data",
        clips_needed=0 if found else MIN_CLIPS,
        temperament=found,
        cluster=_cluster(grouped, pet_id) if grouped else None,
    )


def _cluster(grouped: Clusters, pet_id: uuid.UUID) -> ClusterOut | None:
    number = grouped.cluster_of.get(str(pet_id))
    if number is None:
        return None
    alike = [uuid.UUID(name) for name, one in grouped.cluster_of.items() if one == number]
    shares, stability = grouped.centres[number], grouped.stability[number]
    return ClusterOut(pet_ids=alike, shares=shares, stability=stability)


@bp.get("/household")
@bp.output(HouseholdOut)
def read_household() -> HouseholdOut:
    """Compare your pets in the hours in which two were filmed, over the last 90 days.

    Tense signs of both at once point to the surroundings: fireworks, visitors, a move.
    """
    since = datetime.now(UTC) - timedelta(days=HOUSEHOLD_DAYS)
    with transaction() as session:
        pairs = households.shared_hours(session, auth.account_id(), since=since)
    return HouseholdOut(since=since, pairs=[SharedHoursOut.model_validate(one) for one in pairs])
