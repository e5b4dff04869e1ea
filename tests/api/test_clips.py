"""Clips over HTTP: what is accepted, what is refused, and what a refusal leaves behind."""

import io
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from sqlalchemy import select, text

from shared import jobs, queue, storage
from shared.db import transaction
from shared.errors import MediaMissing
from shared.models import Clip, Job, OwedRing
from shared.settings import settings
from tests.factories import (
    MP4,
    make_account,
    make_clip,
    make_job,
    make_pet,
    owed_deletions,
    succeed,
)


def send(client, pet, *, file=MP4, name="clip.mp4", headers=None, **form):
    fields = {"pet_id": str(pet.id), "file": (io.BytesIO(file), name)} | form
    return client.post("/v1/clips", data=fields, headers=headers or {})


def jobs_of(account):
    with transaction() as session:
        return list(session.scalars(select(Job).where(Job.account_id == account.id)))


def test_a_clip_is_accepted_with_a_queued_job_and_its_bytes_are_stored(api, account, tmp_path):
    pet = make_pet(account)
    sent = send(api, pet, reason="worried", note="barks", tags="vet, night,vet,")
    assert sent.status_code == 202
    assert sent.headers["Location"] == f"/v1/jobs/{sent.json['id']}"
    assert (sent.json["status"], sent.json["progress"]) == ("queued", 0)
    clip = api.get(f"/v1/clips/{sent.json['clip_id']}").json
    assert (clip["reason"], clip["note"], clip["tags"]) == ("worried", "barks", ["night", "vet"])
    assert (clip["content_type"], clip["size_bytes"]) == ("video/mp4", len(MP4))
    storage.get(f"clips/{clip['id']}/media", tmp_path / "media")
    assert (tmp_path / "media").read_bytes() == MP4


def test_several_tags_fields_count_together(api, account):
    sent = send(api, make_pet(account), tags=["a", "b,c"])
    assert api.get(f"/v1/clips/{sent.json['clip_id']}").json["tags"] == ["a", "b", "c"]


@pytest.mark.parametrize("tags", ["a" * 101, ",".join(map(str, range(51))), ["a", "b\0c"]])
def test_tags_have_the_limits_that_they_have_in_an_upload(api, account, tags):
    refused = send(api, make_pet(account), tags=tags)
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["tags"]


def test_a_ring_is_owed_in_the_transaction_that_accepts(api, account):
    sent = send(api, make_pet(account))
    with transaction() as session:
        ring = session.scalar(select(OwedRing).where(OwedRing.job_id == sent.json["id"]))
    assert ring is not None
    assert ring.queue == "extract"


def test_times_are_kept_in_utc_and_default_to_now(api, account):
    pet = make_pet(account)
    told = send(api, pet, recorded_at="2026-03-01T20:30:00+02:00").json["clip_id"]
    silent = send(api, pet).json["clip_id"]
    assert api.get(f"/v1/clips/{told}").json["recorded_at"] == "2026-03-01T18:30:00Z"
    recorded_at = datetime.fromisoformat(api.get(f"/v1/clips/{silent}").json["recorded_at"])
    assert abs(datetime.now(UTC) - recorded_at) < timedelta(seconds=20)


@pytest.mark.parametrize(
    "recorded_at",
    ["1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59"],
)
def test_a_time_that_cannot_be_true_is_refused_before_anything_is_stored(api, account, recorded_at):
    sent = send(api, make_pet(account), recorded_at=recorded_at)
    assert (sent.status_code, sent.json["code"]) == (422, "bad_recorded_at")
    assert jobs_of(account) == []


def test_a_phone_that_runs_a_little_ahead_is_believed(api, account):
    ahead = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
    assert send(api, make_pet(account), recorded_at=ahead).status_code == 202


@pytest.mark.parametrize(
    "form",
    [
        {"recorded_at": "yesterday"},
        {"recorded_at": "1700000000"},
        {"recorded_at": "nan"},
        {"recorded_at": ""},
        {"reason": "because"},
        {"note": "a\0b"},
        {"note": "x" * 2001},
        {"tags": "a\0b"},
        {"tags": ["a", "b\0"]},
        {"tags": ["a", "x" * 1001]},
        {"pet_id": "milo"},
        {"owner": "me"},
        {"file": "text"},
    ],
)
def test_a_form_that_does_not_match_the_schema_is_refused(api, account, form):
    sent = api.post(
        "/v1/clips",
        data={"pet_id": str(make_pet(account).id), "file": (io.BytesIO(MP4), "a.mp4")} | form,
        content_type="multipart/form-data",
    )
    assert (sent.status_code, sent.json["code"]) == (422, "invalid_request")
    assert jobs_of(account) == []


