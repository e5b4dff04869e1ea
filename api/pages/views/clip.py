"""One clip: play it at the moment that mattered, see why, correct it, move it, delete it."""

import uuid
from typing import Any

from flask import Blueprint, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from api import auth
from api.pages import forms, frame, timeline
from api.schemas.clips import ClipPatch, Keeping
from api.schemas.verdicts import VerdictIn
from shared import clips, jobs, pets, storage, verdicts
from shared.db import transaction
from shared.errors import MediaExpired, NotFound
from shared.models import Assessment, Clip, Emotion, Job, JobStatus, Pet, Reason, Retention, Verdict

MOST_PETS = 200

bp = Blueprint("clip", __name__)


@bp.get("/clips/<uuid:clip_id>")
def show(clip_id: uuid.UUID) -> str:
    """Show a clip with its result, or how far that is."""
    return _page(clip_id)


@bp.post("/clips/<uuid:clip_id>/verdict")
def correct(clip_id: uuid.UUID) -> Response | tuple[str, int]:
    """Say what the clip shows."""
    try:
        said = forms.read(VerdictIn)
    except forms.Wrong as error:
        return _page(clip_id, wrong=error.fields), 422
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        found = _assessment(session, clip)
        if found is None:
            raise NotFound
        verdicts.create(session, found, **said.model_dump())
    return _back(clip_id, "corrected")


@bp.post("/clips/<uuid:clip_id>/move")
def move(clip_id: uuid.UUID) -> Response:
    """Say that the clip shows another pet."""
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        pet = pets.get(session, auth.account_id(), _pet_id())
        clips.move(session, clip, pet)
    return _back(clip_id, "moved")


@bp.post("/clips/<uuid:clip_id>/reason")
def tell(clip_id: uuid.UUID) -> Response | tuple[str, int]:
    """Say anew why the clip was filmed."""
    try:
        said = forms.read(ClipPatch)
    except forms.Wrong as error:
        return _page(clip_id, wrong=error.fields), 422
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        clips.tell(session, clip, reason=said.reason)
    return _back(clip_id, "saved")


@bp.post("/clips/<uuid:clip_id>/retention")
def keep(clip_id: uuid.UUID) -> Response | tuple[str, int]:
    """Say how long the video is kept from now on."""
    try:
        said = forms.read(Keeping, retention_days=forms.retention_days())
    except forms.Wrong as error:
        return _page(clip_id, wrong=error.fields), 422
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        clips.keep(session, clip, said.retention, said.retention_days)
    return _back(clip_id, "saved")


@bp.post("/clips/<uuid:clip_id>/retry")
def retry(clip_id: uuid.UUID) -> Response:
    """Analyse a clip again whose analysis did not succeed."""
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        job = _job(session, clip)
        if job is None:
            raise NotFound
        jobs.retry(session, auth.account_id(), job.id)
    return _back(clip_id, None)


@bp.post("/clips/<uuid:clip_id>/delete")
def delete(clip_id: uuid.UUID) -> str:
    """Delete a clip with all that came of it, and show the receipt."""
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        name = clip.pet.name
        receipt = clips.delete(session, clip)
    return frame.show("receipt.html", name=name, receipt=receipt)


def _back(clip_id: uuid.UUID, done: str | None) -> Response:
    return redirect(url_for("pages.clip.show", clip_id=clip_id, done=done), 303)


def _pet_id() -> uuid.UUID:
    try:
        return uuid.UUID(request.form.get("pet_id", ""))
    except ValueError as error:
        raise NotFound from error


def _page(clip_id: uuid.UUID, *, wrong: list[str] | None = None) -> str:
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        job = _job(session, clip)
        found = _assessment(session, clip)
        said = list(session.scalars(_verdicts(found))) if found else []
        others = list(session.scalars(_others(clip)))
    result = found.result if found else None
    return frame.show(
        "clip.html",
        clip=clip,
        pet=clip.pet,
        job=job,
        is_running=job is not None and not JobStatus(job.status).is_final,
        failed=_failed(job),
        found=found,
        result=result,
        verdicts=said,
        others=others,
        media_url=_media_url(clip),
        start_s=_start_s(result),
        drawn=timeline.draw(result) if result else None,
        emotions=frame.named("emotion", Emotion),
        reasons=frame.named("film_reason", Reason),
        retentions=frame.named("retention", Retention, days=forms.KEPT_DAYS),
        wrong=wrong or [],
    )


def _job(session: Session, clip: Clip) -> Job | None:
    """Find the analysis that was asked for last."""
    chosen = jobs.chosen(clip.account_id).where(Job.clip_id == clip.id)
    return session.scalar(chosen.order_by(Job.id.desc()).limit(1))


def _assessment(session: Session, clip: Clip) -> Assessment | None:
    """Find the newest result."""
    query = select(Assessment).where(Assessment.clip_id == clip.id)
    return session.scalar(query.order_by(Assessment.id.desc()).limit(1))


def _verdicts(found: Assessment) -> Any:  # noqa: ANN401 - SQLAlchemy's ordered Select
    return verdicts.chosen(found).order_by(Verdict.created_at.desc(), Verdict.id.desc())


def _others(clip: Clip) -> Any:  # noqa: ANN401 - SQLAlchemy's ordered Select
    """Select the pets that the clip may show instead."""
    chosen = pets.chosen(clip.account_id).where(Pet.id != clip.pet_id)
    return chosen.order_by(Pet.name, Pet.id).limit(MOST_PETS)


def _failed(job: Job | None) -> str | None:
    """Say why there is no result, in the reader's words where there are some."""
    if job is None or job.status in (JobStatus.SUCCEEDED, JobStatus.QUEUED, JobStatus.RUNNING):
        return None
    code = job.error_code or f"job_{job.status}"
    return frame.told_code(code, job.error_detail or "")


def _media_url(clip: Clip) -> str | None:
    """Sign a URL of the media; None when it was deleted as its owner had asked."""
    try:
        clips.check_media(clip)
    except MediaExpired:
        return None
    return storage.signed_get_url(clip.storage_key, content_type=clip.content_type)


def _start_s(result: dict[str, Any] | None) -> float | None:
    """Give where to begin: where a link asks, else at the first moment that mattered."""
    asked = request.args.get("t", type=float)
    if asked is not None:
        return min(max(asked, 0.0), 3600.0)
    if result and result["moments"]:
        return float(result["moments"][0]["span_s"][0])
    return None
