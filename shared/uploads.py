"""Uploads: bytes that a client sends straight to storage, and what becomes of them.

Signed URLs write below `uploads/{id}/` and nowhere else; what was checked is copied to the clip's
own key, so that no late or doubled request can touch it. That folder is owed a deletion from the
beginning, for a time when no URL works any more. Knows nothing of Flask.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from shared import clips, deletions, storage
from shared.clips import StoredFile, Told
from shared.errors import (
    MediaMissing,
    NotFound,
    UploadFinal,
    UploadHashMismatch,
    UploadMissing,
    UploadSizeMismatch,
    UploadTooLarge,
)
from shared.models import Job, Pet, Reason, Retention, Upload, UploadState
from shared.settings import settings
from shared.storage import Part

LARGEST_SINGLE_BYTES = 16_000_000
PART_BYTES = 8 << 20  # more than the 5 MiB that S3 asks for, and few enough to send again
MOST_PARTS = 1000
RAW_TYPE = "application/octet-stream"  # what a signed PUT must say; the true type is sniffed
LATE_S = 900.0  # a PUT may still run when its URL ends
KEPT_DAYS = 7

EXPIRE = text("""
UPDATE uploads SET state = 'expired' WHERE state = 'waiting' AND expires_at <= now() RETURNING id
""")
PURGE = text("""
DELETE FROM uploads
 WHERE state <> 'waiting' AND expires_at < now() - make_interval(days => :kept_days)
""")


@dataclass(frozen=True, slots=True)
class Announced:
    """What a client says that it will send."""

    size_bytes: int
    sha256: bytes
    told: Told
    job_expires_at: datetime | None
    force: bool
    bundle: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of the file that is sent as one part."""

    number: int
    offset_bytes: int
    size_bytes: int


# --- rows ------------------------------------------------------------------------------------


def reserve(session: Session) -> uuid.UUID:
    """Choose an upload's id, and owe the deletion of all that may ever be sent to it."""
    for_s = settings().upload_ttl_s + LATE_S
    upload_id = clips.reserve(session, for_s=for_s)
    deletions.owe(session, deletions.upload_prefix(upload_id), delay_s=for_s)
    return upload_id


def create(
    session: Session,
    pet: Pet,
    announced: Announced,
    *,
    upload_id: uuid.UUID,
    multipart_id: str | None,
) -> Upload:
    """Open an upload. It ends no later than the deadline of the analysis."""
    told = announced.told
    until = func.now() + timedelta(seconds=settings().upload_ttl_s)
    upload = Upload(
        id=upload_id,
        account_id=pet.account_id,
        pet_id=pet.id,
        size_bytes=announced.size_bytes,
        sha256=announced.sha256,
        part_bytes=part_bytes(announced.size_bytes),
        multipart_id=multipart_id,
        recorded_at=clips.checked_recorded_at(told.recorded_at),
        reason=told.reason,
        tags=told.tags,
        note=told.note,
        retention=told.retention,
        retention_days=told.retention_days,
        force=announced.force,
        bundle=announced.bundle,
        job_expires_at=announced.job_expires_at,
        expires_at=func.least(until, announced.job_expires_at),
    )
    session.add(upload)
    session.flush()
    session.refresh(upload)
    return upload


def get(session: Session, account_id: uuid.UUID, upload_id: uuid.UUID) -> Upload:
    """Read an upload of an account. Raises NotFound."""
    query = select(Upload).where(Upload.account_id == account_id, Upload.id == upload_id)
    upload = session.scalar(query)
    if upload is None:
        raise NotFound
    return upload


def lock(session: Session, account_id: uuid.UUID, upload_id: uuid.UUID) -> Upload:
    """Read an upload that nobody else can end before this transaction does. Raises NotFound."""
    upload = get(session, account_id, upload_id)
    session.refresh(upload, with_for_update=True)
    return upload


def check_waiting(upload: Upload) -> None:
    """Raise UploadFinal when the upload has ended or its time is over."""
    if upload.state != UploadState.WAITING or upload.expires_at <= datetime.now(UTC):
        raise UploadFinal


def complete(session: Session, upload: Upload, job: Job) -> None:
    """Say which job answers for the upload; its raw bytes go."""
    upload.state, upload.job_id = UploadState.COMPLETED, job.id
    session.flush()
    deletions.owe(session, raw_key(upload.id))


def cancel(session: Session, account_id: uuid.UUID, upload_id: uuid.UUID) -> None:
    """End a waiting upload; what has arrived goes. Raises NotFound, UploadFinal."""
    upload = lock(session, account_id, upload_id)
    if upload.state == UploadState.CANCELED:
        return
    check_waiting(upload)
    upload.state = UploadState.CANCELED
    deletions.owe(session, raw_key(upload.id))


