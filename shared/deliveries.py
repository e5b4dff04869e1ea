"""Deliveries: one event on its way to one endpoint, at least once. docs/webhooks.md draws it.

The row is the truth, as with jobs: a claim is a lease that counts the attempt, a retry is a due
time, and a ring that got lost is rung again by the sweep. Knows nothing of sockets.
"""

import json
import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, TextClause, select, text
from sqlalchemy.orm import Session, contains_eager

from shared import endpoints, events
from shared.errors import NotFound
from shared.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DisabledReason,
    WebhookEndpoint,
)

RETRIES_AFTER_S = (
    *(5, 5 * 60, 30 * 60),
    *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)),
)  # Standard Webhooks' schedule: 3 days
MOST_ATTEMPTS = 1 + len(RETRIES_AFTER_S)
JITTER = 0.1
MOST_RETRY_AFTER_S = 24 * 3600.0
HOPELESS_AFTER_DAYS = 5

LEASE_S = 15  # three times as long as sending may take
LANES = 4  # attempts at one endpoint at once: a slow one must not fill every worker
LANES_WHEN_FAILING = 1
MOST_RINGS_A_SWEEP = 500
MOST_RINGS_WAITING = 1000  # the queue does not grow without bound while no worker takes from it

HTTP_GONE = 410


