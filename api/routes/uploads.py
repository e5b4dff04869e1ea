"""Uploads: a client sends the bytes straight to storage, and completes them here."""

import uuid
from typing import Any

from api import auth, intake
from api.errors import raises
from api.routes import DUPLICATE, blueprint
from api.schemas.base import Created
from api.schemas.clips import ClipHeaders
from api.schemas.jobs import JobOut
from api.schemas.uploads import UploadIn, UploadOut
from shared import uploads
from shared.clips import Told
from shared.db import transaction
from shared.errors import (
    BadDeadline,
    BadRecordedAt,
    IdempotencyMismatch,
    IdempotencySpent,
    NotAVideo,
    NotFound,
    StorageUnavailable,
    TooManyJobs,
    UnknownBundle,
    UploadFinal,
    UploadHashMismatch,
    UploadMissing,
    UploadSizeMismatch,
    UploadTooLarge,
)
from shared.models import UploadState

bp = blueprint("uploads")


@bp.post("/uploads")
@bp.input(UploadIn)
@bp.input(ClipHeaders, location="headers")
@bp.output(UploadOut, status_code=201, headers=Created)
@bp.doc(
    extensions=raises(
        NotFound,
        BadRecordedAt,
        BadDeadline,
        UnknownBundle,
        UploadTooLarge,
        IdempotencyMismatch,
        IdempotencySpent,
        StorageUnavailable,
    )
)
def create_upload(
    json_data: UploadIn, headers_data: ClipHeaders
) -> tuple[UploadOut, int, dict[str, str]]:
    """Announce a file and get signed URLs to send it to.

    A file above 16 MB is sent in parts, in any order and each as often as needed. With an
    `Idempotency-Key` the same request gets the same upload, with fresh URLs.
    """
    asked = json_data
    told = Told(
        *(asked.recorded_at, asked.reason, asked.tags, asked.note),
        *(asked.retention, asked.retention_days),
    )
    key, deadline = headers_data.idempotency_key, asked.expires_at
    request = intake.Request(
        auth.account_id(), asked.pet_id, told, key, deadline, asked.force, asked.bundle
    )
    sha256 = bytes.fromhex(asked.sha256)
    upload = intake.announce(request, size_bytes=asked.size_bytes, sha256=sha256)
    return UploadOut.of(upload), 201, {"Location": f"/v1/uploads/{upload.id}"}


@bp.get("/uploads/<uuid:upload_id>")
@bp.output(UploadOut)
@bp.doc(extensions=raises(StorageUnavailable))
def read_upload(upload_id: uuid.UUID) -> UploadOut:
    """Read an upload: which parts have arrived, and fresh URLs for those that have not."""
    with transaction() as session:
        upload = uploads.get(session, auth.account_id(), upload_id)
    in_parts = upload.state == UploadState.WAITING and upload.part_bytes is not None
    return UploadOut.of(upload, arrived=uploads.arrived(upload) if in_parts else None)


@bp.post("/uploads/<uuid:upload_id>/complete")
@bp.output(JobOut, status_code=202, headers=Created)
@bp.doc(
    responses={200: DUPLICATE},
    extensions=raises(
        UploadMissing,
        UploadSizeMismatch,
        UploadHashMismatch,
        NotAVideo,
        UploadFinal,
        TooManyJobs,
        StorageUnavailable,
    ),
)
def complete_upload(upload_id: uuid.UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Check the bytes that arrived and queue their analysis; a second time gives the same job.

    After a mismatch the upload still waits: read it for fresh URLs and send the bytes again. The
    announced bytes that are no video never become one: that upload is canceled.
    """
    return intake.created(intake.complete(auth.account_id(), upload_id))


@bp.delete("/uploads/<uuid:upload_id>")
@bp.output({}, status_code=204)
@bp.doc(extensions=raises(UploadFinal))
def cancel_upload(upload_id: uuid.UUID) -> str:
    """Cancel a waiting upload; what has arrived is deleted."""
    with transaction() as session:
        uploads.cancel(session, auth.account_id(), upload_id)
    return ""