@pytest.mark.parametrize(
    ("body", "boundary"),
    [(b"", "; boundary=x"), (b"--x\r\nnonsense", "; boundary=x"), (b"--x--", "")],
)
def test_a_body_that_is_no_form_is_refused(api, body, boundary):
    sent = api.post("/v1/clips", data=body, content_type=f"multipart/form-data{boundary}")
    assert sent.status_code == 422
    assert "file" in sent.json["errors"]


@pytest.mark.parametrize(
    ("file", "status", "code"),
    [
        (b"", 422, "upload_empty"),
        (b"Dear diary, today the dog barked.", 415, "not_a_video"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), 415, "not_a_video"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(100), 415, "not_a_video"),
        (b"PK\x03\x04" + bytes(100), 415, "not_a_video"),
    ],
)
def test_a_file_that_is_no_video_is_refused_whatever_its_name(api, account, file, status, code):
    sent = send(api, make_pet(account), file=file, name="clip.mp4")
    assert (sent.status_code, sent.json["code"]) == (status, code)
    assert jobs_of(account) == []


def test_an_unknown_pet_and_a_strangers_pet_are_the_same_answer(api):
    pet = make_pet(make_account("stranger"))
    sent = send(api, pet)
    assert (sent.status_code, sent.json["code"]) == (404, "not_found")


class Body(io.RawIOBase):
    """An endless request body that counts what is read of it."""

    def __init__(self, start):
        self.left, self.read_bytes = start, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        chunk = (self.left or bytes(1 << 16))[: len(buffer)]
        self.left = self.left[len(chunk) :]
        buffer[: len(chunk)] = chunk
        self.read_bytes += len(chunk)
        return len(chunk)


def form_start(pet):
    return (
        b'--x\r\nContent-Disposition: form-data; name="pet_id"\r\n\r\n%b\r\n--x\r\n'
        b'Content-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n%b'
    ) % (str(pet.id).encode(), MP4)


def send_raw(client, body, **environ):
    return client.post(
        "/v1/clips",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"wsgi.input": body} | environ,
    )


@pytest.mark.parametrize("path", ["/v1/clips", "/analyze"])
@pytest.mark.parametrize("kind", ["video/mp4", "application/json", None])
@pytest.mark.parametrize("length", ["2", "50000000"])
def test_a_clip_that_is_not_sent_as_a_form_is_refused_unread(api, path, kind, length):
    body = Body(b"{}")
    unread = {"wsgi.input": body, "CONTENT_LENGTH": length}
    sent = api.post(path, content_type=kind, environ_overrides=unread)
    assert (sent.status_code, sent.json["code"]) == (415, "not_a_form")
    assert "multipart/form-data" in sent.json["detail"]
    assert body.read_bytes == 0


def test_an_upload_that_says_it_is_too_large_is_refused_unread(api, account):
    body = Body(form_start(make_pet(account)))
    sent = send_raw(api, body, CONTENT_LENGTH="101000000")
    assert (sent.status_code, sent.json["code"]) == (413, "upload_too_large")
    assert body.read_bytes == 0


def test_a_chunked_upload_without_a_length_is_cut_off_at_the_limit(api, account, setting):
    setting(max_upload_mb=1)
    body = Body(form_start(make_pet(account)))
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    sent = send_raw(api, body, **chunked)
    assert (sent.status_code, sent.json["code"]) == (413, "upload_too_large")
    assert body.read_bytes < 1_400_000


def test_no_more_is_read_than_the_length_says(api, account):
    start = form_start(make_pet(account))
    body = Body(start)
    sent = send_raw(api, body, CONTENT_LENGTH=str(len(start)))
    assert sent.status_code == 422
    assert body.read_bytes <= len(start)
    assert jobs_of(account) == []


def test_an_upload_that_breaks_off_before_its_length_is_refused(api, account):
    start = form_start(make_pet(account))
    sent = send_raw(api, io.BytesIO(start), CONTENT_LENGTH=str(len(start) + 500))
    assert (sent.status_code, sent.json["code"]) == (400, "malformed_request")
    assert jobs_of(account) == []


def test_other_bodies_have_a_small_limit(api):
    body = Body(b"[")
    answer = api.post(
        "/v1/pets", environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "200000"}
    )
    assert (answer.status_code, answer.json["code"]) == (413, "upload_too_large")
    assert body.read_bytes == 0


