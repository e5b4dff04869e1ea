"""From a due delivery to a receiver that verifies it with the reference library."""

import base64
import json
import threading
import uuid

import pytest
from sqlalchemy import text
from standardwebhooks import WebhookVerificationError

from shared import deliveries, endpoints, queue
from shared.db import transaction
from shared.models import Account, Delivery, EventType, JobStatus, WebhookEndpoint
from shared.queue import Queue
from tests.factories import make_account, make_clip, make_job, make_pet
from tests.receiver import (
    Answer,
    Receiver,
    attempts_of,
    deliveries_of,
    due_in_s,
    make_endpoint,
    read_delivery,
    read_endpoint,
    send_test,
    set_row,
)
from worker import deliveries as sender
from worker import egress, heartbeat, sweep


@pytest.fixture
def account(setting) -> Account:
    setting(webhook_allow_private=True)
    return make_account()


@pytest.fixture
def endpoint(account: Account, receiver: Receiver) -> WebhookEndpoint:
    return make_endpoint(account, receiver.url)


@pytest.fixture
def delivery(endpoint: WebhookEndpoint) -> Delivery:
    return send_test(endpoint)


def deliver(delivery: Delivery) -> Delivery:
    """Let the delivery be due, ring for it, and read what became of it."""
    set_row(delivery, "due_at = now()")
    sender.deliver(delivery.id)
    return read_delivery(delivery.id)


def test_a_finished_job_reaches_its_receiver_signed(account, receiver, endpoint):
    job = make_job(make_clip(make_pet(account)), state=JobStatus.SUCCEEDED)
    (delivery,) = deliveries_of(endpoint)
    assert deliver(delivery).state == "delivered"
    (received,) = receiver.received
    told = received.verified(endpoint.secret)
    assert (told["type"], told["data"]["job_id"]) == ("job.succeeded", str(job.id))
    assert told.keys() == {"type", "timestamp", "data"}
    assert received.headers["webhook-id"] == str(delivery.event_id)
    assert received.headers["content-type"] == "application/json"
    assert received.path == "/hooks?of=us"


def test_a_changed_body_or_another_secret_is_no_message_of_ours(account, receiver, delivery):
    other = make_endpoint(account, receiver.url)
    deliver(delivery)
    (received,) = receiver.received
    with pytest.raises(WebhookVerificationError):
        received.verified(other.secret)


def test_a_retry_has_the_same_id_and_body(receiver, endpoint, delivery):
    receiver.answer(500)
    deliver(delivery)
    assert deliver(delivery).state == "delivered"
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.verified(endpoint.secret) == second.verified(endpoint.secret)
    assert attempts_of(delivery) == [(500, None), (200, None)]


