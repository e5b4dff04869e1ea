"""The one-call form: a file in, four fields out."""

import uuid
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify

from api import auth, intake
from api.errors import problem_of, raises
from api.routes import blueprint
from api.schemas.assessments import AnalysisOut
from api.schemas.base import Created
from api.schemas.clips import AnalyzeIn
from api.schemas.jobs import JobOut
from api.watch import current, watch
from shared import pets
from shared.clips import Told
from shared.db import transaction
from shared.errors import (
    AttemptsExhausted,
    ClipNoVideo,
    ClipTooDemanding,
    ClipTooLong,
    ClipTooShort,
    ClipUnreadable,
    NotAForm,
    NotAVideo,
    NotFound,
    StorageUnavailable,
    UploadEmpty,
    UploadRefused,
)
from shared.models import Reason
from shared.settings import settings

bp = blueprint("analyze", prefix="/")
bp.before_request(intake.allow_upload)

NOT_YET: Any = {
    "description": "Not done yet, or canceled: the job.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobOut"}}},
    "headers": Created,
}


@bp.post("/analyze")
@bp.input(AnalyzeIn, location="form_and_files")
@bp.output(AnalysisOut, headers=Created)
@bp.doc(
    responses={202: NOT_YET},
    extensions=raises(
        NotFound,
        UploadEmpty,
        UploadRefused,
        NotAForm,
        NotAVideo,
        ClipUnreadable,
        ClipNoVideo,
        ClipTooShort,
        ClipTooLong,
        ClipTooDemanding,
        AttemptsExhausted,
        StorageUnavailable,
    ),
)
def analyze(form_and_files_data: AnalyzeIn) -> Response:
    """Analyse a clip in one call; after 30 s without a result the answer is the job.

    A clip that does not tell has `emotion: null`, and the recommendation says why.
    """
    told = Told(None, Reason.OTHER, [], None)
    pet_id = form_and_files_data.pet_id or _unnamed(form_and_files_data)
    request = intake.Request(auth.account_id(), pet_id, told, None)
    answer = intake.take(request, form_and_files_data.file)
    read = partial(current, auth.account_id(), uuid.UUID(answer["id"]))
    job = watch().until(lambda job: job.status.is_final, read, settings().analyze_wait_s)
    response = _present(job)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return response


def _unnamed(asked: AnalyzeIn) -> uuid.UUID:
    with transaction() as session:
        return pets.unnamed(session, auth.account_id(), asked.species).id


def _present(job: JobOut) -> Response:
    if job.error is not None:
        return problem_of(job.error.code, job.error.detail)
    if job.assessment is None:
        response = jsonify(job.model_dump(mode="json"))
        response.status_code = HTTPStatus.ACCEPTED
        return response
    return jsonify(AnalysisOut.of(job.assessment).model_dump())
