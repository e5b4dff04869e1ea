"""The worker that only sends webhooks (`celery -A worker.deliverer`): small, without the models.

It waits for other people's servers, so it has many threads; apart from the analysis, none of that
waiting takes a place there.
"""

import uuid

from shared.queue import Queue
from worker import deliveries
from worker.consumer import app

__all__ = ["app"]


@app.task(name=Queue.DELIVER.value)
def deliver(delivery_id: str) -> None:
    deliveries.deliver(uuid.UUID(delivery_id))