def test_after_a_rotation_both_secrets_verify_for_a_day(receiver, endpoint, delivery):
    with transaction() as session:
        endpoints.rotate_secret(session, session.get_one(WebhookEndpoint, endpoint.id))
    deliver(delivery)
    rotated = read_endpoint(endpoint)
    (received,) = receiver.received
    assert received.verified(rotated.secret) == received.verified(endpoint.secret)
    set_row(endpoint, "previous_secret_until = now() - interval '1 s'")
    deliver(send_test(read_endpoint(endpoint)))
    receiver.received[1].verified(rotated.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.received[1].verified(endpoint.secret)


@pytest.mark.parametrize(
    ("answer", "logged"),
    [
        (Answer(500), (500, None)),
        (Answer(301, {"Location": "http://127.0.0.1:1/"}), (301, None)),
        (Answer(late=True), (None, "timeout")),
        (Answer(dropped=True), (None, "connection_failed")),
    ],
)
def test_a_failure_is_logged_and_tried_again(monkeypatch, receiver, delivery, answer, logged):
    monkeypatch.setitem(egress.post.__kwdefaults__, "limit_s", 0.3)
    receiver.answer(answer)
    assert deliver(delivery).state == "pending"
    assert (attempts_of(delivery), len(receiver.received)) == ([logged], 1)
    assert 0 < due_in_s(delivery) < 6


def test_too_many_requests_waits_as_long_as_asked(receiver, delivery):
    receiver.answer(Answer(429, {"Retry-After": "90"}))
    deliver(delivery)
    assert 85 < due_in_s(delivery) <= 90


def test_gone_disables_the_endpoint(receiver, endpoint, delivery):
    receiver.answer(410)
    assert deliver(delivery).state == "failed"
    assert read_endpoint(endpoint).disabled_reason == "gone"
    assert deliver_all(endpoint) == 0


def test_a_private_address_is_refused_at_each_attempt(receiver, endpoint, delivery, setting):
    setting(webhook_allow_private=False)  # an http URL from development stays in the table
    deliver(delivery)
    set_row(endpoint, f"url = 'https://127.0.0.1:{receiver.port}/'")
    deliver(delivery)
    set_row(endpoint, "url = 'https://localhost./'")
    deliver(delivery)
    assert attempts_of(delivery) == [(None, "webhook_url_refused")] * 3
    assert receiver.received == []


def test_a_name_is_looked_up_again_at_each_attempt(monkeypatch, receiver, endpoint, setting):
    """It led to a public address when it was registered; now it leads to the metadata service."""
    monkeypatch.setitem(egress.post.__kwdefaults__, "resolver", rebound)
    setting(webhook_allow_private=False)
    set_row(endpoint, "url = 'https://rebinding.example.com/'")
    delivery = send_test(read_endpoint(endpoint))
    deliver(delivery)
    deliver(delivery)
    assert attempts_of(delivery) == [(None, "address_refused")] * 2


def rebound(*_: object, **__: object) -> list[tuple]:
    return [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", ("169.254.169.254", 443))]


def test_what_was_sent_by_a_worker_that_died_is_sent_again(receiver, delivery):
    with transaction() as session:
        message = deliveries.claim(session, delivery.id)
    sender.send(message)  # and dies before it can say so
    sender.deliver(delivery.id)
    assert len(receiver.received) == 1
    set_row(delivery, "lease_until = now() - interval '1 s'")
    sender.deliver(delivery.id)
    assert (len(receiver.received), read_delivery(delivery.id).state) == (2, "delivered")


def test_many_rings_for_one_delivery_send_it_once(receiver, delivery):
    threads = [threading.Thread(target=sender.deliver, args=[delivery.id]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.received) == 1


def test_one_ring_sends_all_that_the_endpoint_is_owed(receiver, endpoint):
    made = [send_test(endpoint) for _ in range(20)]
    sender.deliver(made[0].id)
    assert {one.state for one in deliveries_of(endpoint)} == {"delivered"}
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 20


def test_a_worker_that_lingered_long_enough_leaves_the_rest_to_a_ring(monkeypatch, endpoint):
    monkeypatch.setattr(sender, "LINGER_S", 0)
    rung = listen(monkeypatch)
    made = [send_test(endpoint) for _ in range(3)]
    rung.clear()
    sender.deliver(made[0].id)
    assert [one.state for one in deliveries_of(endpoint)] == ["delivered", "pending", "pending"]
    assert rung == [made[1].id]


def test_a_worker_that_is_told_to_stop_takes_nothing_more(monkeypatch, endpoint):
    made = [send_test(endpoint) for _ in range(2)]
    heartbeat.stopping.set()
    try:
        sender.deliver(made[0].id)
    finally:
        heartbeat.stopping.clear()
    assert [one.state for one in deliveries_of(endpoint)] == ["delivered", "pending"]


def test_a_ring_that_the_broker_lost_is_rung_again_by_the_sweep(rung_at_once, endpoint):
    delivery = send_test(endpoint)
    assert delivery.id in waiting()
    queue._redis().flushall()
    assert delivery.id not in waiting()
    sweep.repair_rings()
    assert delivery.id in waiting()
    assert deliver(delivery).state == "delivered"


def test_a_retry_is_rung_by_the_sweep_when_it_is_due(rung_at_once, receiver, endpoint):
    delivery = send_test(endpoint)
    receiver.answer(500)
    deliver(delivery)
    queue._redis().flushall()
    sweep.repair_rings()
    assert delivery.id not in waiting()
    set_row(delivery, "due_at = now()")
    sweep.repair_rings()
    assert delivery.id in waiting()


def test_a_ring_for_what_is_deleted_finds_nothing(receiver, endpoint, delivery):
    with transaction() as session:
        session.delete(session.get_one(WebhookEndpoint, endpoint.id))
    sender.deliver(delivery.id)
    assert receiver.received == []


def test_a_database_that_is_away_leaves_the_delivery_to_its_lease(receiver, delivery, without):
    with transaction() as session:
        message = deliveries.claim(session, delivery.id)
    with without("database"):
        sender.deliver(delivery.id)
    assert (read_delivery(delivery.id).lease_token, receiver.received) == (message.token, [])


def test_an_endpoint_gets_only_what_it_asked_for(account, receiver):
    endpoint = make_endpoint(account, receiver.url, types=[EventType.JOB_FAILED])
    for state in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED):
        make_job(make_clip(make_pet(account)), state=state)
    assert deliver_all(endpoint) == 1
    assert receiver.received[0].verified(endpoint.secret)["type"] == "job.failed"


def test_nothing_that_is_secret_is_logged_or_kept(receiver, endpoint, delivery, capsys, caplog):
    receiver.answer(Answer(500, body=b"their inner workings"))
    told = deliver(delivery)
    said = capsys.readouterr()
    logged = said.out + said.err + caplog.text
    with transaction() as session:
        query = text("SELECT json_agg(delivery_attempts)::text FROM delivery_attempts")
        logged += session.execute(query).scalar_one() + repr(vars(told))
    assert "delivery_failed" in logged
    for secret in (endpoint.secret, endpoint.secret.removeprefix("whsec_"), "of=us", "inner"):
        assert secret not in logged
    assert receiver.received[0].headers["webhook-signature"] not in logged


@pytest.fixture
def rung_at_once(monkeypatch) -> None:
    """Ring in the thread that commits, so that a test knows when it has rung."""
    monkeypatch.setattr(queue, "ring_soon", queue.ring)


def deliver_all(endpoint: WebhookEndpoint) -> int:
    """Ring for everything that an endpoint is owed; count what it received."""
    for delivery in deliveries_of(endpoint):
        sender.deliver(delivery.id)
    return sum(one.state == "delivered" for one in deliveries_of(endpoint))


def listen(monkeypatch) -> list:
    """Hear the rings instead of the broker."""
    rung: list = []
    monkeypatch.setattr(queue, "ring_soon", lambda _queue, row_id: rung.append(row_id))
    return rung


def waiting() -> set:
    """List the deliveries that wait in the queue."""
    bodies = [
        json.loads(base64.b64decode(json.loads(message)["body"]))
        for message in queue._redis().lrange(Queue.DELIVER, 0, -1)
    ]
    return {uuid.UUID(args[0]) for args, *_ in bodies}
