"""Assessments, and the verdicts beside them."""

import uuid
from typing import Any

from flask import redirect
from werkzeug.wrappers import Response

from api import auth
from api.errors import raises
from api.pagination import page
from api.routes import blueprint
from api.schemas.assessments import AssessmentOut
from api.schemas.base import Created, PageQuery
from api.schemas.verdicts import VerdictIn, VerdictOut, VerdictsPage
from shared import assessments, clips, deletions, storage, verdicts
from shared.db import transaction
from shared.errors import BadCursor, MediaExpired, NotFound
from shared.models import Verdict

bp = blueprint("assessments")

STILL: Any = {"description": "`Location` shows the still for a while.", "headers": Created}


@bp.get("/assessments/<uuid:assessment_id>")
@bp.output(AssessmentOut)
def read_assessment(assessment_id: uuid.UUID) -> AssessmentOut:
    """Read an assessment."""
    with transaction() as session:
        return AssessmentOut.of(assessments.get(session, auth.account_id(), assessment_id))


@bp.get("/assessments/<uuid:assessment_id>/moments/<int:number>.jpg")
@bp.doc(responses={302: STILL}, extensions=raises(MediaExpired))
def read_moment(assessment_id: uuid.UUID, number: int) -> Response:
    """Go to a signed URL of the still of an assessment's `number`-th moment, from 1."""
    with transaction() as session:
        assessment = assessments.get(session, auth.account_id(), assessment_id)
        clip = clips.get(session, auth.account_id(), assessment.clip_id)
    named = [moment["image_url"] for moment in assessment.result["moments"]]
    if f"moments/{number}.jpg" not in named:
        raise NotFound
    clips.check_media(clip)
    key = deletions.still_key(clip.storage_key, number)
    return redirect(storage.signed_get_url(key, content_type="image/jpeg"))


@bp.post("/assessments/<uuid:assessment_id>/verdicts")
@bp.input(VerdictIn)
@bp.output(VerdictOut, status_code=201, headers=Created)
def give_verdict(
    assessment_id: uuid.UUID, json_data: VerdictIn
) -> tuple[VerdictOut, int, dict[str, str]]:
    """Say what the clip shows. The pet's history and trend follow; the assessment stays."""
    with transaction() as session:
        assessment = assessments.get(session, auth.account_id(), assessment_id)
        made = verdicts.create(session, assessment, **json_data.model_dump())
        session.refresh(made)
        where = {"Location": f"/v1/assessments/{assessment_id}/verdicts"}
        return VerdictOut.model_validate(made), 201, where


@bp.get("/assessments/<uuid:assessment_id>/verdicts")
@bp.input(PageQuery, location="query")
@bp.output(VerdictsPage)
@bp.doc(extensions=raises(BadCursor))
def list_verdicts(assessment_id: uuid.UUID, query_data: PageQuery) -> dict[str, Any]:
    """List the verdicts on an assessment, newest first."""
    with transaction() as session:
        assessment = assessments.get(session, auth.account_id(), assessment_id)
        chosen = verdicts.chosen(assessment)
        return page(session, chosen, query_data, by=[Verdict.id], present=VerdictOut.model_validate)
