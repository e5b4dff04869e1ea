"""Clips."""

import uuid
from typing import Any

from flask import redirect, request
from pydantic import TypeAdapter, ValidationError
from werkzeug.wrappers import Response

from api import auth, intake
from api.errors import raises
from api.pagination import page
from api.routes import DUPLICATE, blueprint
from api.schemas.base import Created
from api.schemas.clips import (
    ClipHeaders,
    ClipIn,
    ClipOut,
    ClipPatch,
    ClipsPage,
    ClipsQuery,
    TagList,
)
from api.schemas.jobs import JobOut
from api.schemas.receipts import ReceiptOut
from shared import clips, pets, storage
from shared.clips import Told
from shared.db import transaction
from shared.errors import (
    BadCursor,
    BadDeadline,
    BadRecordedAt,
    IdempotencyMismatch,
    IdempotencySpent,
    InvalidRequest,
    MediaExpired,
    NotAForm,
    NotAVideo,
    NotFound,
    StorageUnavailable,
    TooManyJobs,
    UnknownBundle,
    UploadEmpty,
    UploadRefused,
)
from shared.models import Clip

TAGS = TypeAdapter(TagList)
TOLD = {"reason", "tags", "note"}  # what can be said anew of a clip

bp = blueprint("clips")
bp.before_request(intake.allow_upload)

MEDIA: Any = {
    "description": "`Location` plays the clip for a while and takes range requests.",
    "headers": Created,
}


@bp.post("/clips")
@bp.input(ClipIn, location="form_and_files")
@bp.input(ClipHeaders, location="headers")
@bp.output(JobOut, status_code=202, headers=Created)
@bp.doc(
    responses={200: DUPLICATE},
    extensions=raises(
        NotFound,
        BadRecordedAt,
        BadDeadline,
        UnknownBundle,
        UploadEmpty,
        UploadRefused,
        NotAForm,
        NotAVideo,
        IdempotencyMismatch,
        IdempotencySpent,
        TooManyJobs,
        StorageUnavailable,
    ),
)
def create_clip(
    form_and_files_data: ClipIn, headers_data: ClipHeaders
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Upload a clip and queue its analysis.

    Send an `Idempotency-Key` header to make retries harmless: the same key and request get the same
    answer, another request with that key gets 409. Bytes of this pet that were analysed before are
    answered by that job, with 200 and `duplicate_of`, unless `force` is true.
    """
    asked = form_and_files_data
    told = Told(
        *(asked.recorded_at, asked.reason, _tags(), asked.note),
        *(asked.retention, asked.retention_days),
    )
    key, deadline = headers_data.idempotency_key, asked.expires_at
    wanted = intake.Request(
        auth.account_id(), asked.pet_id, told, key, deadline, asked.force, asked.bundle
    )
    return intake.created(intake.take(wanted, asked.file))


def _tags() -> list[str]:
    """Read tags from one or several `tags` fields; the schema has seen the first one only."""
    said = ",".join(request.form.getlist("tags")).split(",")
    try:
        return TAGS.validate_python([tag for tag in said if tag.strip()])
    except ValidationError as error:
        wrong = sorted({one["msg"] for one in error.errors()})
        raise InvalidRequest(fields={"tags": wrong}) from error


@bp.get("/clips")
@bp.input(ClipsQuery, location="query")
@bp.output(ClipsPage)
@bp.doc(extensions=raises(BadCursor, NotFound))
def list_clips(query_data: ClipsQuery) -> dict[str, Any]:
    """List your clips, newest upload first."""
    with transaction() as session:
        if query_data.pet_id is not None:
            pets.get(session, auth.account_id(), query_data.pet_id)
        chosen = clips.chosen(auth.account_id(), pet_id=query_data.pet_id)
        return page(session, chosen, query_data, by=[Clip.id], present=ClipOut.model_validate)


@bp.get("/clips/<uuid:clip_id>")
@bp.output(ClipOut)
def read_clip(clip_id: uuid.UUID) -> ClipOut:
    """Read a clip."""
    with transaction() as session:
        return ClipOut.model_validate(clips.get(session, auth.account_id(), clip_id))


@bp.patch("/clips/<uuid:clip_id>")
@bp.input(ClipPatch)
@bp.output(ClipOut)
@bp.doc(extensions=raises(MediaExpired))
def change_clip(clip_id: uuid.UUID, json_data: ClipPatch) -> ClipOut:
    """Say anew which of your pets a clip shows, why it was filmed, or how long it is kept."""
    asked = json_data
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        if "pet_id" in asked.model_fields_set:
            clips.move(session, clip, pets.get(session, auth.account_id(), asked.pet_id))
        if told := asked.model_dump(include=TOLD, exclude_unset=True):
            clips.tell(session, clip, **told)
        if "retention" in asked.model_fields_set:
            clips.keep(session, clip, asked.retention, asked.retention_days)
        session.flush()
        return ClipOut.model_validate(clip)


@bp.delete("/clips/<uuid:clip_id>")
@bp.output(ReceiptOut)
def delete_clip(clip_id: uuid.UUID) -> ReceiptOut:
    """Delete a clip with its job, assessment and media; get a receipt."""
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
        return ReceiptOut.model_validate(clips.delete(session, clip))


@bp.get("/clips/<uuid:clip_id>/media")
@bp.doc(responses={302: MEDIA}, extensions=raises(MediaExpired))
def read_media(clip_id: uuid.UUID) -> Response:
    """Go to a signed URL of the clip's media."""
    with transaction() as session:
        clip = clips.get(session, auth.account_id(), clip_id)
    clips.check_media(clip)
    return redirect(storage.signed_get_url(clip.storage_key, content_type=clip.content_type))
