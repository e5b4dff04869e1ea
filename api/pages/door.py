"""Who may see a page: a browser that is signed in, or anyone where a view says so."""

import secrets
from collections.abc import Callable
from typing import TypeVar, cast
from urllib.parse import urlsplit

from flask import Response, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from api import auth, intake
from shared import sign_ins
from shared.models import SignIn

View = TypeVar("View", bound=Callable[..., object])
OPEN = "is_open_to_all"
TAKES_CLIP = "takes_clip"


def open_to_all(view: View) -> View:
    """Let anyone see this page."""
    setattr(view, OPEN, True)
    return view


def takes_clip(view: View) -> View:
    """Let the form of this page be as large as a clip may be."""
    setattr(view, TAKES_CLIP, True)
    return view


def admit() -> AnyResponse | None:
    """Let a request in, or show the way to the door. Raises FormExpired, TooManyRequests."""
    view = current_app.view_functions[request.endpoint or ""]
    make_form_secret()
    g.visitor = auth.visitor()
    if g.visitor is not None and getattr(view, TAKES_CLIP, False):
        intake.allow_upload()
    auth.check_form()
    if g.visitor is None and not getattr(view, OPEN, False):
        there = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("pages.sign_in.show", next=there), 303)
    return None


def make_form_secret() -> None:
    """Have a secret for the forms that a browser without any is shown."""
    if auth.COOKIE not in request.cookies and auth.FORM_COOKIE not in request.cookies:
        g.form_secret = secrets.token_urlsafe(16)


def visitor() -> SignIn | None:
    """Give who is signed in, as `admit` found."""
    return cast("SignIn | None", g.get("visitor"))


def forget() -> None:
    """Show the rest of this request as to nobody: the account is gone."""
    g.visitor = None


def let_in(response: AnyResponse, token: str) -> AnyResponse:
    """Give a browser its cookie."""
    age_s = int(sign_ins.KEPT.total_seconds())
    _set_cookie(response, auth.COOKIE, token, age_s)
    response.delete_cookie(auth.FORM_COOKIE)
    return response


def let_out(response: AnyResponse) -> AnyResponse:
    """Take a browser's cookie."""
    response.delete_cookie(auth.COOKIE)
    return response


def keep_form_secret(response: Response) -> Response:
    """Let a browser that is not signed in send the forms that it was shown."""
    if "form_secret" in g:
        _set_cookie(response, auth.FORM_COOKIE, g.form_secret, None)
    return response


def way_back(asked: str | None) -> str:
    """Give where to go on to after the door: a path of ours, whatever was asked."""
    there = urlsplit(asked or "")
    is_ours = there.path.startswith("/") and not (there.scheme or there.netloc)
    if not is_ours or "\\" in there.path or there.path.startswith("//"):
        return url_for("pages.pets.index")
    return there.path + (f"?{there.query}" if there.query else "")


def _set_cookie(response: AnyResponse, name: str, value: str, age_s: int | None) -> None:
    response.set_cookie(
        name, value, max_age=age_s, httponly=True, samesite="Lax", secure=request.is_secure
    )
