"""The broker's absence is somebody else's error, and costs nobody time."""

import base64
import json
import queue as stdlib_queue
import time
import uuid

import pytest

from shared import queue
from shared.errors import BrokerUnavailable
from shared.queue import Bell, Queue
from tests.waiting import eventually


def test_a_ring_without_a_broker_is_an_error_of_ours(without):
    with without("broker"):
        with pytest.raises(BrokerUnavailable):
            queue.ring(Queue.EXTRACT, uuid.uuid4())
        with pytest.raises(BrokerUnavailable):
            queue.lengths()


def test_ringing_soon_never_waits_for_the_broker(without):
    with without("broker"):
        started_at = time.monotonic()
        for _ in range(100):
            queue.ring_soon(Queue.EXTRACT, uuid.uuid4())
        assert time.monotonic() - started_at < 0.5


def test_a_bell_that_is_full_drops_rings_instead_of_blocking(without, monkeypatch):
    monkeypatch.setattr(queue, "MOST_PENDING_RINGS", 2)
    with without("broker"):
        bell = Bell()
        started_at = time.monotonic()
        for _ in range(50):
            bell.put((Queue.EXTRACT, uuid.uuid4()))
        assert time.monotonic() - started_at < 0.5
        while bell._rings.qsize():
            time.sleep(0.01)


def test_a_bell_outlives_what_its_client_raises(monkeypatch):
    heard = stdlib_queue.Queue()

    def ring_all(rings):
        heard.put(rings)
        if heard.qsize() == 1:
            raise AttributeError("'NoneType' object has no attribute 'readline'")

    monkeypatch.setattr(queue, "ring_all", ring_all)
    bell, rings = Bell(), [(Queue.EXTRACT, uuid.uuid4()) for _ in range(2)]
    bell.put(rings[0])
    while not heard.qsize():
        time.sleep(0.01)
    bell.put(rings[1])
    assert [heard.get(timeout=5) for _ in range(2)] == [[rings[0]], [rings[1]]]


def test_rings_that_come_together_are_all_rung_in_their_order():
    queue._redis().flushall()
    row_ids = [uuid.uuid4() for _ in range(2 * queue.MOST_RINGS_AT_ONCE + 50)]
    for row_id in row_ids:
        queue.ring_soon(Queue.DELIVER, row_id)
    assert eventually(lambda: queue.lengths()[Queue.DELIVER] == len(row_ids))
    rung = [_row_id(message) for message in queue._redis().lrange(Queue.DELIVER, 0, -1)]
    assert rung[::-1] == [str(row_id) for row_id in row_ids]  # the oldest is heard first


def _row_id(message):
    return json.loads(base64.b64decode(json.loads(message)["body"]))[0][0]
