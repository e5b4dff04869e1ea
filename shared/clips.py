"""Clips: from bytes under a reserved key to a row that a job can work on."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, exists, func, select, update
from sqlalchemy.orm import Session, joinedload
from uuid_utils.compat import uuid7

from shared import deletions
from shared.deletions import Receipt
from shared.errors import (
    BadRecordedAt,
    MediaExpired,
    NotAVideo,
    NotFound,
    UploadEmpty,
)
from shared.models import Assessment, Clip, Job, Pet, Reason, Retention

ABANDONED_AFTER_S = 3600.0  # a reserved key without a clip is swept then
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_TOLERANCE = timedelta(minutes=5)  # phones run ahead
SNIFFED_BYTES = 4096
UNANALYSED_DAYS = 7  # how long media waits that is kept for an analysis which never succeeds

# For the statement that makes a clip with its job: it says by `{room}` whether it may. The
# reservation goes with it, and media that is not kept is owed a deletion.
ACCEPTED = """
taken AS (DELETE FROM deletions WHERE prefix = :reserved AND {room} RETURNING prefix),
accepted AS (
    INSERT INTO clips (id, account_id, pet_id, storage_key, sha256, size_bytes, content_type,
                       recorded_at, reason, tags, note, retention, media_expires_at)
    SELECT :clip_id, :account_id, :pet_id, :storage_key, :sha256, :size_bytes, :content_type,
           :recorded_at, :reason, CAST(:tags AS text[]), :note, :retention,
           now() + make_interval(days => CAST(:kept_days AS int))
      FROM taken
    RETURNING *),
doomed AS (
    INSERT INTO deletions (prefix, due_at)
    SELECT storage_key, media_expires_at FROM accepted WHERE media_expires_at IS NOT NULL),
"""

QUICKTIME_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
STILL_BRANDS = (b"heic", b"heix", b"mif1", b"avif")
TS_PACKET_BYTES = 188


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes in object storage that no clip owns yet."""

    clip_id: uuid.UUID
    sha256: bytes
    size_bytes: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Content:
    """What was learned from bytes as they passed."""

    sha256: bytes
    size_bytes: int
    head: bytes

    def under(self, clip_id: uuid.UUID) -> StoredFile:
        """Describe these bytes as the file of a clip to come. Raises UploadEmpty, NotAVideo."""
        if not self.head:
            raise UploadEmpty
        return StoredFile(clip_id, self.sha256, self.size_bytes, sniff(self.head))


@dataclass(frozen=True, slots=True)
class Told:
    """What the owner says about a clip."""

    recorded_at: datetime | None
    reason: Reason
    tags: list[str]
    note: str | None
    retention: Retention = Retention.KEEP
    retention_days: int | None = None

    def kept_days(self) -> int | None:
        """Tell how long the media stays at most; None: as long as the clip."""
        return most_days(self.retention, self.retention_days)


def media_key(clip_id: uuid.UUID) -> str:
    """Name the object that holds a clip's media."""
    return f"{deletions.clip_prefix(clip_id)}{deletions.MEDIA}"


def reserve(session: Session, *, for_s: float = ABANDONED_AFTER_S) -> uuid.UUID:
    """Choose the id of a clip to come; what is stored under it goes unless a clip is accepted."""
    clip_id = uuid7()
    deletions.owe(session, deletions.clip_prefix(clip_id), delay_s=for_s)
    return clip_id


def measure(chunks: Iterable[bytes]) -> Content:
    """Hash and count bytes as they pass, and keep the first."""
    digest, size_bytes, head = hashlib.sha256(), 0, b""
    for chunk in chunks:
        head = head or chunk[:SNIFFED_BYTES]
        digest.update(chunk)
        size_bytes += len(chunk)
    return Content(digest.digest(), size_bytes, head)


def columns(file: StoredFile, told: Told) -> dict[str, Any]:
    """Give what ACCEPTED stores of a file and of what was told. Raises BadRecordedAt."""
    return {
        "reserved": deletions.clip_prefix(file.clip_id),
        "clip_id": file.clip_id,
        "storage_key": media_key(file.clip_id),
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "content_type": file.content_type,
        "recorded_at": checked_recorded_at(told.recorded_at),
        "reason": told.reason,
        "tags": told.tags,
        "note": told.note,
        "retention": told.retention,
        "kept_days": told.kept_days(),
    }


def most_days(retention: Retention, retention_days: int | None) -> int | None:
    """Tell how long media stays that has no result yet; None: as long as the clip."""
    after_analysis = retention is Retention.DELETE_AFTER_ANALYSIS
    return UNANALYSED_DAYS if after_analysis else retention_days


