"""Uploads below HTTP: the rows that the database refuses, the sizes of parts, what is forgotten."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared import uploads
from shared.clips import Told
from shared.db import transaction
from shared.errors import NotFound, UploadFinal
from shared.models import Reason, Upload, UploadState
from shared.storage import MOST_LISTED_PARTS
from shared.uploads import LARGEST_SINGLE_BYTES, Announced
from tests.factories import make_clip, make_job, make_pet, owed_deletions

MIB = 1 << 20
MOST_S3_PARTS = 10_000
SMALLEST_S3_PART_BYTES = 5 * MIB


@pytest.fixture
def upload(servers):
    return make_upload()


def make_upload(pet=None, *, size_bytes=1000, multipart_id=None):
    pet = pet or make_pet()
    announced = Announced(size_bytes, bytes(32), Told(None, Reason.ROUTINE, [], None), None, False)
    with transaction() as session:
        upload_id = uploads.reserve(session)
        return uploads.create(
            session, pet, announced, upload_id=upload_id, multipart_id=multipart_id
        )


def set_upload(upload, what):
    with transaction() as session:
        session.execute(text(f"UPDATE uploads SET {what} WHERE id = :id"), {"id": upload.id})


def read(upload):
    with transaction() as session:
        return session.get(Upload, upload.id)


def complete(upload):
    job = make_job(make_clip(make_pet()))
    with transaction() as session:
        locked = uploads.lock(session, upload.account_id, upload.id)
        uploads.complete(session, locked, job)
    return job


@given(st.integers(LARGEST_SINGLE_BYTES + 1, 50_000 * MIB))
def test_parts_are_as_large_and_as_many_as_s3_takes(size_bytes):
    upload = Upload(size_bytes=size_bytes, part_bytes=uploads.part_bytes(size_bytes))
    pieces = list(uploads.pieces(upload))
    assert len(pieces) <= min(MOST_S3_PARTS, MOST_LISTED_PARTS)
    assert all(piece.size_bytes >= SMALLEST_S3_PART_BYTES for piece in pieces[:-1])
    assert 0 < pieces[-1].size_bytes <= pieces[0].size_bytes
    ends = [piece.offset_bytes + piece.size_bytes for piece in pieces]
    assert [piece.offset_bytes for piece in pieces] == [0, *ends[:-1]]
    assert ends[-1] == size_bytes


@pytest.mark.parametrize("size_bytes", [1, LARGEST_SINGLE_BYTES])
def test_a_small_file_is_sent_in_one_piece(size_bytes):
    assert uploads.part_bytes(size_bytes) is None


def test_everything_that_may_be_sent_is_owed_to_the_sweep_from_the_beginning(upload):
    assert owed_deletions(f"uploads/{upload.id}/") == 1
    assert owed_deletions(f"clips/{upload.id}/") == 1


@pytest.mark.parametrize("state", ["canceled", "expired"])
def test_an_upload_that_has_ended_cannot_change(upload, state):
    set_upload(upload, f"state = '{state}'")
    for what in ("state = 'waiting'", "expires_at = now() + interval '1 day'"):
        with pytest.raises(IntegrityError, match="has ended"):
            set_upload(upload, what)


@pytest.mark.parametrize(
    "what",
    [
        "state = 'completed'",  # without a job
        "state = 'lost'",
        "size_bytes = 0",
        "sha256 = 'ab'",
        "multipart_id = 'x'",  # without the size of its parts
    ],
)
def test_the_database_refuses_what_cannot_be(upload, what):
    with pytest.raises(IntegrityError):
        set_upload(upload, what)


def test_only_a_waiting_upload_in_time_can_go_on(upload):
    uploads.check_waiting(read(upload))
    set_upload(upload, "expires_at = now()")
    with pytest.raises(UploadFinal):
        uploads.check_waiting(read(upload))


def test_the_sweep_ends_what_is_overdue_and_nothing_else(upload):
    other = make_upload()
    set_upload(upload, "expires_at = now()")
    with transaction() as session:
        assert uploads.expire_overdue(session) >= 1
    assert (read(upload).state, read(other).state) == (UploadState.EXPIRED, UploadState.WAITING)


def test_old_uploads_are_forgotten_but_never_a_waiting_one(upload):
    ended = make_upload()
    set_upload(ended, "state = 'canceled', expires_at = now() - interval '8 days'")
    set_upload(upload, "expires_at = now() - interval '8 days'")
    with transaction() as session:
        uploads.purge(session)
    assert (read(ended), read(upload).state) == (None, UploadState.WAITING)


def test_a_completed_upload_names_its_job_and_its_raw_bytes_go_at_once(upload):
    job = complete(upload)
    assert (read(upload).state, read(upload).job_id) == (UploadState.COMPLETED, job.id)
    with transaction() as session:
        due = text("SELECT due_at <= now() FROM deletions WHERE prefix = :prefix")
        assert session.scalar(due, {"prefix": uploads.raw_key(upload.id)})


def test_new_parts_are_taken_once(servers):
    upload = make_upload(size_bytes=20 * MIB, multipart_id="first")
    for fresh in ("second", "third"):  # the twin, too, has read the upload when it had the first
        with transaction() as session:
            uploads.take_parts(session, upload, fresh)
    assert read(upload).multipart_id == "second"


def test_an_upload_is_read_by_its_account_only(upload):
    with transaction() as session, pytest.raises(NotFound):
        uploads.get(session, uuid.uuid4(), upload.id)