@dataclass(frozen=True, slots=True)
class Message:
    """A claimed attempt: what to send where, signed with which secrets."""

    delivery_id: uuid.UUID
    token: uuid.UUID
    attempt: int
    endpoint_id: uuid.UUID
    url: str
    secrets: tuple[str, ...] = field(repr=False)  # the newest first
    is_hopeless: bool  # the endpoint has failed for days
    event_id: uuid.UUID
    type: str
    happened_at: datetime
    data: dict[str, Any] = field(repr=False)

    def body(self) -> str:
        """Write what is sent; the same for every attempt."""
        told = {"type": self.type, "timestamp": self.happened_at.isoformat(), "data": self.data}
        return json.dumps(told, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: a status, or the code of the error that came instead."""

    status: int | None
    error: str | None
    duration_s: float
    retry_after_s: float = 0

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


DUE = "state = 'pending' AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())"


def _claim_where(whose: str) -> TextClause:
    """Write the statement that claims the due delivery picked by `whose`, if a lane is free.

    It ends a delivery that came just as its endpoint was disabled, and one whose senders died each
    time: it may be what they died of.
    """
    return text(f"""
WITH picked AS (
    SELECT id, endpoint_id, attempts >= :most_attempts AS is_spent
      FROM deliveries WHERE {whose} AND {DUE}
     ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED),
judged AS (
    SELECT picked.id, endpoint_id, url, secret, failing_since,
           CASE WHEN previous_secret_until > now() THEN previous_secret END AS previous,
           CASE WHEN state = 'disabled' THEN 'endpoint_disabled'
                WHEN is_spent THEN 'attempts_exhausted' END AS why_not
      FROM picked JOIN webhook_endpoints ON webhook_endpoints.id = endpoint_id
     WHERE (SELECT count(*) FROM deliveries
             WHERE endpoint_id = picked.endpoint_id AND lease_token IS NOT NULL
               AND lease_until > now())
           < CASE WHEN failing_since IS NULL THEN :lanes ELSE :lanes_when_failing END),
ended AS (
    UPDATE deliveries
       SET state = CASE why_not WHEN 'endpoint_disabled' THEN 'canceled' ELSE 'failed' END,
           last_error = why_not, finished_at = now(), lease_token = NULL, lease_until = NULL
      FROM judged WHERE deliveries.id = judged.id AND why_not IS NOT NULL),
claimed AS (
    UPDATE deliveries
       SET attempts = attempts + 1, lease_token = gen_random_uuid(),
           lease_until = now() + make_interval(secs => :lease_s)
      FROM judged WHERE deliveries.id = judged.id AND why_not IS NULL
    RETURNING deliveries.*, url, secret, previous, failing_since)
SELECT claimed.id AS delivery_id, lease_token AS token, attempts AS attempt, endpoint_id, url,
       secret, previous,
       coalesce(failing_since < now() - make_interval(days => :hopeless_after_days), false)
           AS is_hopeless,
       event_id, type, events.created_at AS happened_at, data
  FROM claimed JOIN events ON events.id = event_id
""")  # noqa: S608 - `whose` is one of the literals below


CLAIM = _claim_where("id = :id")
CLAIM_NEXT = _claim_where("endpoint_id = :id")

SETTLE = text("""
WITH settled AS (
    UPDATE deliveries
       SET state = :state, lease_token = NULL, lease_until = NULL,
           last_status = :status, last_error = :error,
           due_at = now() + make_interval(secs => :delay_s),
           finished_at = CASE WHEN :state = 'pending' THEN NULL ELSE now() END
     WHERE id = :delivery_id AND lease_token = :token
    RETURNING id)
INSERT INTO delivery_attempts (delivery_id, duration_ms, status, error)
SELECT id, :duration_ms, :status, :error FROM settled
""")

# One ring for each endpoint: who answers it goes on with the endpoint's next delivery.
UNANSWERED = text(f"""
SELECT first.id FROM webhook_endpoints CROSS JOIN LATERAL (
    SELECT id, due_at FROM deliveries
     WHERE endpoint_id = webhook_endpoints.id AND {DUE} ORDER BY due_at LIMIT 1) AS first
 ORDER BY first.due_at LIMIT :most
""")  # noqa: S608 - DUE is the literal above

FOLLOWING = text(f"""
SELECT id FROM deliveries WHERE endpoint_id = :endpoint_id AND {DUE} ORDER BY due_at LIMIT 1
""")  # noqa: S608 - DUE is the literal above

AGAIN = "state = 'pending', attempts = 0, due_at = now(), finished_at = NULL"

REPLAY = text(f"""
UPDATE deliveries SET {AGAIN} WHERE id = :delivery_id AND lease_token IS NULL
""")  # noqa: S608 - AGAIN is the literal above

REPLAY_RANGE = text(f"""
INSERT INTO deliveries (id, event_id, endpoint_id)
SELECT uuidv7(), events.id, webhook_endpoints.id
  FROM events JOIN webhook_endpoints USING (account_id)
 WHERE webhook_endpoints.id = :endpoint_id AND type <> 'endpoint.test'
   AND (webhook_endpoints.events = '{{}}' OR type = ANY (webhook_endpoints.events))
   AND events.created_at >= :since
   AND events.created_at < coalesce(CAST(:until AS timestamptz), now())
 ORDER BY events.id
ON CONFLICT (event_id, endpoint_id) DO UPDATE SET {AGAIN} WHERE deliveries.state <> 'pending'
RETURNING id
""")  # noqa: S608 - AGAIN is the literal above


# --- for the API -----------------------------------------------------------------------------


def chosen(
    account_id: uuid.UUID,
    *,
    endpoint_id: uuid.UUID | None = None,
    state: DeliveryState | None = None,
) -> Select[Delivery]:
    """Select the deliveries of an account, each with its event and endpoint."""
    query = select(Delivery).join(Delivery.endpoint).join(Delivery.event)
    query = query.options(contains_eager(Delivery.endpoint), contains_eager(Delivery.event))
    query = query.where(WebhookEndpoint.account_id == account_id)
    if endpoint_id is not None:
        query = query.where(Delivery.endpoint_id == endpoint_id)
    return query if state is None else query.where(Delivery.state == state)


def get(session: Session, account_id: uuid.UUID, delivery_id: uuid.UUID) -> Delivery:
    """Read a delivery of an account. Raises NotFound."""
    found = session.scalar(chosen(account_id).where(Delivery.id == delivery_id))
    if found is None:
        raise NotFound
    return found


def log(session: Session, delivery: Delivery) -> list[DeliveryAttempt]:
    """List a delivery's attempts, oldest first."""
    query = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == delivery.id)
    return list(session.scalars(query.order_by(DeliveryAttempt.id)))


def replay(session: Session, delivery: Delivery) -> None:
    """Send an event again, from now on as at first; one on its way goes on. Raises Conflict."""
    endpoints.require_enabled(delivery.endpoint)
    session.execute(REPLAY, {"delivery_id": delivery.id})
    session.refresh(delivery)
    events.ring_after_commit(session, [delivery.id])


