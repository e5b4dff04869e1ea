"""Signing in with an API key or an invite, signing out, and the language."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from api import auth, throttle
from api.pages import door, frame, words
from shared import invites, sign_ins
from shared.db import transaction
from shared.errors import InviteInvalid, KeyInvalid

A_YEAR_S = 365 * 86_400

bp = Blueprint("sign_in", __name__)


@bp.get("/sign-in")
@door.open_to_all
def show() -> Response | str:
    """Ask for an API key."""
    if door.visitor():
        return redirect(door.way_back(request.args.get("next")), 303)
    return frame.show("sign_in.html", there=request.args.get("next", ""))


@bp.post("/sign-in")
@door.open_to_all
def enter() -> Response | tuple[str, int]:
    """Let a browser in that shows a key."""
    there = request.form.get("next", "")
    try:
        key = auth.verified(request.form.get("key", "").strip())
    except KeyInvalid as error:
        said = frame.told(error)
        return frame.show("sign_in.html", there=there, said=said), 401
    with transaction() as session:
        token = sign_ins.create_by_key(session, key.account_id, key_id=key.id, name=key.name)
    return door.let_in(redirect(door.way_back(there), 303), token)


@bp.get("/invite")
@door.open_to_all
def show_invite() -> str:
    """Ask for an invite's code; a script takes it from behind the link's #."""
    return frame.show("invite.html")


@bp.post("/invite")
@door.open_to_all
def accept() -> Response | tuple[str, int]:
    """Let a browser in that brings an invite."""
    try:
        with transaction() as session:
            invite = invites.redeem(session, request.form.get("code", ""))
            token = sign_ins.create_by_invite(session, invite)
    except InviteInvalid as error:
        throttle.draw_for_failed_key(request.remote_addr or "")
        return frame.show("invite.html", said=frame.told(error)), 403
    return door.let_in(redirect(url_for("pages.pets.index"), 303), token)


@bp.post("/sign-out")
def leave() -> Response:
    """Sign this browser out, or every browser of the account."""
    with transaction() as session:
        if "everywhere" in request.form:
            sign_ins.end_all(session, auth.account_id())
        sign_ins.end(session, request.cookies[auth.COOKIE])
    return door.let_out(redirect(url_for("pages.sign_in.show", done="signed_out"), 303))


@bp.post("/language")
@door.open_to_all
def choose_language() -> Response:
    """Keep the language that somebody chose."""
    answer = redirect(door.way_back(request.form.get("there")), 303)
    chosen = request.form.get("language", "")
    if chosen in words.LANGUAGES:
        answer.set_cookie(
            words.COOKIE, chosen, max_age=A_YEAR_S, samesite="Lax", secure=request.is_secure
        )
    return answer
