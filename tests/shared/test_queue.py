"""The broker's absence is somebody else's error, and costs nobody time."""

import time
import uuid

import pytest

from shared import queue
from shared.errors import BrokerUnavailable
from shared.queue import Bell, Queue


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
