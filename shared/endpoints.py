"""Webhook endpoints of an account: where events go, which, and the secrets that sign them."""

import base64
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import ColumnElement, Select, func, select, text, update
from sqlalchemy.orm import Session

from shared import addresses, events
from shared.errors import EndpointDisabled, NotFound, TooManyEndpoints, WebhookUrlRefused
from shared.models import (
    Account,
    Delivery,
    DisabledReason,
    EndpointState,
    EventType,
    WebhookEndpoint,
)
from shared.settings import settings

SECRET_START = "whsec_"  # noqa: S105 - what every secret begins with
SECRET_BYTES = 32  # Standard Webhooks: 24 to 64
PREVIOUS_SECRET_VALID = timedelta(hours=24)
MOST_ENDPOINTS = 20  # of one account: each multiplies every event
MOST_URL_CHARACTERS = 2000

# A delivery that is being sent settles itself: touching it here could deadlock with that.
CANCEL_PENDING = text("""
UPDATE deliveries SET state = 'canceled', finished_at = now(), last_error = 'endpoint_disabled'
 WHERE endpoint_id = :endpoint_id AND state = 'pending' AND lease_token IS NULL
""")


def chosen(account_id: uuid.UUID) -> Select[WebhookEndpoint]:
    """Select the endpoints of an account."""
    return select(WebhookEndpoint).where(WebhookEndpoint.account_id == account_id)


def get(session: Session, account_id: uuid.UUID, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """Read an endpoint of an account. Raises NotFound."""
    found = session.scalar(chosen(account_id).where(WebhookEndpoint.id == endpoint_id))
    if found is None:
        raise NotFound
    return found


def create(
    session: Session,
    account_id: uuid.UUID,
    *,
    url: str,
    description: str = "",
    events: list[EventType] | None = None,
) -> WebhookEndpoint:
    """Add an endpoint for some types of events; none named: all.

    Raises WebhookUrlRefused, TooManyEndpoints.
    """
    split_url(url)
    session.execute(
        select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)
    )
    count = select(func.count()).where(WebhookEndpoint.account_id == account_id)
    if (session.scalar(count) or 0) >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    endpoint = WebhookEndpoint(
        account_id=account_id,
        url=url,
        description=description,
        events=_filter(events or []),
        secret=_new_secret(),
    )
    session.add(endpoint)
    session.flush()
    session.refresh(endpoint)
    return endpoint


def change(
    session: Session,
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    description: str | None = None,
    events: list[EventType] | None = None,
    state: EndpointState | None = None,
) -> None:
    """Change what is not None. Raises WebhookUrlRefused."""
    if url is not None:
        split_url(url)
        endpoint.url = url
    if description is not None:
        endpoint.description = description
    if events is not None:
        endpoint.events = _filter(events)
    session.flush()
    if state is EndpointState.ENABLED:
        _enable(session, endpoint.id)
    if state is EndpointState.DISABLED:
        disable(session, endpoint.id, DisabledReason.ASKED)
    session.refresh(endpoint)


def rotate_secret(session: Session, endpoint: WebhookEndpoint) -> None:
    """Make a new secret; the one before signs beside it for a day."""
    endpoint.previous_secret = endpoint.secret
    endpoint.previous_secret_until = datetime.now(UTC) + PREVIOUS_SECRET_VALID
    endpoint.secret = _new_secret()
    session.flush()


def send_test(session: Session, endpoint: WebhookEndpoint) -> Delivery:
    """Send a test event to this endpoint alone. Raises EndpointDisabled."""
    require_enabled(endpoint)
    return events.emit_test(session, endpoint)


def require_enabled(endpoint: WebhookEndpoint) -> None:
    """Raise EndpointDisabled when it is."""
    if endpoint.state == EndpointState.DISABLED:
        raise EndpointDisabled


def disable(session: Session, endpoint_id: uuid.UUID, reason: DisabledReason) -> None:
    """Stop sending to an endpoint; tell the account's other ones unless it asked for this."""
    disabled = session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.state == EndpointState.ENABLED)
        .values(state=EndpointState.DISABLED, disabled_reason=reason, disabled_at=func.now())
        .returning(WebhookEndpoint.account_id, WebhookEndpoint.url)
    ).one_or_none()
    if disabled is None:
        return
    session.execute(CANCEL_PENDING, {"endpoint_id": endpoint_id})
    if reason is not DisabledReason.ASKED:
        data = {"endpoint_id": str(endpoint_id), "url": disabled.url, "reason": reason}
        events.emit(session, disabled.account_id, EventType.ENDPOINT_DISABLED, data)


def note_success(session: Session, endpoint_id: uuid.UUID) -> None:
    """Forget that the endpoint was failing."""
    _note(session, endpoint_id, WebhookEndpoint.failing_since.is_not(None), None)


def note_failure(session: Session, endpoint_id: uuid.UUID) -> None:
    """Remember since when the endpoint has only failed."""
    _note(session, endpoint_id, WebhookEndpoint.failing_since.is_(None), func.now())


def split_url(url: str) -> SplitResult:
    """Take apart a URL that events may be sent to, as far as its form tells.

    What its name resolves to is looked at when it is used, each time. Raises WebhookUrlRefused.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise WebhookUrlRefused("The URL cannot be read.") from error
    if not _is_plain(url) or not host:
        raise WebhookUrlRefused("The URL needs a host, and ASCII characters without spaces.")
    if parts.username is not None or parts.password is not None:
        raise WebhookUrlRefused("The URL must not hold a user name or password.")
    if parts.fragment:
        raise WebhookUrlRefused("The URL must not hold a fragment.")
    if not settings().webhook_allow_private:
        _require_public_form(parts.scheme, host)
    elif parts.scheme not in ("http", "https"):
        raise WebhookUrlRefused
    return parts


def _require_public_form(scheme: str, host: str) -> None:
    if scheme != "https":
        raise WebhookUrlRefused("The URL must be https.")
    address = addresses.literal(host)
    is_local = host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost")
    if is_local or (address is not None and not addresses.is_public(address)):
        raise WebhookUrlRefused("The URL must lead to a public address.")


def _is_plain(url: str) -> bool:
    """Tell whether every reader of this URL reads the same (urlsplit drops tabs and newlines)."""
    return len(url) <= MOST_URL_CHARACTERS and all("!" <= one <= "~" and one != "\\" for one in url)


def _filter(events: list[EventType]) -> list[str]:
    return sorted({event.value for event in events})


def _new_secret() -> str:
    return SECRET_START + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _enable(session: Session, endpoint_id: uuid.UUID) -> None:
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.state == EndpointState.DISABLED)
        .values(
            state=EndpointState.ENABLED, disabled_reason=None, disabled_at=None, failing_since=None
        )
    )


def _note(
    session: Session,
    endpoint_id: uuid.UUID,
    is_news: ColumnElement[bool],
    failing_since: ColumnElement[datetime] | None,
) -> None:
    """Write only when it changes: a busy endpoint's row is not fought over."""
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, is_news)
        .values(failing_since=failing_since)
    )
