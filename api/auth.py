"""Who asks: an API key in the Authorization header, or a signed-in browser by its cookie.

A cookie is sent by any page that a browser shows, so what it asks to change carries a token too.
"""

import hashlib
import hmac
import uuid
from typing import cast
from urllib.parse import urlsplit

from flask import g, request

from api import throttle
from shared import accounts, sign_ins
from shared.accounts import LiveKey
from shared.db import single, transaction
from shared.errors import FormExpired, KeyInvalid, KeyMissing
from shared.models import SignIn

COOKIE = "tailtrend"  # of a signed-in browser
FORM_COOKIE = "tailtrend-form"  # of one that is not, so that its forms can be told from others'
FORM_FIELD, FORM_HEADER = "csrf", "X-CSRF-Token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_SITES = ("same-origin", "none")  # of Sec-Fetch-Site: our pages, or the person


def require_key() -> None:
    """Let a request in only with a live key or cookie, and only so often.

    Raises KeyMissing, KeyInvalid, FormExpired, TooManyRequests.
    """
    if "Authorization" not in request.headers and COOKIE in request.cookies:
        if visitor() is None:
            raise KeyMissing
        check_form()
        return
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise KeyMissing
    found = verified(key.strip())
    g.account_id = found.account_id
    throttle.draw_for_key(str(found.id))


def verified(key: str) -> LiveKey:
    """Look a key up; who tries many wrong ones is told so, others behind its address are not.

    Raises KeyInvalid, TooManyRequests.
    """
    try:
        with single() as way:
            return accounts.verify_key(way, key)
    except KeyInvalid:
        throttle.draw_for_failed_key(request.remote_addr or "")
        raise


def visitor() -> SignIn | None:
    """Find whose browser asks, by its cookie; None when nobody is signed in.

    Raises TooManyRequests.
    """
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    with transaction() as session:
        found = sign_ins.find(session, token)
    if found is not None:
        g.account_id = found.account_id
        throttle.draw_for_key(str(found.id))
    return found


def form_token() -> str:
    """Give the token that this browser's forms must carry: only our pages can know it."""
    secret = request.cookies.get(COOKIE) or request.cookies.get(FORM_COOKIE) or g.form_secret
    return hashlib.sha256(f"form {secret}".encode()).hexdigest()


def check_form() -> None:
    """Refuse a change that no page of ours asked for. Raises FormExpired."""
    if request.method in SAFE_METHODS:
        return
    known = COOKIE in request.cookies or FORM_COOKIE in request.cookies
    sent = request.headers.get(FORM_HEADER) or request.form.get(FORM_FIELD, "")
    if not known or not hmac.compare_digest(sent.encode(), form_token().encode()):
        raise FormExpired
    if not _is_from_here():
        raise FormExpired


def _is_from_here() -> bool:
    """Tell what browsers say of where a request came from; old ones say nothing."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in OWN_SITES:
        return False
    return origin is None or urlsplit(origin).netloc == request.host


def account_id() -> uuid.UUID:
    """Give the account that asks."""
    return cast(uuid.UUID, g.account_id)