def replay_range(
    session: Session, endpoint: WebhookEndpoint, *, since: datetime, until: datetime | None = None
) -> int:
    """Send again what happened in [since, until), also what came while the endpoint was disabled.

    Gives the number of events; those on their way go on. Raises EndpointDisabled.
    """
    endpoints.require_enabled(endpoint)
    values = {"endpoint_id": endpoint.id, "since": since, "until": until}
    again = list(session.scalars(REPLAY_RANGE, values))
    events.ring_after_commit(session, again[:LANES])
    return len(again)


# --- for the worker --------------------------------------------------------------------------


def claim(session: Session, delivery_id: uuid.UUID) -> Message | None:
    """Take a due delivery, counting the attempt; None when there is nothing to do now."""
    return _claim(session, CLAIM, delivery_id)


def claim_next(session: Session, endpoint_id: uuid.UUID) -> Message | None:
    """Take an endpoint's delivery that has been due longest."""
    return _claim(session, CLAIM_NEXT, endpoint_id)


def following(session: Session, endpoint_id: uuid.UUID) -> uuid.UUID | None:
    """Name the delivery that `claim_next` would take."""
    found: uuid.UUID | None = session.scalar(FOLLOWING, {"endpoint_id": endpoint_id})
    return found


def settle(session: Session, message: Message, outcome: Outcome) -> None:
    """Record how an attempt ended; nothing of the delivery changes when its lease was lost."""
    # The endpoint first, as a deletion locks them.
    is_final = _judge_endpoint(session, message, outcome) or message.attempt >= MOST_ATTEMPTS
    state = DeliveryState.PENDING
    if outcome.is_success:
        state = DeliveryState.DELIVERED
    elif is_final:
        state = DeliveryState.FAILED
    session.execute(
        SETTLE,
        {
            "delivery_id": message.delivery_id,
            "token": message.token,
            "state": state,
            "status": outcome.status,
            "error": outcome.error,
            "duration_ms": round(outcome.duration_s * 1000),
            "delay_s": delay_s(message.attempt, outcome.retry_after_s),
        },
    )


def delay_s(attempt: int, retry_after_s: float = 0) -> float:
    """Give the pause after a failed attempt: the schedule's, or longer when the receiver asks."""
    planned = RETRIES_AFTER_S[min(attempt, len(RETRIES_AFTER_S)) - 1]
    jittered = planned * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
    return max(jittered, min(retry_after_s, MOST_RETRY_AFTER_S))


def unanswered(session: Session, *, waiting: int) -> list[uuid.UUID]:
    """List a due delivery of each endpoint, for the sweep to ring; `waiting` rings are queued."""
    most = min(MOST_RINGS_A_SWEEP, MOST_RINGS_WAITING - waiting)
    return list(session.scalars(UNANSWERED, {"most": most})) if most > 0 else []


# --- inside ----------------------------------------------------------------------------------


def _claim(session: Session, statement: TextClause, id_: uuid.UUID) -> Message | None:
    limits = {
        "lease_s": LEASE_S,
        "most_attempts": MOST_ATTEMPTS,
        "lanes": LANES,
        "lanes_when_failing": LANES_WHEN_FAILING,
        "hopeless_after_days": HOPELESS_AFTER_DAYS,
    }
    found = session.execute(statement, {"id": id_, **limits}).mappings().one_or_none()
    if found is None:
        return None
    row = dict(found)
    signing = (row.pop("secret"), row.pop("previous"))
    return Message(**row, secrets=tuple(secret for secret in signing if secret))


def _judge_endpoint(session: Session, message: Message, outcome: Outcome) -> bool:
    """Draw from an attempt what it says of its endpoint; tell whether that is now disabled."""
    if outcome.is_success:
        endpoints.note_success(session, message.endpoint_id)
        return False
    if outcome.status == HTTP_GONE:
        endpoints.disable(session, message.endpoint_id, DisabledReason.GONE)
        return True
    if message.is_hopeless:
        endpoints.disable(session, message.endpoint_id, DisabledReason.FAILING)
        return True
    endpoints.note_failure(session, message.endpoint_id)
    return False