def test_the_same_key_and_request_get_the_same_job(api, account):
    pet = make_pet(account)
    first, second = (send(api, pet, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json == first.json
    assert second.headers["Location"] == first.headers["Location"]
    assert len(jobs_of(account)) == 1


def test_a_request_repeated_after_its_deadline_gets_the_answer_of_the_first(
    api, account, monkeypatch
):
    pet, deadline = make_pet(account), datetime.now(UTC) + timedelta(minutes=1)
    again = {"headers": {"Idempotency-Key": "k1"}, "expires_at": deadline.isoformat()}
    first = send(api, pet, **again)
    monkeypatch.setattr(jobs, "datetime", Mock(now=lambda _: deadline + timedelta(seconds=1)))
    assert send(api, pet, **again).json == first.json
    assert send(api, pet, expires_at=again["expires_at"]).json["code"] == "bad_expires_at"


@pytest.mark.parametrize("change", [{"note": "other"}, {"file": MP4 + b"\1"}])
def test_the_same_key_with_another_request_is_a_conflict(api, account, change):
    pet = make_pet(account)
    send(api, pet, headers={"Idempotency-Key": "k1"})
    second = send(api, pet, headers={"Idempotency-Key": "k1"}, **change)
    assert (second.status_code, second.json["code"]) == (409, "idempotency_key_reused")
    assert len(jobs_of(account)) == 1


@pytest.mark.parametrize("what", ["clips", "pets"])
def test_a_key_whose_clip_was_deleted_is_spent(api, account, what):
    pet, again = make_pet(account), {"headers": {"Idempotency-Key": "k1"}}
    clip_id = send(api, pet, **again).json["clip_id"]
    api.delete(f"/v1/{what}/{clip_id if what == 'clips' else pet.id}")
    spent = send(api, pet, **again)
    assert (spent.status_code, spent.json["code"]) == (410, "idempotency_key_spent")


def test_two_accounts_may_use_the_same_key(api, account, stranger):
    headers = {"Idempotency-Key": "k1"}
    assert send(api, make_pet(account), headers=headers).status_code == 202
    assert send(stranger, make_pet(account), headers=headers).status_code == 404


def test_a_refused_request_does_not_use_its_key_up(api, account):
    pet, headers = make_pet(account), {"Idempotency-Key": "k1"}
    assert send(api, pet, headers=headers, file=b"text").status_code == 415
    assert send(api, pet, headers=headers).status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_empty_or_endless_is_refused(api, account, key):
    sent = send(api, make_pet(account), headers={"Idempotency-Key": key})
    assert (sent.status_code, sent.json["code"]) == (422, "invalid_request")


def test_eight_twins_at_once_make_one_job(client_of, account):
    pet = make_pet(account)
    clients = [client_of(account) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda one: send(one, pet, headers={"Idempotency-Key": "k"}), clients))
    assert [answer.status_code for answer in sent] == [202] * 8
    assert len({answer.json["id"] for answer in sent}) == 1
    assert len(jobs_of(account)) == 1


def test_without_the_broker_a_clip_is_accepted(api, account, without):
    pet = make_pet(account)
    with without("broker"):
        assert send(api, pet).status_code == 202


def test_a_clip_is_accepted_while_its_ring_still_hangs(api, account, monkeypatch):
    answered, rung_before = threading.Event(), []

    def hang(*_):
        answered.wait(timeout=20)
        rung_before.append(not answered.is_set())

    monkeypatch.setattr(queue, "ring", hang)
    assert send(api, make_pet(account)).status_code == 202
    assert rung_before == []
    answered.set()


def test_without_storage_a_clip_is_refused_and_nothing_is_left(api, account, without):
    pet = make_pet(account)
    with without("storage"):
        sent = send(api, pet, headers={"Idempotency-Key": "k1"})
    assert (sent.status_code, sent.json["code"]) == (503, "storage_unavailable")
    assert int(sent.headers["Retry-After"]) > 0
    assert jobs_of(account) == []
    assert api.get("/v1/clips").json["items"] == []
    assert send(api, pet, headers={"Idempotency-Key": "k1"}).status_code == 202


def test_without_the_database_everything_is_a_problem_that_passes(api, without):
    with without("database"):
        answers = [api.get("/v1/pets"), api.post("/v1/pets", json={}), api.get("/metrics")]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json["code"] for answer in answers} == {"database_unavailable"}
    assert all(answer.headers["Retry-After"] for answer in answers)


def test_what_is_stored_before_it_is_accepted_is_owed_to_the_sweep(api, account, setting):
    job = send(api, make_pet(account)).json
    assert owed_deletions(f"clips/{job['clip_id']}/") == 0
    with transaction() as session:
        session.execute(text("TRUNCATE deletions"))
    setting(max_unfinished_jobs=1)  # asked when the job is made: the bytes are stored by then
    refused = send(api, make_pet(account))
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_jobs")
    with transaction() as session:
        (prefix,) = session.execute(text("SELECT prefix FROM deletions")).scalars()
    assert prefix.startswith("clips/")
    assert job["clip_id"] not in prefix


