"""An upload in requests and answers."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, Field, StrictBool, StringConstraints

from api.schemas.base import IsoTime, Name, Text
from api.schemas.clips import BUNDLE, DEADLINE, FORCE, Keeping, TagList
from shared import storage, uploads
from shared.models import Reason, Upload, UploadState
from shared.settings import settings
from shared.uploads import Piece

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]


class UploadIn(Keeping):
    """A clip whose bytes will be sent straight to storage."""

    pet_id: uuid.UUID
    size_bytes: int = Field(strict=True, ge=1, le=2**53, description="Exact size of the file.")
    sha256: Sha256 = Field(description="SHA-256 of the file in hex; compared with what arrives.")
    recorded_at: IsoTime | None = Field(
        None,
        description="When it was filmed (ISO 8601; UTC unless it says otherwise); default now.",
    )
    reason: Reason = Field(Reason.OTHER, description="Why it was filmed.")
    tags: TagList = Field([])
    note: Text | None = None
    expires_at: IsoTime | None = Field(None, description=DEADLINE)
    force: StrictBool = Field(False, description=FORCE)
    bundle: Name | None = Field(None, description=BUNDLE)


class PartOut(BaseModel):
    """One part of a file that is sent in parts."""

    number: int
    offset_bytes: int = Field(description="Where in the file the part begins.")
    size_bytes: int
    has_arrived: bool
    url: str | None = Field(description="PUT the part's bytes here; null when it has arrived.")


class UploadOut(BaseModel):
    """Bytes on their way into storage. The clip that they become takes over the id.

    While it waits, PUT the file to `url` with `headers`, or each of the `parts` to its own `url`;
    then complete it. Read it again for fresh URLs and to see which parts have arrived.
    """

    id: uuid.UUID
    pet_id: uuid.UUID
    state: UploadState
    size_bytes: int
    sha256: str
    created_at: datetime
    expires_at: datetime = Field(description="When a waiting upload ends by itself.")
    job_expires_at: datetime | None = Field(description="The deadline of the analysis.")
    job_id: uuid.UUID | None = Field(description="The job, once completed.")
    clip_id: uuid.UUID | None = Field(
        description="The clip, once completed; an earlier one where its bytes were analysed before."
    )
    url: str | None = Field(description="PUT the whole file here; null when it is sent in parts.")
    headers: dict[str, str] = Field(description="Headers that go with the PUT to `url`.")
    parts: list[PartOut] = Field(description="Empty when the file is sent in one piece.")
    urls_expire_at: datetime | None = Field(description="How long the URLs are good for.")

    @classmethod
    def of(cls, upload: Upload, *, arrived: set[int] | None = None) -> Self:
        """Present an upload with fresh URLs for what has not arrived."""
        url_s = _url_s(upload)
        single = url_s > 0 and upload.part_bytes is None
        in_parts = url_s > 0 and upload.part_bytes is not None
        return cls(
            id=upload.id,
            pet_id=upload.pet_id,
            state=UploadState(upload.state),
            size_bytes=upload.size_bytes,
            sha256=upload.sha256.hex(),
            created_at=upload.created_at,
            expires_at=upload.expires_at,
            job_expires_at=upload.job_expires_at,
            job_id=upload.job_id,
            clip_id=upload.clip_id,
            url=_url(upload, url_s) if single else None,
            headers=_headers(upload) if single else {},
            parts=_parts(upload, arrived or set(), url_s) if in_parts else [],
            urls_expire_at=_until(url_s) if url_s > 0 else None,
        )


def _url_s(upload: Upload) -> int:
    """Tell how long a URL may be good for: no longer than the upload waits."""
    if upload.state != UploadState.WAITING:
        return 0
    left_s = (upload.expires_at - datetime.now(UTC)).total_seconds()
    return min(settings().upload_url_s, int(left_s))


def _until(url_s: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=url_s)


def _headers(upload: Upload) -> dict[str, str]:
    return {"Content-Type": uploads.RAW_TYPE, "Content-Length": str(upload.size_bytes)}


def _url(upload: Upload, url_s: int) -> str:
    return storage.signed_put_url(
        uploads.raw_key(upload.id),
        size_bytes=upload.size_bytes,
        content_type=uploads.RAW_TYPE,
        for_s=url_s,
    )


def _parts(upload: Upload, arrived: set[int], url_s: int) -> list[PartOut]:
    return [
        PartOut(
            number=piece.number,
            offset_bytes=piece.offset_bytes,
            size_bytes=piece.size_bytes,
            has_arrived=piece.number in arrived,
            url=None if piece.number in arrived else _part_url(upload, piece, url_s),
        )
        for piece in uploads.pieces(upload)
    ]


def _part_url(upload: Upload, piece: Piece, url_s: int) -> str:
    assert upload.multipart_id is not None
    return storage.signed_part_url(
        uploads.raw_key(upload.id),
        upload.multipart_id,
        piece.number,
        size_bytes=piece.size_bytes,
        for_s=url_s,
    )
