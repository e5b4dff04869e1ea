"""Doorbells: a message says that a job or delivery may be ready, and carries nothing but its id.

Knows no table. Losing a ring or ringing twice is harmless: the row in Postgres is the truth.
"""

import base64
import functools
import json
import queue as stdlib_queue
import threading
import uuid
from collections.abc import Iterable
from enum import StrEnum

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import event
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from shared.errors import BrokerUnavailable, NotConfigured, TailTrendError
from shared.settings import settings
from shared.ways import Way

BROKER_TIMEOUT_S = 2
MOST_PENDING_RINGS = 10_000  # beyond it a ring is dropped, and the sweep rings later
MOST_RINGS_AT_ONCE = 100
RINGS = "rings"  # in Session.info: what its commit will ring

log = structlog.get_logger()


class Queue(StrEnum):
    """Every queue; the task that consumes it has the same name."""

    EXTRACT = "extract"
    ENCODE = "encode"
    FUSE = "fuse"
    DELIVER = "deliver"


Ring = tuple[Queue, uuid.UUID]


def broker_url() -> str:
    """Give the broker's URL, password included."""
    url = settings().broker_url
    if url is None:
        raise NotConfigured("TAILTREND_BROKER_URL is not set.")
    return url.get_secret_value()


def message(queue: Queue, row_id: uuid.UUID) -> str:
    """Write a ring as Celery's workers read it from Redis: kombu's envelope, task protocol 2.

    Sent through Celery each would take 0.3 ms of a process that has requests to answer, and only a
    client of our own may have a socket_timeout: it makes a worker silently dead (decisions/0002).
    """
    task_id = str(uuid7())
    body = json.dumps([[str(row_id)], {}, {}]).encode()
    envelope = {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"lang": "py", "task": queue, "id": task_id, "root_id": task_id},
        "properties": {
            "correlation_id": task_id,
            "delivery_tag": task_id,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "body_encoding": "base64",
        },
    }
    return json.dumps(envelope)


def ring(queue: Queue, row_id: uuid.UUID) -> None:
    """Ring at once. Raises BrokerUnavailable, which means unknown rather than not rung."""
    ring_all([(queue, row_id)])


def ring_all(rings: Iterable[Ring]) -> None:
    """Ring several at once, in one way to the broker. Raises as `ring` does."""
    try:
        with _redis().pipeline(transaction=False) as pipeline:
            for queue, row_id in rings:
                pipeline.lpush(queue, message(queue, row_id))
            pipeline.execute()
    except (RedisError, OSError) as error:
        raise BrokerUnavailable from error


def ring_first(queue: Queue, job_id: uuid.UUID) -> None:
    """Ring before all that waits: for a job that has waited before. Raises BrokerUnavailable."""
    ring(queue, job_id)
    try:
        # Should another ring have come in between, that one goes first: harmless.
        _redis().lmove(queue, queue, "LEFT", "RIGHT")
    except (RedisError, OSError) as error:
        raise BrokerUnavailable from error


def ring_soon(queue: Queue, row_id: uuid.UUID) -> None:
    """Ring from a thread of this process, so that nobody ever waits for the broker."""
    _pending().put((queue, row_id))


def ring_after_commit(way: Way, queue: Queue, row_ids: Iterable[uuid.UUID]) -> None:
    """Ring once what was written on this way can be seen."""
    rings = [(queue, row_id) for row_id in row_ids]
    if isinstance(way, Session):
        way.info.setdefault(RINGS, []).extend(rings)
        return
    way.afterwards += [functools.partial(ring_soon, *each) for each in rings]


@event.listens_for(Session, "after_commit")  # a listener of each session would cost 0.4 ms
def _ring_what_was_committed(session: Session) -> None:
    for queue, row_id in session.info.pop(RINGS, ()):
        ring_soon(queue, row_id)


def lengths() -> dict[Queue, int]:
    """Count the rings that wait in each queue. Raises BrokerUnavailable."""
    try:
        with _redis().pipeline(transaction=False) as pipeline:
            for queue in Queue:
                pipeline.llen(queue)
            return dict(zip(Queue, pipeline.execute(), strict=True))
    except (RedisError, OSError) as error:
        raise BrokerUnavailable from error


@functools.cache
def _redis() -> Redis:
    return Redis.from_url(
        broker_url(),
        socket_timeout=BROKER_TIMEOUT_S,
        socket_connect_timeout=BROKER_TIMEOUT_S,
        # Once, for what a restarted broker has closed. By default the bell would sleep for seconds
        # between tries, and be late when the broker is back.
        retry=Retry(NoBackoff(), 1),
    )


@functools.cache
def _pending() -> "Bell":
    return Bell()


class Bell:
    """A thread that rings what is put into it, together what came meanwhile.

    It outlives whatever its client raises: without it a process would never ring again.
    """

    def __init__(self) -> None:
        self._rings: stdlib_queue.Queue[Ring] = stdlib_queue.Queue(MOST_PENDING_RINGS)
        threading.Thread(target=self._work, name="bell", daemon=True).start()

    def put(self, one: Ring) -> None:
        try:
            self._rings.put_nowait(one)
        except stdlib_queue.Full:
            log.warning("ring_dropped", queue=one[0], row_id=str(one[1]))

    def _work(self) -> None:
        while True:
            rings = [self._rings.get(), *self._waiting()]
            try:
                ring_all(rings)
            except TailTrendError as error:
                log.warning("rings_failed", rings=len(rings), why=str(error.__cause__ or error))
            except Exception:  # redis-py has raised AttributeError of a connection just closed
                log.exception("rings_failed", rings=len(rings))

    def _waiting(self) -> list[Ring]:
        count = min(self._rings.qsize(), MOST_RINGS_AT_ONCE)
        return [self._rings.get() for _ in range(count)]  # nobody else takes any
