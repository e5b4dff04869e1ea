"""From an uploaded file to an accepted clip with its job, whichever way the bytes came."""

import hashlib
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import flask
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from api.schemas.jobs import JobOut
from shared import clips, idempotency, jobs, pets, storage, uploads
from shared.clips import StoredFile, Told
from shared.db import single, transaction
from shared.errors import NotAForm, NotAVideo, UploadFinal, UploadHashMismatch, UploadRefused
from shared.jobs import Reserved
from shared.models import Job, Upload
from shared.settings import settings
from shared.uploads import Announced
from shared.ways import Way

CHUNK_BYTES = 1 << 20
FORM_OVERHEAD_BYTES = 100_000  # the other fields of a multipart request

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One create request: whose pet, what the owner told, and the key against doubles."""

    account_id: uuid.UUID
    pet_id: uuid.UUID
    told: Told
    idempotency_key: str | None
    expires_at: datetime | None = None
    force: bool = False
    bundle: str | None = None

    def check(self) -> None:
        """Refuse before any byte is stored. Raises BadRecordedAt, BadDeadline, UnknownBundle."""
        jobs.checked_bundle(self.bundle)
        clips.checked_recorded_at(self.told.recorded_at)
        jobs.checked_deadline(self.expires_at)

    def fingerprint(self, *, of: bytes) -> bytes:
        """Tell this request from another one that is sent with the same key."""
        said = f"{self.pet_id}|{self.told}|{self.expires_at}|{self.force}|"
        if self.bundle is not None:
            said += f"{self.bundle}|"
        return hashlib.sha256(said.encode() + of).digest()


def allow_upload() -> None:
    """Let the form that brings a clip be as large as a clip may be. Raises NotAForm."""
    if flask.request.method != "POST":
        return
    if flask.request.mimetype != "multipart/form-data":
        raise NotAForm
    flask.request.max_content_length = settings().max_upload_mb * 1_000_000 + FORM_OVERHEAD_BYTES


# --- a file in the request -------------------------------------------------------------------


def take(request: Request, upload: FileStorage) -> Answer:
    """Store the file and queue its analysis once; give the job as it was answered.

    Raises NotFound for another account's pet, UploadRefused, BadRecordedAt, BadDeadline,
    IdempotencyMismatch, IdempotencySpent, TooManyJobs.
    """
    content = clips.measure(iter(partial(upload.stream.read, CHUNK_BYTES), b""))
    fingerprint = request.fingerprint(of=content.sha256)
    with single() as way:
        before = _before(way, request, fingerprint)
        if before is not None:
            return before
        request.check()  # not before: a request may be repeated after its deadline
        found = _reserve(way, request, content.sha256)
    if found.same is not None:
        return _answer_same(request, fingerprint, found.same)
    file = content.under(found.clip_id)
    upload.stream.seek(0, os.SEEK_SET)
    storage.put(clips.media_key(found.clip_id), upload.stream, content_type=file.content_type)
    return _accept_once(request, fingerprint, file)


def _before(way: Way, request: Request, fingerprint: bytes) -> Answer | None:
    """Give what the same request was answered."""
    if request.idempotency_key is None:
        return None
    return idempotency.find(way, request.account_id, request.idempotency_key, fingerprint)


def _reserve(way: Way, request: Request, sha256: bytes) -> Reserved:
    return jobs.reserve(
        way,
        request.account_id,
        request.pet_id,
        sha256,
        bundle=request.bundle,
        force=request.force,
    )


def _answer_same(request: Request, fingerprint: bytes, job_id: uuid.UUID) -> Answer:
    with transaction() as session:
        job = jobs.get(session, request.account_id, job_id)
        return _once(session, request, fingerprint, lambda: _answer(job, is_duplicate=True))


def _accept_once(request: Request, fingerprint: bytes, file: StoredFile) -> Answer:
    """Accept the clip, by a single statement where no answer is to be kept with it."""
    if request.idempotency_key is None:
        with single() as way:
            return _accept(way, request, file)
    with transaction() as session:
        return _once(session, request, fingerprint, lambda: _accept(session, request, file))


def _accept(way: Way, request: Request, file: StoredFile) -> Answer:
    job = jobs.accept(
        way,
        file,
        request.told,
        account_id=request.account_id,
        pet_id=request.pet_id,
        expires_at=jobs.checked_deadline(request.expires_at),
        bundle=request.bundle,
    )
    return _answer(job, is_duplicate=False)


def _once(
    session: Session, request: Request, fingerprint: bytes, make: Callable[[], Answer]
) -> Answer:
    """Make the answer, or repeat the one that was made for the request's key."""
    account_id, key = request.account_id, request.idempotency_key
    if key is None:
        return make()
    before = idempotency.begin(session, account_id, key, fingerprint)
    if before is not None:
        return before
    answer = make()
    idempotency.keep(session, account_id, key, answer)
    return answer


