"""Jobs over HTTP: polling, waiting, ending."""

import threading
import time
from contextlib import ExitStack

import pytest

from api.watch import Watch, watch
from shared import jobs
from shared.db import transaction
from shared.settings import settings
from tests.factories import (
    ABSTAINED,
    claim,
    make_account,
    make_clip,
    make_job,
    make_pet,
    set_job,
    succeed,
)


def job_of(account, state="queued"):
    return make_job(make_clip(make_pet(account)), state=state)


@pytest.mark.parametrize(
    "state", ["queued", "running", "succeeded", "failed", "canceled", "expired"]
)
def test_each_state_is_shown_with_what_belongs_to_it(api, account, state):
    shown = api.get(f"/v1/jobs/{job_of(account, state).id}").json
    assert shown["status"] == state
    assert (shown["progress"] == 100) == (state == "succeeded")
    assert (shown["finished_at"] is not None) == (state not in ("queued", "running"))
    assert (shown["assessment"] is not None) == (state == "succeeded")
    assert (shown["error"] or {}).get("code") == ("clip_unreadable" if state == "failed" else None)


def test_a_job_that_cannot_tell_shows_why(api, account):
    job = job_of(account)
    succeed(job, ABSTAINED)
    shown = api.get(f"/v1/jobs/{job.id}").json["assessment"]
    assert shown["emotion"] is None
    assert shown["abstention"]["code"] == "too_dark"


def test_an_unfinished_job_says_when_to_ask_again_and_a_finished_one_does_not(api, account):
    assert api.get(f"/v1/jobs/{job_of(account).id}").headers["Retry-After"] == "1"
    done = api.get(f"/v1/jobs/{job_of(account, 'succeeded').id}")
    assert "Retry-After" not in done.headers


def test_a_job_that_has_not_changed_is_not_sent_again(api, account):
    job = job_of(account)
    first = api.get(f"/v1/jobs/{job.id}")
    again = api.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    claim(job)
    changed = api.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.json["status"]) == (200, "running")


def later(delay_s, act):
    timer = threading.Timer(delay_s, act)
    timer.start()
    return timer


def test_a_waiting_poll_answers_when_the_job_ends(api, account):
    job = job_of(account)
    ending = later(0.3, lambda: succeed(job))
    started_at = time.monotonic()
    answer = api.get(f"/v1/jobs/{job.id}?wait_s=20")
    ending.join()
    assert answer.json["status"] == "succeeded"
    assert 0.3 <= time.monotonic() - started_at < 5


def test_a_waiting_poll_answers_when_the_job_changes_from_what_is_known(api, account):
    job = job_of(account)
    known = api.get(f"/v1/jobs/{job.id}").headers["ETag"]
    starting = later(0.2, lambda: claim(job))
    answer = api.get(f"/v1/jobs/{job.id}?wait_s=20", headers={"If-None-Match": known})
    starting.join()
    assert (answer.status_code, answer.json["status"]) == (200, "running")


def test_a_waiting_poll_ends_with_its_time(api, account):
    started_at = time.monotonic()
    answer = api.get(f"/v1/jobs/{job_of(account).id}?wait_s=0.3")
    assert answer.json["status"] == "queued"
    assert 0.3 <= time.monotonic() - started_at < 3


def test_a_wait_longer_than_allowed_is_shortened(api, account, setting):
    setting(poll_wait_max_s=0.2)
    started_at = time.monotonic()
    assert api.get(f"/v1/jobs/{job_of(account).id}?wait_s=1e9").status_code == 200
    assert time.monotonic() - started_at < 3


def test_a_job_deleted_while_it_is_waited_for_is_gone_at_once(api, account):
    job = job_of(account)
    deleting = later(0.1, lambda: api.delete(f"/v1/clips/{job.clip_id}"))
    started_at = time.monotonic()
    assert api.get(f"/v1/jobs/{job.id}?wait_s=20").status_code == 404
    assert time.monotonic() - started_at < 5
    deleting.join()


def test_when_the_waiting_seats_are_taken_the_answer_comes_at_once(api, account):
    job, full = job_of(account), watch()
    with ExitStack() as taken:
        assert all(taken.enter_context(full.seat()) for _ in range(settings().poll_waiters))
        started_at = time.monotonic()
        answer = api.get(f"/v1/jobs/{job.id}?wait_s=20")
    assert (answer.status_code, answer.headers["Retry-After"]) == (200, "1")
    assert time.monotonic() - started_at < 3


