"""A job's server-sent events: in order, to the end, and never at the cost of other requests."""

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from api import stream, watch
from shared import jobs
from shared.db import transaction
from tests.factories import RESULT, claim, make_clip, make_job, make_key, make_pet, succeed

SEATS = 16
CLIENTS = 40


@pytest.fixture
def job(account):
    return make_job(make_clip(make_pet(account)))


@pytest.fixture
def seats(setting):
    """Change how many may wait in this process."""

    def change(number):
        setting(poll_waiters=number)
        watch._watch.cache_clear()

    yield change
    watch._watch.cache_clear()


def follow(api, job, **headers):
    return api.get(f"/v1/jobs/{job.id}/events", headers=headers)


def frames(answer):
    """Read the events of a stream one by one, as they come; a comment is None."""
    for chunk in answer.iter_encoded():
        fields = dict(
            line.split(": ", 1) for line in chunk.decode().splitlines() if line and line[0] != ":"
        )
        if "data" in fields:
            yield fields | {"data": json.loads(fields["data"])}
        elif not fields:
            yield None


def test_a_stream_tells_every_change_in_order_and_ends_with_the_job(api, job):
    answer = follow(api, job)
    assert answer.content_type.startswith("text/event-stream")
    events = frames(answer)
    told = [next(events)]
    lease = claim(job)
    told.append(next(events))
    for percent in (40, 80):
        with transaction() as session:
            jobs.beat(session, lease, progress=percent)
        told.append(next(events))
    with transaction() as session:
        jobs.succeed(session, lease, RESULT)
    told += list(events)
    states = [(event["data"]["status"], event["data"]["progress"]) for event in told]
    assert states == [
        ("queued", 0),
        ("running", 0),
        ("running", 40),
        ("running", 80),
        ("succeeded", 100),
    ]
    assert told[-1]["data"]["assessment"]["emotion"] == "Anxious"
    assert len({event["id"] for event in told}) == 5


def test_a_client_that_comes_back_hears_only_what_it_has_not_heard(api, job):
    with closing(follow(api, job)) as answer:
        heard = next(frames(answer))
    again = frames(follow(api, job, **{"Last-Event-ID": heard["id"]}))
    claim(job)
    assert next(again)["data"]["status"] == "running"
    behind = frames(follow(api, job, **{"Last-Event-ID": heard["id"]}))
    assert next(behind)["data"]["status"] == "running"


def test_a_job_that_has_ended_is_told_once_and_then_no_more(api, job):
    succeed(job)
    (event,) = frames(follow(api, job))
    assert event["data"]["status"] == "succeeded"
    done = follow(api, job, **{"Last-Event-ID": event["id"]})
    assert (done.status_code, done.data) == (204, b"")


def test_silence_is_filled_with_comments(api, job, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.01)
    events = frames(follow(api, job))
    assert next(events)["data"]["status"] == "queued"
    assert [next(events), next(events)] == [None, None]


def test_a_stream_ends_after_its_longest_time_with_the_job_unfinished(api, job, setting):
    setting(events_max_s=0.05)
    told = [event["data"]["status"] for event in frames(follow(api, job)) if event]
    assert told == ["queued"]


def test_a_stream_ends_at_once_when_its_job_is_deleted(api, job):
    events = frames(follow(api, job))
    next(events)
    assert api.delete(f"/v1/clips/{job.clip_id}").status_code == 200
    started_at = time.monotonic()
    assert list(events) == []
    assert time.monotonic() - started_at < 5


def test_without_a_free_seat_the_answer_is_503_until_one_is_free(api, job, seats):
    seats(1)
    first = follow(api, job)
    refused = follow(api, job)
    assert (refused.status_code, refused.json["code"]) == (503, "too_many_waiters")
    assert int(refused.headers["Retry-After"]) > 0
    first.close()  # the client has gone before it read a byte
    assert follow(api, job).status_code == 200


def test_a_head_request_takes_no_seat(api, job, seats):
    seats(1)
    assert api.head(f"/v1/jobs/{job.id}/events").status_code == 200
    assert follow(api, job).status_code == 200


def test_nobody_follows_a_job_of_another_account(stranger, job):
    assert follow(stranger, job).status_code == 404


# --- the real server -------------------------------------------------------------------------


def test_more_waiters_than_seats_leave_threads_for_everybody_else(server, account, job):
    headers = {"Authorization": f"Bearer {make_key(account)}"}
    url = f"{server}/v1/jobs/{job.id}"

    def get(path):
        try:
            request = urllib.request.Request(url + path, headers=headers)
            return urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            return error

    def timed(path):
        started_at = time.monotonic()
        with get(path) as answer:
            answer.read()
        return answer.status, time.monotonic() - started_at

    with ThreadPoolExecutor(CLIENTS) as pool:
        streams = list(pool.map(lambda _: get("/events"), range(CLIENTS)))
        statuses = [answer.status for answer in streams]
        assert (statuses.count(200), statuses.count(503)) == (SEATS, CLIENTS - SEATS)
        others = list(pool.map(timed, ["", "?wait_s=20"] * CLIENTS))
    assert {status for status, _ in others} == {200}
    assert max(seconds for _, seconds in others) < 5  # they wait for cores, not for seats
    for answer in streams:  # until here no client has closed, not even a refused one
        answer.close()