def created(answer: Answer) -> tuple[Answer, int, dict[str, str]]:
    """Give the body, status and headers of an answer: 200 when nothing new was made."""
    status = HTTPStatus.OK if answer["duplicate_of"] else HTTPStatus.ACCEPTED
    return answer, status, {"Location": f"/v1/jobs/{answer['id']}"}


def _answer(job: Job, *, is_duplicate: bool) -> Answer:
    answer = JobOut.of(job)
    answer.duplicate_of = job.id if is_duplicate else None
    return answer.model_dump(mode="json")


# --- bytes that go straight to storage -------------------------------------------------------


def announce(request: Request, *, size_bytes: int, sha256: bytes) -> Upload:
    """Open an upload once. Raises as `take` does, and UploadTooLarge."""
    uploads.check_size(size_bytes)
    fingerprint = request.fingerprint(of=b"upload|%d|" % size_bytes + sha256)
    with transaction() as session:
        before = _opened(session, request, fingerprint)
        if before is not None:
            return before
        request.check()  # not before: a request may be repeated after its deadline
        upload_id = uploads.reserve(session)
    multipart_id = uploads.start_parts(upload_id, size_bytes)
    deadline = jobs.checked_deadline(request.expires_at)
    announced = Announced(size_bytes, sha256, request.told, deadline, request.force, request.bundle)

    def create() -> Answer:
        pet = pets.get(session, request.account_id, request.pet_id)
        made = uploads.create(
            session, pet, announced, upload_id=upload_id, multipart_id=multipart_id
        )
        return {"upload_id": str(made.id)}  # its signed URLs are no answer to keep

    with transaction() as session:
        answer = _once(session, request, fingerprint, create)
        return uploads.get(session, request.account_id, uuid.UUID(answer["upload_id"]))


def _opened(session: Session, request: Request, fingerprint: bytes) -> Upload | None:
    account_id, key = request.account_id, request.idempotency_key
    before = key and idempotency.find(session, account_id, key, fingerprint)
    pets.get(session, account_id, request.pet_id)  # not before: its deletion has spent the key
    return uploads.get(session, account_id, uuid.UUID(before["upload_id"])) if before else None


def complete(account_id: uuid.UUID, upload_id: uuid.UUID) -> Answer:
    """Check the bytes that arrived and queue their analysis once; give the job.

    Raises NotFound, UploadFinal, UploadRefused, TooManyJobs.
    """
    try:
        return _completed(account_id, upload_id) or _complete(account_id, upload_id)
    except (UploadRefused, UploadFinal):
        # A twin of this request may have been faster, and the bytes gone on with it.
        answer = _completed(account_id, upload_id)
        if answer is None:
            raise
        return answer


def _completed(account_id: uuid.UUID, upload_id: uuid.UUID) -> Answer | None:
    with transaction() as session:
        upload = uploads.get(session, account_id, upload_id)
        return _answer_for(session, upload) if upload.job_id else None


def _answer_for(session: Session, upload: Upload) -> Answer:
    assert upload.job_id is not None
    job = jobs.get(session, upload.account_id, upload.job_id)
    return _answer(job, is_duplicate=job.clip_id != upload.id)


def _complete(account_id: uuid.UUID, upload_id: uuid.UUID) -> Answer:
    with transaction() as session:
        upload = uploads.get(session, account_id, upload_id)
        uploads.check_waiting(upload)
        jobs.check_room(session, account_id)
    file, etag = _verified(upload)
    with transaction() as session:
        same = _same(session, upload)
    if same is None:
        uploads.adopt(upload, file, etag)
    with transaction() as session:
        upload = uploads.lock(session, account_id, upload_id)
        if upload.job_id is None:
            uploads.check_waiting(upload)
            uploads.complete(session, upload, same or _submit(session, upload, file))
        return _answer_for(session, upload)


def _verified(upload: Upload) -> tuple[StoredFile, str]:
    try:
        return uploads.verify(upload)
    except UploadHashMismatch:
        fresh = uploads.start_parts(upload.id, upload.size_bytes)
        if fresh is not None:
            with transaction() as session:
                uploads.take_parts(session, upload, fresh)
        raise
    except NotAVideo:  # and these are the bytes that were announced: no others will do
        with transaction() as session:
            uploads.cancel(session, upload.account_id, upload.id)
        raise


def _same(session: Session, upload: Upload) -> Job | None:
    if upload.force:
        return None
    account_id, pet_id = upload.account_id, upload.pet_id
    return jobs.find_same(session, account_id, pet_id, upload.sha256, bundle=upload.bundle)


def _submit(session: Session, upload: Upload, file: StoredFile) -> Job:
    return jobs.accept(
        session,
        file,
        uploads.told(upload),
        account_id=upload.account_id,
        pet_id=upload.pet_id,
        expires_at=upload.job_expires_at,
        bundle=upload.bundle,
    )
