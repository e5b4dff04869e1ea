"""Uploads over HTTP: bytes go straight to the real storage by signed URLs, and are completed."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from sqlalchemy import text

from shared import storage
from shared.db import transaction
from shared.errors import MediaMissing
from tests.factories import MP4, RESULT, make_pet, owed_deletions, read_job, succeed
from worker import sweep

MIB = 1 << 20
http = urllib3.PoolManager()


def announce(api, pet, file=MP4, *, headers=None, **said):
    told = {"pet_id": str(pet.id), "size_bytes": len(file)}
    told |= {"sha256": hashlib.sha256(file).hexdigest()} | said
    return api.post("/v1/uploads", json=told, headers=headers or {})


def put(upload, file=MP4):
    kept = {name: said for name, said in upload["headers"].items() if name != "Content-Length"}
    return http.request("PUT", upload["url"], body=file, headers=kept).status


def put_parts(upload, file, numbers):
    for part in upload["parts"]:
        if part["number"] in numbers:
            start = part["offset_bytes"]
            body = file[start : start + part["size_bytes"]]
            assert http.request("PUT", part["url"], body=body).status == 200


def complete(api, upload):
    return api.post(f"/v1/uploads/{upload['id']}/complete")


def read(api, upload):
    return api.get(f"/v1/uploads/{upload['id']}").json


def is_stored(key):
    try:
        with storage.read(key):
            return True
    except MediaMissing:
        return False


def set_upload(upload, what):
    with transaction() as session:
        session.execute(text(f"UPDATE uploads SET {what} WHERE id = :id"), {"id": upload["id"]})


@pytest.fixture(scope="module")
def large():
    """A file that is sent in three parts, the last one small."""
    return MP4 + os.urandom(16 * MIB)


@pytest.fixture
def pet(account):
    return make_pet(account)


def test_a_file_is_put_and_becomes_a_clip_with_a_job(api, pet, tmp_path):
    sent = announce(api, pet, reason="worried", tags=["vet", "night", "vet"], note="barks")
    upload = sent.json
    assert (sent.status_code, upload["state"], upload["parts"]) == (201, "waiting", [])
    assert sent.headers["Location"] == f"/v1/uploads/{upload['id']}"
    assert put(upload) == 200
    done = complete(api, upload)
    assert (done.status_code, done.json["status"]) == (202, "queued")
    assert done.headers["Location"] == f"/v1/jobs/{done.json['id']}"
    clip = api.get(f"/v1/clips/{done.json['clip_id']}").json
    assert (clip["id"], clip["content_type"]) == (upload["id"], "video/mp4")
    assert (clip["reason"], clip["tags"], clip["note"]) == ("worried", ["night", "vet"], "barks")
    storage.get(f"clips/{clip['id']}/media", tmp_path / "media")
    assert (tmp_path / "media").read_bytes() == MP4
    after = read(api, upload)
    assert (after["state"], after["job_id"], after["url"]) == ("completed", done.json["id"], None)
    assert (upload["clip_id"], after["clip_id"]) == (None, clip["id"])


def test_a_large_file_is_sent_in_parts_and_goes_on_where_it_stopped(api, pet, large, tmp_path):
    upload = announce(api, pet, large).json
    assert upload["url"] is None
    assert [part["size_bytes"] for part in upload["parts"]] == [8 * MIB, 8 * MIB, len(MP4)]
    put_parts(upload, large, {2})
    refused = complete(api, upload)
    assert (refused.status_code, refused.json["code"]) == (422, "upload_missing")
    assert "1, 3" in refused.json["detail"]
    again = read(api, upload)
    assert [part["has_arrived"] for part in again["parts"]] == [False, True, False]
    assert again["parts"][1]["url"] is None
    put_parts(again, large, {1, 3})
    assert complete(api, upload).status_code == 202
    storage.get(f"clips/{upload['id']}/media", tmp_path / "media")
    assert (tmp_path / "media").read_bytes() == large


def test_parts_that_add_up_to_another_file_can_all_be_sent_again(api, pet, large):
    upload = announce(api, pet, large).json
    torn = large[: 8 * MIB] + bytes(8 * MIB) + large[16 * MIB :]
    put_parts(upload, torn, {1, 2, 3})
    assert complete(api, upload).json["code"] == "upload_hash_mismatch"
    again = read(api, upload)
    assert [part["has_arrived"] for part in again["parts"]] == [False, False, False]
    put_parts(again, large, {1, 2, 3})
    assert complete(api, upload).status_code == 202


@pytest.mark.parametrize(("is_large", "n_clients"), [(False, 8), (True, 3)])
def test_clients_that_complete_at_once_get_one_job(
    is_large, n_clients, api, pet, account, client_of, large
):
    upload = announce(api, pet, large if is_large else MP4).json
    put_parts(upload, large, {1, 2, 3}) if is_large else put(upload)
    start = threading.Barrier(n_clients)
    clients = [client_of(account) for _ in range(n_clients)]

    def race(client):
        start.wait()
        return complete(client, upload)

    with ThreadPoolExecutor(n_clients) as pool:
        answers = list(pool.map(race, clients))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(api.get("/v1/jobs").json["items"]) == 1
    assert complete(api, upload).json["id"] == answers[0].json["id"]


def test_the_storage_refuses_a_put_of_another_size_or_type(api, pet):
    upload = announce(api, pet).json
    assert put(upload, MP4[:-1]) == 403
    assert put(upload | {"headers": {"Content-Type": "text/html"}}) == 403
    assert complete(api, upload).json["code"] == "upload_missing"


def test_a_torn_object_is_refused_and_can_be_put_again(api, pet):
    upload = announce(api, pet).json
    with open(os.devnull, "rb") as nothing:  # as a storage that does not honour signed sizes
        storage.put(f"uploads/{upload['id']}/raw", nothing)
    refused = complete(api, upload)
    assert (refused.status_code, refused.json["code"]) == (422, "upload_size_mismatch")
    assert put(upload) == 200
    assert complete(api, upload).status_code == 202


def test_other_bytes_of_the_same_size_are_refused_and_can_be_put_again(api, pet):
    upload = announce(api, pet).json
    assert put(upload, bytes(len(MP4))) == 200
    refused = complete(api, upload)
    assert (refused.status_code, refused.json["code"]) == (422, "upload_hash_mismatch")
    assert (read(api, upload)["state"], put(upload)) == ("waiting", 200)
    assert complete(api, upload).status_code == 202


def test_a_file_that_is_no_video_is_refused_when_it_is_completed(api, pet):
    text_file = b"plain text " * 100
    upload = announce(api, pet, text_file).json
    put(upload, text_file)
    refused = complete(api, upload)
    assert (refused.status_code, refused.json["code"]) == (415, "not_a_video")
    assert api.get("/v1/clips").json["items"] == []


def test_an_upload_of_no_video_has_ended_and_its_bytes_go(api, pet):
    upload = announce(api, pet, b"text").json
    put(upload, b"text")
    complete(api, upload)
    assert read(api, upload)["state"] == "canceled"
    assert complete(api, upload).json["code"] == "upload_final"
    assert owed_deletions(f"uploads/{upload['id']}/raw") == 1


def test_a_late_put_cannot_touch_what_was_accepted(api, pet, tmp_path):
    upload = announce(api, pet).json
    put(upload)
    complete(api, upload)
    assert put(upload, bytes(len(MP4))) == 200  # the URL is still good
    storage.get(f"clips/{upload['id']}/media", tmp_path / "media")
    assert (tmp_path / "media").read_bytes() == MP4


def test_what_cannot_be_accepted_is_refused_before_it_is_sent(api, pet, setting):
    setting(max_upload_mb=1)
    large = announce(api, pet, size_bytes=1_000_001)
    assert (large.status_code, large.json["code"]) == (413, "upload_too_large")
    assert announce(api, pet, size_bytes=1_000_000).status_code == 201
    for said in ({"sha256": "ab"}, {"tags": ["\0"]}):
        assert announce(api, pet, **said).json["code"] == "invalid_request"
    for size_bytes in (0, "many", "5", 5.0, True, None):
        assert announce(api, pet, size_bytes=size_bytes).json["code"] == "invalid_request"
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert announce(api, pet, expires_at=past).json["code"] == "bad_expires_at"
    assert announce(api, pet, recorded_at="1999-01-01T00:00:00Z").json["code"] == "bad_recorded_at"


def test_nobody_sees_or_moves_an_upload_of_another_account(api, pet, stranger):
    upload = announce(api, pet).json
    path = f"/v1/uploads/{upload['id']}"
    answers = [stranger.get(path), stranger.delete(path), complete(stranger, upload)]
    assert {answer.status_code for answer in answers} == {404}
    assert announce(stranger, pet).status_code == 404


def test_the_same_key_and_request_get_the_same_upload_with_fresh_urls(api, pet):
    key = {"Idempotency-Key": "k"}
    first, second = announce(api, pet, headers=key).json, announce(api, pet, headers=key).json
    assert first["id"] == second["id"]
    assert put(second) == 200
    other = announce(api, pet, headers=key, note="another")
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("what", ["clips", "pets"])
def test_a_key_whose_clip_was_deleted_is_spent(api, pet, what):
    key = {"Idempotency-Key": "k"}
    upload = announce(api, pet, headers=key).json
    put(upload)
    clip_id = complete(api, upload).json["clip_id"]
    api.delete(f"/v1/{what}/{clip_id if what == 'clips' else pet.id}")
    spent = announce(api, pet, headers=key)
    assert (spent.status_code, spent.json["code"]) == (410, "idempotency_key_spent")


def test_eight_twins_with_one_key_open_one_upload(api, pet, account, client_of):
    clients = [client_of(account) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        sent = list(
            pool.map(lambda one: announce(one, pet, headers={"Idempotency-Key": "k"}), clients)
        )
    assert len({answer.json["id"] for answer in sent}) == 1


def test_a_canceled_upload_ends_and_its_bytes_go(api, pet):
    upload = announce(api, pet).json
    put(upload)
    assert api.delete(f"/v1/uploads/{upload['id']}").status_code == 204
    assert api.delete(f"/v1/uploads/{upload['id']}").status_code == 204
    refused = complete(api, upload)
    assert (refused.status_code, refused.json["code"]) == (409, "upload_final")
    sweep.delete_objects()
    assert not is_stored(f"uploads/{upload['id']}/raw")


def test_a_completed_upload_cannot_be_canceled(api, pet):
    upload = announce(api, pet).json
    put(upload)
    job = complete(api, upload).json
    refused = api.delete(f"/v1/uploads/{upload['id']}")
    assert (refused.status_code, refused.json["code"]) == (409, "upload_final")
    sweep.delete_objects()
    assert not is_stored(f"uploads/{upload['id']}/raw")
    assert is_stored(f"clips/{job['clip_id']}/media")


def test_an_upload_that_nobody_completes_expires_and_leaves_nothing(api, pet, large):
    single, parts = announce(api, pet).json, announce(api, pet, large).json
    put(single)
    put_parts(parts, large, {1})
    for upload in (single, parts):
        set_upload(upload, "expires_at = now()")
        assert complete(api, upload).json["code"] == "upload_final"
    sweep.repair_jobs()
    assert {read(api, upload)["state"] for upload in (single, parts)} == {"expired"}
    for upload in (single, parts):
        prefix = f"uploads/{upload['id']}/"
        assert owed_deletions(prefix) == owed_deletions(f"clips/{upload['id']}/") == 1
        with transaction() as session:
            due = text("UPDATE deletions SET due_at = now() WHERE prefix = :prefix")
            session.execute(due, {"prefix": prefix})
    sweep.delete_objects()
    assert not is_stored(f"uploads/{single['id']}/raw")
    left = parts["parts"][1]
    assert http.request("PUT", left["url"], body=large[8 * MIB : 16 * MIB]).status == 404


def test_the_deadline_of_the_analysis_ends_the_upload_and_goes_to_the_job(api, pet):
    deadline = datetime.now(UTC) + timedelta(minutes=5)
    upload = announce(api, pet, expires_at=deadline.isoformat()).json
    assert datetime.fromisoformat(upload["expires_at"]) == deadline
    put(upload)
    assert datetime.fromisoformat(complete(api, upload).json["expires_at"]) == deadline


def test_bytes_that_were_analysed_before_are_answered_by_that_job(api, pet, account):
    first = analysed(api, pet)
    upload = announce(api, pet).json
    put(upload)
    again = complete(api, upload)
    assert (again.status_code, again.json["id"]) == (200, first["id"])
    assert again.json["duplicate_of"] == first["id"]
    assert again.json["assessment"]["emotion"] == RESULT["emotion"]
    assert len(api.get("/v1/clips").json["items"]) == 1
    assert complete(api, upload).json["duplicate_of"] == first["id"]
    assert read(api, upload)["clip_id"] == first["clip_id"]


@pytest.mark.parametrize("why", ["force", "another pet", "another bundle"])
def test_bytes_are_analysed_again_when_asked_or_when_something_differs(api, pet, account, why):
    analysed(api, pet)
    if why == "another bundle":
        newer = RESULT["bundle"] | {"version": "2"}
        analysed(api, make_pet(account), result=RESULT | {"bundle": newer})
    other = make_pet(account) if why == "another pet" else pet
    upload = announce(api, other, force=why == "force").json
    put(upload)
    again = complete(api, upload)
    assert (again.status_code, again.json["duplicate_of"]) == (202, None)


def analysed(api, pet, *, result=RESULT):
    upload = announce(api, pet, force=True).json
    put(upload)
    job = complete(api, upload).json
    succeed(read_job(job["id"]), result)
    return job
