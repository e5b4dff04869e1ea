"""The Celery app that all workers share: the settings that survive a broker's faults, no task."""

import logging

import kombu
from celery import Celery, signals
from celery.worker.request import Request

from shared import logs, queue
from shared.memory import share_arenas
from shared.queue import Queue
from worker.heartbeat import stopping


class Heard(Request):
    """A message that the broker forgot when it was heard: no answer is owed to it."""

    def acknowledge(self) -> None:
        self.acknowledged = True


app = Celery("tailtrend", broker=queue.broker_url(), set_as_current=True)
app.conf.update(
    task_ignore_result=True,
    # The row in Postgres is the truth, so the broker forgets a message when it is heard: a lost one
    # is rung again, and nothing unacknowledged can be restored twice or hold a worker's exit.
    task_queues=[kombu.Queue(name, routing_key=name, no_ack=True) for name in Queue],
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_pool="worker.pool:Pool",  # what `--pool prefork` means here
    # With early acknowledgement nothing that runs can be fetched again after a lost connection.
    worker_enable_prefetch_count_reduction=False,
    worker_max_tasks_per_child=500,
    worker_max_memory_per_child=900_000,  # KiB; a child past it is replaced between two jobs
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={  # and never a socket_timeout: docs/decisions/0002
        "visibility_timeout": 3600,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
)
app.Task.Request = f"{Heard.__module__}:{Heard.__name__}"


@signals.setup_logging.connect
def _configure_logs(**_: object) -> None:
    logs.configure()
    # Two lines a ring that name no job; what happens to a job is logged by us.
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)


@signals.worker_init.connect
def _hold_less(**_: object) -> None:
    share_arenas()


@signals.worker_shutting_down.connect
def _ask_to_stop(**_: object) -> None:
    stopping.set()
