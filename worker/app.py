"""The worker of all queues (`celery -A worker.app`): how its processes start and stop.

A worker of a few queues names them with `-Q`; `worker.deliverer` serves webhooks alone.
"""

import functools
from typing import Any

from celery import signals
from celery.concurrency import thread as threads

from shared import storage
from shared.memory import spare_what_is_loaded
from shared.models import Step
from worker import deciders, deliverer, folders, priority, steps, tasks
from worker.consumer import app
from worker.sweep import Sweeper

__all__ = ["app", "deliverer"]


def served() -> frozenset[Step]:
    """Tell which steps this worker consumes (`-Q`): those it may go on with in memory."""
    return frozenset(step for step in Step if step in app.amqp.queues.consume_from)


def register(step: Step) -> None:
    """Make the task of a step's queue."""

    @app.task(name=step.value)
    def task(job_id: str) -> None:
        tasks.work(job_id, step, served=served())


for _step in Step:
    register(_step)


@functools.cache
def sweeper() -> Sweeper:
    """Keep this process's sweep."""
    return Sweeper()


@signals.worker_init.connect
def _before_forks(**_: object) -> None:
    storage.client()  # 11 MB, and no connection yet
    spare_what_is_loaded()


@signals.worker_process_init.connect
def _start_process(**_: object) -> None:
    priority.give_way()
    folders.sweep()
    sweeper().start()
    if Step.EXTRACT in served():
        steps.sandbox().start()
    if Step.ENCODE in served():
        steps.encoders()
    if Step.FUSE in served():
        deciders.named(None)


@signals.worker_ready.connect
def _start_threads(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's, untyped
    """Start a worker whose jobs are threads: it has no processes that would tell of themselves."""
    if isinstance(sender.pool, threads.TaskPool):
        _start_process()


@signals.worker_shutdown.connect
def _stop_threads(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's, untyped
    if isinstance(sender.pool, threads.TaskPool):
        _stop_process()


@signals.worker_process_shutdown.connect
def _stop_process(**_: object) -> None:
    sweeper().stop()
    steps.sandbox().stop()