def take_parts(session: Session, upload: Upload, multipart_id: str) -> None:
    """Let an upload, whose joined parts turned out wrong, wait for new ones."""
    session.execute(
        update(Upload)
        .where(Upload.id == upload.id, Upload.state == UploadState.WAITING)
        .where(Upload.multipart_id == upload.multipart_id)  # a twin's new parts stay
        .values(multipart_id=multipart_id)
    )


def expire_overdue(session: Session) -> int:
    """End the uploads that nobody completed in time; their bytes are owed a deletion already."""
    return len(session.execute(EXPIRE).all())


def purge(session: Session) -> None:
    """Forget uploads that ended long ago."""
    session.execute(PURGE, {"kept_days": KEPT_DAYS})


# --- bytes -----------------------------------------------------------------------------------


def raw_key(upload_id: uuid.UUID) -> str:
    """Name the object that the upload's signed URLs write."""
    return f"{deletions.upload_prefix(upload_id)}{deletions.RAW}"


def check_size(size_bytes: int) -> None:
    """Raise UploadTooLarge when a file of this size is not accepted."""
    if size_bytes > settings().max_upload_mb * 1_000_000:
        raise UploadTooLarge(f"A clip's file may have {settings().max_upload_mb} MB.")


def part_bytes(size_bytes: int) -> int | None:
    """Give the size of the parts that a file is sent in; None when it is sent in one piece."""
    if size_bytes <= LARGEST_SINGLE_BYTES:
        return None
    return max(PART_BYTES, -(-size_bytes // MOST_PARTS))


def start_parts(upload_id: uuid.UUID, size_bytes: int) -> str | None:
    """Begin the parts at the storage; None when the file is sent in one piece."""
    return None if part_bytes(size_bytes) is None else storage.start_parts(raw_key(upload_id))


def pieces(upload: Upload) -> Iterator[Piece]:
    """List the parts that the file is sent in."""
    assert upload.part_bytes is not None
    for index, offset in enumerate(range(0, upload.size_bytes, upload.part_bytes)):
        size_bytes = min(upload.part_bytes, upload.size_bytes - offset)
        yield Piece(index + 1, offset, size_bytes)


def arrived(upload: Upload) -> set[int]:
    """Ask the storage which parts have arrived whole."""
    try:
        return {part.number for part in _whole_parts(upload)}
    except MediaMissing:  # joined, by a request to complete that did not come to its end
        return {piece.number for piece in pieces(upload)}


def verify(upload: Upload) -> tuple[StoredFile, str]:
    """Read what arrived and compare it with what was announced; give it with its ETag.

    Raises UploadMissing, UploadSizeMismatch, UploadHashMismatch, NotAVideo.
    """
    _join(upload)
    try:
        with storage.read(raw_key(upload.id)) as stored:
            if stored.size_bytes != upload.size_bytes:
                raise UploadSizeMismatch
            content = clips.measure(stored.chunks)
    except MediaMissing as error:
        raise UploadMissing from error
    if content.sha256 != upload.sha256:
        raise UploadHashMismatch
    return content.under(upload.id), stored.etag


def adopt(upload: Upload, file: StoredFile, etag: str) -> None:
    """Copy what was verified to the clip's own key. Raises UploadMissing when it changed since."""
    try:
        storage.copy(
            raw_key(upload.id),
            clips.media_key(upload.id),
            etag=etag,
            content_type=file.content_type,
        )
    except MediaMissing as error:
        raise UploadMissing("The bytes changed while they were checked; try again.") from error


def told(upload: Upload) -> Told:
    """Repeat what the owner said about the clip to come."""
    return Told(
        upload.recorded_at,
        Reason(upload.reason),
        upload.tags,
        upload.note,
        Retention(upload.retention),
        upload.retention_days,
    )


def _join(upload: Upload) -> None:
    """Make one object of the parts; when a twin was faster, it is there already."""
    if upload.multipart_id is None:
        return
    try:
        found = _whole_parts(upload)
        missing = {piece.number for piece in pieces(upload)} - {part.number for part in found}
        if missing:
            numbers = ", ".join(map(str, sorted(missing)))
            raise UploadMissing(f"These parts have not arrived: {numbers}.")
        storage.join_parts(raw_key(upload.id), upload.multipart_id, found)
    except MediaMissing:
        return


def _whole_parts(upload: Upload) -> list[Part]:
    assert upload.multipart_id is not None
    sizes = {piece.number: piece.size_bytes for piece in pieces(upload)}
    found = storage.parts(raw_key(upload.id), upload.multipart_id)
    return [part for part in found if part.size_bytes == sizes.get(part.number)]
