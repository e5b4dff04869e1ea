"""Send what is due: claim, sign, send, record. Knows nothing of how a socket is opened."""

import time
import uuid
from datetime import UTC, datetime

import structlog
from standardwebhooks import Webhook

from shared import deliveries, endpoints, queue
from shared.db import transaction
from shared.deliveries import Message, Outcome
from shared.errors import DatabaseUnavailable, WebhookUrlRefused
from shared.queue import Queue
from shared.settings import settings
from worker import egress
from worker.heartbeat import stopping

LINGER_S = 10.0  # then other endpoints' rings have their turn

log = structlog.get_logger()


def deliver(delivery_id: uuid.UUID) -> None:
    """Answer a ring: send the delivery if it is due, then what else its endpoint is owed."""
    linger_until = time.monotonic() + LINGER_S
    try:
        with transaction() as session:
            message = deliveries.claim(session, delivery_id)
        while message is not None:
            message = _go_on(message, send(message), linger_until)
    except DatabaseUnavailable as error:
        log.warning("delivery_unrecorded", delivery_id=str(delivery_id), why=error.detail)


def send(message: Message) -> Outcome:
    """Send one attempt."""
    started_at = time.monotonic()
    body = message.body()
    allow_private = settings().webhook_allow_private
    status, error, retry_after_s = None, None, 0.0
    try:
        url = endpoints.split_url(message.url)
        answer = egress.post(url, body.encode(), sign(message, body), allow_private=allow_private)
        status, retry_after_s = answer.status, answer.retry_after_s
    except (egress.SendFailed, WebhookUrlRefused) as failed:
        error = failed.code
    outcome = Outcome(status, error, time.monotonic() - started_at, retry_after_s)
    _log(message, outcome)
    return outcome


def sign(message: Message, body: str) -> dict[str, str]:
    """Write the headers: one signature for each secret that is valid now."""
    now, id_ = datetime.now(UTC), str(message.event_id)
    signatures = [Webhook(secret).sign(id_, now, body) for secret in message.secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "TailTrend-Webhooks/1",
        "webhook-id": id_,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _go_on(message: Message, outcome: Outcome, linger_until: float) -> Message | None:
    """Record an attempt and take the endpoint's next one, or leave that to a ring of its own."""
    lingers = time.monotonic() < linger_until and not stopping.is_set()
    with transaction() as session:
        deliveries.settle(session, message, outcome)
        if lingers:
            return deliveries.claim_next(session, message.endpoint_id)
        following = deliveries.following(session, message.endpoint_id)
    if following is not None:
        queue.ring_soon(Queue.DELIVER, following)
    return None


def _log(message: Message, outcome: Outcome) -> None:
    """Say how it went; never the URL's query, a secret or a body."""
    log.info(
        "delivered" if outcome.is_success else "delivery_failed",
        delivery_id=str(message.delivery_id),
        endpoint_id=str(message.endpoint_id),
        attempt=message.attempt,
        status=outcome.status,
        error=outcome.error,
        duration_ms=round(outcome.duration_s * 1000),
    )
