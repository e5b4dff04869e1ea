"""Clips: what a file is, when it was filmed, and the way from a reserved key to a row."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared import clips, deletions, jobs
from shared.clips import StoredFile, Told
from shared.db import transaction
from shared.errors import BadRecordedAt, NotAVideo, UploadRefused
from shared.models import Reason
from tests.factories import FILMED_AT, MP4, make_pet, owed_deletions

TOLD = Told(FILMED_AT, Reason.OTHER, [], None)


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (MP4, "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video/quicktime"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "video/mp4"),
        (b"\0\0\0\x08moov\0\0\0\0", "video/mp4"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x88matroska", "video/x-matroska"),
        (b"\0\0\x01\xba" + bytes(20), "video/mpeg"),
        (b"G" + bytes(187) + b"G" + bytes(187), "video/mp2t"),
    ],
)
def test_a_video_is_told_from_its_first_bytes(head, content_type):
    assert clips.sniff(head) == content_type


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0",
        b"Good dog",
        b"GIF89a" + bytes(300),
        b"RIFF\0\0\0\0WAVEfmt ",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"\x89PNG\r\n\x1a\n",
        b"\0\0\0\x18ftypheic",
        b"\0\0\0\x18ftypavif",
        b"%PDF-1.7",
        b"ID3\x03" + bytes(20),
        b"<html><video>",
    ],
)
def test_what_is_no_video_is_refused(head):
    with pytest.raises(NotAVideo):
        clips.sniff(head)


def test_a_time_without_a_zone_is_utc_and_one_with_a_zone_is_converted():
    naive = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - that is what is tested
    east = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert clips.checked_recorded_at(naive) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert clips.checked_recorded_at(east).isoformat() == "2026-03-01T10:00:00+00:00"


@pytest.mark.parametrize(
    "recorded_at",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime.min,  # noqa: DTZ901
        datetime.max,  # noqa: DTZ901
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_a_time_that_cannot_be_true_is_refused(recorded_at):
    with pytest.raises(BadRecordedAt):
        clips.checked_recorded_at(recorded_at)


def accept(pet, clip_id):
    with transaction() as session:
        file = StoredFile(clip_id, b"\0" * 32, 1, "video/mp4")
        return jobs.accept(session, file, TOLD, account_id=pet.account_id, pet_id=pet.id).clip


def test_a_reserved_key_is_owed_until_a_clip_is_accepted():
    pet = make_pet()
    with transaction() as session:
        clip_id = clips.reserve(session)
    assert owed_deletions(f"clips/{clip_id}/") == 1
    clip = accept(pet, clip_id)
    assert owed_deletions(f"clips/{clip_id}/") == 0
    assert clip.storage_key == f"clips/{clip_id}/media"


def test_an_upload_that_the_sweep_has_taken_is_refused():
    pet = make_pet()
    with transaction() as session:
        clip_id = clips.reserve(session)
        deletions.forget(session, f"clips/{clip_id}/")
    with pytest.raises(UploadRefused):
        accept(pet, clip_id)