def _let_expire(session: Session, clip: Clip, days: int | None) -> None:
    """Owe the deletion of a clip's media in so many days; None: keep it."""
    clip.media_expires_at = None if days is None else func.now() + timedelta(days=days)
    if days is not None:
        deletions.owe(session, clip.storage_key, delay_s=days * 86_400)


def checked_recorded_at(recorded_at: datetime | None) -> datetime:
    """Give a plausible time in UTC; now, when the owner did not say. Raises BadRecordedAt."""
    now = datetime.now(UTC)
    if recorded_at is None:
        return now
    aware = recorded_at if recorded_at.tzinfo else recorded_at.replace(tzinfo=UTC)
    if not EARLIEST <= aware <= now + CLOCK_TOLERANCE:
        raise BadRecordedAt
    return aware.astimezone(UTC)


def get(session: Session, account_id: uuid.UUID, clip_id: uuid.UUID) -> Clip:
    """Read a clip of an account with its pet. Raises NotFound."""
    clip = session.scalar(chosen(account_id).where(Clip.id == clip_id))
    if clip is None:
        raise NotFound
    return clip


def chosen(account_id: uuid.UUID, *, pet_id: uuid.UUID | None = None) -> Select[Clip]:
    """Select the clips of an account, each with its pet."""
    query = select(Clip).options(joinedload(Clip.pet)).where(Clip.account_id == account_id)
    return query if pet_id is None else query.where(Clip.pet_id == pet_id)


def move(session: Session, clip: Clip, pet: Pet) -> None:
    """Say that a clip shows another pet; its assessments follow it."""
    clip.pet = pet
    session.execute(update(Assessment).where(Assessment.clip_id == clip.id).values(pet_id=pet.id))


def tell(session: Session, clip: Clip, **told: Any) -> None:  # noqa: ANN401 - columns' values
    """Say anew why a clip was filmed (`reason`), its `tags` or its `note`; its assessments follow.

    Raises NotFound.
    """
    lock(session, clip)  # a result that is being written repeats the reason
    for name, said in told.items():
        setattr(clip, name, said)
    if "reason" in told:
        followers = update(Assessment).where(Assessment.clip_id == clip.id)
        session.execute(followers.values(reason=told["reason"]))


def lock(session: Session, clip: Clip) -> None:
    """Let nobody else change a clip, or queue a job of it, in this transaction. Raises NotFound."""
    query = chosen(clip.account_id).where(Clip.id == clip.id).with_for_update(of=Clip)
    if session.scalar(query.execution_options(populate_existing=True)) is None:
        raise NotFound


def keep(
    session: Session, clip: Clip, retention: Retention, retention_days: int | None = None
) -> None:
    """Say anew how long a clip's media is kept, counted from now.

    What is kept for its analysis only goes at once where that has ended with a result.
    Raises MediaExpired when the media is gone, or is just being deleted; NotFound.
    """
    lock(session, clip)  # before anything is decided: a result that is being written takes it too
    check_media(clip)
    if clip.media_expires_at is not None and not deletions.forget(session, clip.storage_key):
        raise MediaExpired
    days = most_days(retention, retention_days)
    if retention is Retention.DELETE_AFTER_ANALYSIS and _is_analysed(session, clip):
        days = 0
    clip.retention = retention
    _let_expire(session, clip, days)


def _is_analysed(session: Session, clip: Clip) -> bool:
    """Tell whether there is a result, and no further analysis on its way."""
    found = exists().where(Assessment.clip_id == clip.id)
    running = exists().where(Job.clip_id == clip.id, Job.finished_at.is_(None))
    return bool(session.scalar(select(found & ~running)))


def delete(session: Session, clip: Clip) -> Receipt:
    """Delete a clip with its jobs, assessments and stored objects; say what went."""
    receipt = deletions.receipt(session, deletions.CLIP, clip.id)
    session.delete(clip)
    session.flush()
    return receipt


def check_media(clip: Clip) -> None:
    """Raise MediaExpired when the media was to be kept no longer than until now."""
    if clip.media_expires_at is not None and clip.media_expires_at <= datetime.now(UTC):
        raise MediaExpired


def sniff(head: bytes) -> str:
    """Tell the content type of a video file from its first bytes. Raises NotAVideo."""
    if head[4:8] in QUICKTIME_BOXES and head[8:12] not in STILL_BRANDS:
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[:4] == b"\x00\x00\x01\xba":
        return "video/mpeg"
    if head[:1] == b"G" and head[TS_PACKET_BYTES : TS_PACKET_BYTES + 1] == b"G":
        return "video/mp2t"
    raise NotAVideo
