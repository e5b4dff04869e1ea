"""The account: keys, invitations, signed-in browsers, and its end."""

import uuid
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from api import auth
from api.pages import door, frame, words
from shared import accounts, invites, sign_ins
from shared.db import transaction

MOST_NAME = 200

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("")
def show() -> str:
    """Show the account's keys, invitations and browsers."""
    return _shown()


@bp.post("/keys")
def create_key() -> str:
    """Make an API key; this answer alone shows it."""
    with transaction() as session:
        key = accounts.create_key(session, auth.account_id(), name=_name("key"))
    return _shown(key=key)


@bp.post("/keys/<uuid:key_id>/revoke")
def revoke_key(key_id: uuid.UUID) -> Response:
    """Revoke a key for good, with the browsers that it let in."""
    with transaction() as session:
        key = accounts.get_key(session, auth.account_id(), key_id)
        accounts.revoke_key(session, key.id)
    return redirect(url_for("pages.settings.show", done="revoked"), 303)


@bp.post("/invites")
def create_invite() -> str:
    """Invite a person; this answer alone shows the link."""
    with transaction() as session:
        code = invites.create(session, auth.account_id(), name=_name("invite"))
    link = url_for("pages.sign_in.show_invite", _external=True, _anchor=code)
    return _shown(invite_link=link)


@bp.post("/invites/<uuid:invite_id>/withdraw")
def withdraw_invite(invite_id: uuid.UUID) -> Response:
    """Take an invitation back."""
    with transaction() as session:
        invites.withdraw(session, auth.account_id(), invite_id)
    return redirect(url_for("pages.settings.show", done="withdrawn"), 303)


@bp.post("/delete")
def delete() -> Response | str | tuple[str, int]:
    """Delete the account with everything in it; show the receipt."""
    if request.form.get("sure") != "yes":
        return _shown(wrong=["sure"]), 422
    with transaction() as session:
        receipt = accounts.delete(session, auth.account_id())
    door.forget()
    return frame.show("receipt.html", name="", receipt=receipt)


def _shown(**news: Any) -> str:  # noqa: ANN401 - what is shown once, or wrong
    account_id = auth.account_id()
    with transaction() as session:
        keys = list(session.scalars(accounts.keys_of(account_id)))
        waiting = list(session.scalars(invites.waiting(account_id)))
        browsers = list(session.scalars(sign_ins.chosen(account_id)))
    news = {"wrong": []} | news
    return frame.show("settings.html", keys=keys, invites=waiting, browsers=browsers, **news)


def _name(kind: str) -> str:
    """Read a name as people write one, without what Postgres cannot keep; else name the kind."""
    written = request.form.get("name", "").replace("\x00", "").strip()[:MOST_NAME]
    return written or words.say(words.language(), f"settings.unnamed.{kind}")
