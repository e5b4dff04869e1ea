"""Webhook endpoints and deliveries over HTTP, and the receivers that the document shows."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import pytest
from standardwebhooks import Webhook

from shared import deliveries
from shared.db import transaction
from shared.models import JobStatus
from tests.factories import make_clip, make_job, make_pet
from tests.receiver import read_delivery, set_row
from worker import deliveries as sender
from worker import egress

URL = "https://hooks.example.com/tailtrend"
BODY = b'{"type":"endpoint.test"}'
DOCUMENT = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.fixture
def endpoint(api) -> dict:
    return create(api)


def create(api, **values) -> dict:
    answer = api.post("/v1/webhook-endpoints", json={"url": URL} | values)
    assert answer.status_code == 201, answer.json
    return answer.json


def path(endpoint: dict, *parts: str) -> str:
    return "/".join(["/v1/webhook-endpoints", endpoint["id"], *parts])


def send_test(api, endpoint: dict) -> dict:
    answer = api.post(path(endpoint, "test"))
    assert answer.status_code == 202
    return answer.json


def test_an_endpoint_shows_its_secret_once(api):
    answer = api.post("/v1/webhook-endpoints", json={"url": URL, "events": ["job.failed"]})
    made = answer.json
    assert made["secret"].startswith("whsec_")
    assert answer.headers["Location"] == path(made)
    read = api.get(path(made)).json
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert (read["events"], read["state"]) == (["job.failed"], "enabled")
    assert "secret" not in api.get("/v1/webhook-endpoints").json["items"][0]
    assert "secret" not in api.patch(path(made), json={"description": "x"}).json


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://a:b@c.de/"])
def test_a_url_that_is_not_public_is_refused(api, url):
    answer = api.post("/v1/webhook-endpoints", json={"url": url})
    assert (answer.status_code, answer.json["code"]) == (422, "webhook_url_refused")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": None},
        {"url": ""},
        {"url": URL, "events": ["job.exploded"]},
        {"url": URL, "a": 1},
    ],
)
def test_a_body_that_does_not_fit_is_refused(api, body):
    answer = api.post("/v1/webhook-endpoints", json=body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_an_endpoint_can_be_changed_disabled_and_enabled(api, endpoint):
    changed = api.patch(path(endpoint), json={"events": ["alert.opened"], "state": "disabled"}).json
    assert (changed["events"], changed["disabled_reason"]) == (["alert.opened"], "asked")
    assert changed["disabled_at"] is not None
    enabled = api.patch(path(endpoint), json={"state": "enabled"}).json
    assert (enabled["state"], enabled["disabled_at"]) == ("enabled", None)
    assert api.patch(path(endpoint), json={}).status_code == 422


def test_a_deleted_endpoint_is_gone(api, endpoint):
    assert api.delete(path(endpoint)).status_code == 204
    assert api.get(path(endpoint)).status_code == 404


def test_endpoints_come_in_pages(api):
    made = [create(api)["id"] for _ in range(3)]
    first = api.get("/v1/webhook-endpoints?limit=2").json
    second = api.get(f"/v1/webhook-endpoints?limit=2&after={first['next']}").json
    assert [one["id"] for one in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


def test_another_account_finds_nothing(api, stranger, endpoint):
    delivery = send_test(api, endpoint)
    asked = [
        stranger.get(path(endpoint)),
        stranger.patch(path(endpoint), json={"description": "mine"}),
        stranger.delete(path(endpoint)),
        stranger.post(path(endpoint, "rotate-secret")),
        stranger.post(path(endpoint, "test")),
        stranger.get(path(endpoint, "deliveries")),
        stranger.post(path(endpoint, "replay"), json={"since": "2026-01-01T00:00:00Z"}),
        stranger.get(f"/v1/deliveries/{delivery['id']}"),
        stranger.post(f"/v1/deliveries/{delivery['id']}/replay"),
    ]
    assert {answer.status_code for answer in asked} == {404}
    assert stranger.get("/v1/webhook-endpoints").json["items"] == []


def test_a_rotation_shows_the_new_secret_once(api, endpoint):
    rotated = api.post(path(endpoint, "rotate-secret")).json
    assert rotated["secret"] != endpoint["secret"]
    until = datetime.fromisoformat(rotated["previous_secret_until"])
    assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(hours=24)


def test_a_test_event_can_be_followed(api, endpoint):
    answer = api.post(path(endpoint, "test"))
    assert (answer.json["state"], answer.json["event_type"]) == ("pending", "endpoint.test")
    followed = api.get(answer.headers["Location"]).json
    assert followed == answer.json | {"log": []}


def test_a_disabled_endpoint_is_not_tested_or_replayed_to(api, endpoint):
    delivery = send_test(api, endpoint)
    api.patch(path(endpoint), json={"state": "disabled"})
    asked = [
        api.post(path(endpoint, "test")),
        api.post(path(endpoint, "replay"), json={"since": "2026-01-01T00:00:00Z"}),
        api.post(f"/v1/deliveries/{delivery['id']}/replay"),
    ]
    assert {(one.status_code, one.json["code"]) for one in asked} == {(409, "endpoint_disabled")}


def fail(delivery: dict) -> None:
    with transaction() as session:
        message = deliveries.claim(session, uuid.UUID(delivery["id"]))
        deliveries.settle(session, message, deliveries.Outcome(None, "timeout", 5.0))


def test_a_delivery_shows_the_log_of_its_attempts(api, endpoint):
    delivery = send_test(api, endpoint)
    fail(delivery)
    read = api.get(f"/v1/deliveries/{delivery['id']}").json
    assert (read["state"], read["attempts"], read["last_error"]) == ("pending", 1, "timeout")
    (attempt,) = read["log"]
    assert (attempt["status"], attempt["error"], attempt["duration_ms"]) == (None, "timeout", 5000)


def test_deliveries_come_in_pages_and_by_state(api, endpoint):
    made = [send_test(api, endpoint)["id"] for _ in range(3)]
    set_row(read_delivery(uuid.UUID(made[1])), "state = 'failed', finished_at = now()")
    first = api.get(path(endpoint, "deliveries?limit=2")).json
    second = api.get(path(endpoint, f"deliveries?limit=2&after={first['next']}")).json
    assert [one["id"] for one in first["items"] + second["items"]] == made[::-1]
    failed = api.get(path(endpoint, "deliveries?state=failed")).json["items"]
    assert [one["id"] for one in failed] == [made[1]]


def test_one_delivery_can_be_replayed(api, endpoint):
    delivery = send_test(api, endpoint)
    set_row(read_delivery(uuid.UUID(delivery["id"])), "state = 'failed', finished_at = now()")
    answer = api.post(f"/v1/deliveries/{delivery['id']}/replay")
    assert (answer.status_code, answer.json["state"], answer.json["attempts"]) == (
        202,
        "pending",
        0,
    )


def test_a_time_range_can_be_replayed(api, account, endpoint):
    make_job(make_clip(make_pet(account)), state=JobStatus.SUCCEEDED)
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    replay = path(endpoint, "replay")
    assert api.post(replay, json={"since": since}).json == {"replayed": 0}  # it is on its way
    (delivery,) = api.get(path(endpoint, "deliveries")).json["items"]
    set_row(read_delivery(uuid.UUID(delivery["id"])), "state = 'delivered', finished_at = now()")
    assert api.post(replay, json={"since": since, "until": since}).json == {"replayed": 0}
    answer = api.post(replay, json={"since": since})
    assert (answer.status_code, answer.json) == (202, {"replayed": 1})


def test_a_range_that_ends_before_it_begins_is_not_replayed(api, endpoint):
    said = {"since": "2026-03-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
    refused = api.post(path(endpoint, "replay"), json=said)
    assert (refused.status_code, set(refused.json["errors"])) == (422, {"until"})


@pytest.mark.parametrize("allowed", [False, True])
def test_ready_shows_whether_private_addresses_are_allowed(api, setting, allowed):
    setting(webhook_allow_private=allowed)
    assert api.get("/ready").json["webhook_allow_private"] is allowed


def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed: the JavaScript receiver of docs/webhooks.md is not run")
    return found


RUN = {"python": lambda: [sys.executable, "-c"], "javascript": lambda: [node(), "-e"]}


@pytest.mark.parametrize("language", RUN)
def test_the_documents_receiver_takes_our_messages_and_no_others(language, setting, api, account):
    setting(webhook_allow_private=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    endpoint = create(api, url=f"http://127.0.0.1:{port}/hooks")
    with running(language, endpoint["secret"], port) as receiver:
        api.post(path(endpoint, "rotate-secret"))  # it still has the secret before
        make_job(make_clip(make_pet(account)), state=JobStatus.SUCCEEDED)
        (delivery,) = api.get(path(endpoint, "deliveries")).json["items"]
        sender.deliver(uuid.UUID(delivery["id"]))
        assert api.get(f"/v1/deliveries/{delivery['id']}").json["last_status"] == 204
        assert receiver.stdout.readline().split() == [delivery["event_id"], "job.succeeded"]
        assert answer_to(endpoint, port) == 204
        assert answer_to(endpoint, port, body=b'{"type":"job.failed"}') == 401
        assert answer_to(endpoint, port, age=timedelta(minutes=6)) == 401
        assert answer_to(endpoint, port, secret=create(api)["secret"]) == 401
        unsigned = egress.post(url_of(port), b"{}", {}, allow_private=True)
        assert (unsigned.status, receiver.poll()) == (401, None)


@contextmanager
def running(language: str, secret: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run the receiver as the document has it, until it listens."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert sum(bool(line) for line in code.splitlines()) <= 15
    receiver = subprocess.Popen(
        [*RUN[language](), code],
        env={"PATH": os.environ["PATH"], "WEBHOOK_SECRET": secret, "PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(port, receiver)
        yield receiver
    finally:
        receiver.kill()
        receiver.communicate()


def wait_for(port: int, receiver: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while receiver.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail("The receiver does not listen.")


def answer_to(endpoint, port, *, body=BODY, age=timedelta(0), secret=None) -> int:
    """Send `body` under the signature of BODY."""
    sent_at = datetime.now(UTC) - age
    headers = {
        "webhook-id": "1",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret or endpoint["secret"]).sign(
            "1", sent_at, BODY.decode()
        ),
    }
    return egress.post(url_of(port), body, headers, allow_private=True).status


def url_of(port: int) -> SplitResult:
    return urlsplit(f"http://127.0.0.1:{port}/")