def test_an_operator_may_forbid_waiting(servers, setting):
    setting(poll_waiters=0)
    with Watch().seat() as seated:
        assert not seated


@pytest.mark.parametrize("wait_s", ["nan", "inf", "-inf", "1e999", "-1", "soon", "", "\0"])
def test_a_wait_that_is_no_time_is_refused(api, account, wait_s):
    answer = api.get(f"/v1/jobs/{job_of(account).id}", query_string={"wait_s": wait_s})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_a_running_job_is_canceled_at_once_and_its_worker_loses_it(api, account):
    job = job_of(account)
    lease = claim(job)
    canceled = api.post(f"/v1/jobs/{job.id}/cancel")
    assert (canceled.status_code, canceled.json["status"]) == (200, "canceled")
    with pytest.raises(jobs.LeaseLost), transaction() as session:
        jobs.beat(session, lease, progress=50)


@pytest.mark.parametrize("state", ["succeeded", "failed", "canceled", "expired"])
def test_a_job_that_has_ended_cannot_be_canceled(api, account, state):
    answer = api.post(f"/v1/jobs/{job_of(account, state).id}/cancel")
    assert (answer.status_code, answer.json["code"]) == (409, "job_final")


@pytest.mark.parametrize("state", ["failed", "canceled", "expired"])
def test_a_job_that_did_not_succeed_can_be_tried_again(api, account, state):
    job = job_of(account, state)
    again = api.post(f"/v1/jobs/{job.id}/retry")
    assert (again.status_code, again.json["status"]) == (202, "queued")
    assert (again.json["retry_of"], again.json["clip_id"]) == (str(job.id), str(job.clip_id))
    assert again.headers["Location"] == f"/v1/jobs/{again.json['id']}"


def test_a_retry_that_is_sent_twice_makes_one_job(api, account):
    job = job_of(account, "failed")
    first, second = (api.post(f"/v1/jobs/{job.id}/retry") for _ in range(2))
    assert (second.status_code, second.json) == (first.status_code, first.json)
    assert len(api.get("/v1/jobs").json["items"]) == 2


@pytest.mark.parametrize(("day", "kept"), [("2099-01-01", True), ("2020-01-01", False)])
def test_a_retry_keeps_a_deadline_that_lies_ahead(api, account, day, kept):
    job = make_job(make_clip(make_pet(account)))
    set_job(job, f"expires_at = '{day}T00:00:00Z'")
    api.post(f"/v1/jobs/{job.id}/cancel")
    again = api.post(f"/v1/jobs/{job.id}/retry").json
    assert again["expires_at"] == (f"{day}T00:00:00Z" if kept else None)


@pytest.mark.parametrize(
    ("state", "code"),
    [("queued", "job_not_final"), ("running", "job_not_final"), ("succeeded", "job_final")],
)
def test_there_is_nothing_to_retry_of_a_job_that_runs_or_has_succeeded(api, account, state, code):
    answer = api.post(f"/v1/jobs/{job_of(account, state).id}/retry")
    assert (answer.status_code, answer.json["code"]) == (409, code)


def test_jobs_are_listed_by_status_and_pet(api, account):
    pet = make_pet(account)
    failed = make_job(make_clip(pet), state="failed")
    make_job(make_clip(pet))
    job_of(account, "failed")
    listed = api.get("/v1/jobs", query_string={"status": "failed", "pet_id": str(pet.id)}).json
    assert [job["id"] for job in listed["items"]] == [str(failed.id)]


def test_a_status_that_does_not_exist_is_refused(api):
    assert api.get("/v1/jobs?status=lost").json["code"] == "invalid_request"


def test_another_accounts_job_is_not_there(stranger, account):
    path = f"/v1/jobs/{job_of(account).id}"
    answers = [
        stranger.get(path),
        stranger.get(f"{path}?wait_s=5"),
        stranger.post(f"{path}/cancel"),
        stranger.post(f"{path}/retry"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert stranger.get("/v1/jobs").json["items"] == []
    assert make_account().id != account.id


def test_a_deadline_is_shown(api, account):
    job = job_of(account)
    set_job(job, "expires_at = '2030-01-01T00:00:00Z'")
    assert api.get(f"/v1/jobs/{job.id}").json["expires_at"] == "2030-01-01T00:00:00Z"
