"""Events: written in the transaction of what they tell, with one delivery for each endpoint.

Nothing is written for an account without endpoints. Knows nothing of HTTP.
"""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import queue
from shared.models import Delivery, Event, EventType, WebhookEndpoint
from shared.queue import Queue
from shared.ways import Way

KEPT_DAYS = 30  # how far back a replay can reach

# For statements that change a state: they add a CTE `happened (account_id, type, job_id, pet_id,
# data)` and these two, so that the change and its events are one round trip. `owed` gives the ids
# to ring. An event is kept while the account's endpoints are all disabled: a replay finds it.
EMIT = """
noted AS (
    INSERT INTO events (id, account_id, type, job_id, pet_id, data)
    SELECT uuidv7(), account_id, type, job_id, pet_id, data FROM happened
     WHERE EXISTS (SELECT FROM webhook_endpoints
                    WHERE webhook_endpoints.account_id = happened.account_id)
    RETURNING id, account_id, type),
owed AS (
    INSERT INTO deliveries (id, event_id, endpoint_id)
    SELECT uuidv7(), noted.id, webhook_endpoints.id
      FROM noted JOIN webhook_endpoints USING (account_id)
     WHERE state = 'enabled' AND (events = '{}' OR type = ANY (events))
    RETURNING id)
"""

EMIT_ONE = text(f"""
WITH happened (account_id, type, job_id, pet_id, data) AS (
    SELECT CAST(:account_id AS uuid), :type, CAST(:job_id AS uuid), CAST(:pet_id AS uuid),
           CAST(:data AS jsonb)),
{EMIT}
SELECT id FROM owed
""")  # noqa: S608 - EMIT is the literal above

# UUIDv7 keys begin with their time.
PURGE = text("DELETE FROM events WHERE id < uuidv7(make_interval(days => -:kept_days))")


def emit(
    session: Session,
    account_id: uuid.UUID,
    type_: EventType,
    data: dict[str, Any],
    *,
    job_id: uuid.UUID | None = None,
    pet_id: uuid.UUID | None = None,
) -> None:
    """Tell the account's endpoints, once the transaction has committed.

    The event is deleted together with the job or the pet named here: name one where there is one.
    """
    values = {"account_id": account_id, "type": type_, "job_id": job_id, "pet_id": pet_id}
    owed = session.execute(EMIT_ONE, {**values, "data": json.dumps(data, allow_nan=False)})
    ring_after_commit(session, owed.scalars())


def emit_test(session: Session, endpoint: WebhookEndpoint) -> Delivery:
    """Tell one endpoint, whatever its filter, that it is being tested."""
    delivery = Delivery(
        endpoint=endpoint,
        event=Event(
            account_id=endpoint.account_id,
            type=EventType.ENDPOINT_TEST,
            data={"endpoint_id": str(endpoint.id)},
        ),
    )
    session.add(delivery)
    session.flush()
    session.refresh(delivery)
    ring_after_commit(session, [delivery.id])
    return delivery


def ring_after_commit(way: Way, delivery_ids: Iterable[uuid.UUID]) -> None:
    """Ring for deliveries as soon as a worker can see them."""
    queue.ring_after_commit(way, Queue.DELIVER, delivery_ids)


def purge(session: Session) -> None:
    """Forget events, with their deliveries, that nobody replays any more."""
    session.execute(PURGE, {"kept_days": KEPT_DAYS})