def test_moving_a_clip_takes_its_assessment_along(api, account):
    milo, luna = make_pet(account), make_pet(account, name="Luna")
    job = make_job(make_clip(milo), state="succeeded")
    moved = api.patch(f"/v1/clips/{job.clip_id}", json={"pet_id": str(luna.id)})
    assert (moved.status_code, moved.json["pet_id"]) == (200, str(luna.id))
    assert api.get(f"/v1/pets/{milo.id}/assessments").json["items"] == []
    (assessment,) = api.get(f"/v1/pets/{luna.id}/assessments").json["items"]
    assert assessment["pet_id"] == str(luna.id)


def test_why_a_clip_was_filmed_can_be_said_anew_and_counts(api, account):
    job = make_job(make_clip(make_pet(account)))
    succeed(job)
    told = {"reason": "worried", "tags": ["evening", "evening"], "note": "after the fireworks"}
    changed = api.patch(f"/v1/clips/{job.clip_id}", json=told).json
    assert {name: changed[name] for name in told} == told | {"tags": ["evening"]}
    day = changed["recorded_at"][:10]
    path = f"/v1/pets/{changed['pet_id']}/history?from={day}&to={day}"
    assert api.get(path).json["items"][0]["reasons"]["worried"] == 1
    assert api.patch(f"/v1/clips/{job.clip_id}", json={"note": None}).json["note"] is None
    assert api.patch(f"/v1/clips/{job.clip_id}", json={"reason": "bored"}).status_code == 422
    assert api.patch(f"/v1/clips/{job.clip_id}", json={"reason": None}).status_code == 422


def test_a_clip_cannot_be_moved_to_a_strangers_pet(api, account):
    clip = make_clip(make_pet(account))
    pet = make_pet(make_account("stranger"))
    assert api.patch(f"/v1/clips/{clip.id}", json={"pet_id": str(pet.id)}).status_code == 404


def test_deleting_a_clip_ends_its_job_and_owes_its_objects(api, account):
    job = make_job(make_clip(make_pet(account)), state="running")
    assert api.delete(f"/v1/clips/{job.clip_id}").status_code == 200
    assert api.get(f"/v1/clips/{job.clip_id}").status_code == 404
    assert jobs_of(account) == []
    assert owed_deletions(f"clips/{job.clip_id}/") == 1


def test_media_is_played_from_a_signed_url_with_ranges(api, account):
    job = send(api, make_pet(account)).json
    moved = api.get(f"/v1/clips/{job['clip_id']}/media")
    assert moved.status_code == 302
    ranged = urllib.request.Request(moved.headers["Location"], headers={"Range": "bytes=4-7"})
    with urllib.request.urlopen(ranged, timeout=10) as answer:
        assert (answer.status, answer.read()) == (206, b"ftyp")
        assert answer.headers["Content-Type"] == "video/mp4"


def test_a_signed_url_without_its_signature_opens_nothing(api, account):
    job = send(api, make_pet(account)).json
    url = api.get(f"/v1/clips/{job['clip_id']}/media").headers["Location"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.partition("?")[0], timeout=10)
    assert refused.value.code in (400, 401, 403)
    refused.value.close()


def test_another_accounts_clip_is_not_there(stranger, account):
    clip = make_clip(make_pet(account))
    path = f"/v1/clips/{clip.id}"
    answers = [
        stranger.get(path),
        stranger.patch(path, json={"pet_id": str(clip.pet_id)}),
        stranger.delete(path),
        stranger.get(f"{path}/media"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert stranger.get("/v1/clips").json["items"] == []


def test_clips_are_listed_by_pet(api, account):
    milo, luna = make_pet(account), make_pet(account)
    wanted = make_clip(milo)
    make_clip(luna)
    listed = api.get("/v1/clips", query_string={"pet_id": str(milo.id)}).json["items"]
    assert [clip["id"] for clip in listed] == [str(wanted.id)]


def test_the_sweep_can_delete_what_a_deletion_owes(api, account, tmp_path):
    job = send(api, make_pet(account)).json
    storage.delete_prefix(f"clips/{job['clip_id']}/")
    with pytest.raises(MediaMissing):
        storage.get(f"clips/{job['clip_id']}/media", tmp_path / "media")
    with transaction() as session:
        assert session.get(Clip, job["clip_id"]) is not None
    assert settings().max_upload_mb == 100
