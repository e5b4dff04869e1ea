"""Doorbells: a message says that a job or delivery may be ready, and carries nothing but its id.

Knows no table. Losing a ring or ringing twice is harmless: the row in Postgres is the truth.
"""

import functools
import queue as stdlib_queue
import threading
import uuid
from enum import StrEnum

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from shared.errors import BrokerUnavailable, NotConfigured, TailTrendError
from shared.settings import settings

BROKER_TIMEOUT_S = 2
MOST_PENDING_RINGS = 10_000  # beyond it a ring is dropped, and the sweep rings later

log = structlog.get_logger()


class Queue(StrEnum):
    """Every queue; the task that consumes it has the same name."""

    EXTRACT = "extract"
    ENCODE = "encode"
    FUSE = "fuse"
    DELIVER = "deliver"


def broker_url() -> str:
    """Give the broker's URL, password included."""
    url = settings().broker_url
    if url is None:
        raise NotConfigured("TAILTREND_BROKER_URL is not set.")
    return url.get_secret_value()


@functools.cache
def publisher() -> Celery:
    """Make this process's publish-only app.

    Only these options bound a publish on a frozen broker; a worker must never have them, since a
    socket_timeout makes a worker silently dead (docs/decisions/0002).
    """
    app = Celery("tailtrend-publisher", broker=broker_url(), set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_publish_retry=False,
        broker_transport_options={
            "socket_timeout": BROKER_TIMEOUT_S,
            "socket_connect_timeout": BROKER_TIMEOUT_S,
            "max_retries": 0,
        },
    )
    return app


def ring(queue: Queue, row_id: uuid.UUID) -> None:
    """Ring at once. Raises BrokerUnavailable, which means unknown rather than not rung."""
    try:
        publisher().send_task(queue, args=[str(row_id)], queue=queue)
    except (OperationalError, RedisError, OSError) as error:
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
    )


@functools.cache
def _pending() -> "Bell":
    return Bell()


class Bell:
    """A thread that rings what is put into it, one after the other."""

    def __init__(self) -> None:
        self._rings: stdlib_queue.Queue[tuple[Queue, uuid.UUID]] = stdlib_queue.Queue(
            MOST_PENDING_RINGS
        )
        threading.Thread(target=self._work, name="bell", daemon=True).start()

    def put(self, one: tuple[Queue, uuid.UUID]) -> None:
        try:
            self._rings.put_nowait(one)
        except stdlib_queue.Full:
            log.warning("ring_dropped", queue=one[0], row_id=str(one[1]))

    def _work(self) -> None:
        while True:
            queue, row_id = self._rings.get()
            try:
                ring(queue, row_id)
            except TailTrendError as error:
                why = str(error.__cause__ or error)
                log.warning("ring_failed", queue=queue, row_id=str(row_id), why=why)
