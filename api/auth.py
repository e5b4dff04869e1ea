"""Who asks: an API key in the Authorization header."""

import uuid
from typing import cast

from flask import g, request

from api import throttle
from shared import accounts
from shared.db import transaction
from shared.errors import KeyInvalid, KeyMissing
from shared.models import ApiKey


def require_key() -> None:
    """Let a request in only with a live key, and only so often.

    Raises KeyMissing, KeyInvalid, TooManyRequests.
    """
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise KeyMissing
    found = _verified(key.strip())
    g.account_id = found.account_id
    throttle.draw_for_key(str(found.id))


def _verified(key: str) -> ApiKey:
    """Look a key up; who tries many wrong ones is told so, others behind its address are not."""
    try:
        with transaction() as session:
            return accounts.verify_key(session, key)
    except KeyInvalid:
        throttle.draw_for_failed_key(request.remote_addr or "")
        raise


def account_id() -> uuid.UUID:
    """Give the account that asks."""
    return cast(uuid.UUID, g.account_id)
