"""Webhooks: endpoints, their delivery log, and sending again."""

import uuid
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from api import auth
from api.pages import dates, forms, frame
from api.schemas.webhooks import EndpointIn, ReplayIn
from shared import deliveries, endpoints
from shared.db import transaction
from shared.errors import EndpointDisabled, TooManyEndpoints, WebhookUrlRefused
from shared.models import Delivery, EndpointState, EventType, WebhookEndpoint

MOST = 50
EVENTS = [one.value for one in EventType if one is not EventType.ENDPOINT_TEST]

bp = Blueprint("webhooks", __name__)


@bp.get("/webhooks")
def index() -> str:
    """Show the endpoints, and ask about a new one."""
    return _all_shown()


@bp.post("/webhooks")
def create() -> str | tuple[str, int]:
    """Add an endpoint; this answer alone shows its secret."""
    try:
        asked = forms.read(EndpointIn, events=request.form.getlist("events"))
        with transaction() as session:
            made = endpoints.create(session, auth.account_id(), **asked.model_dump())
    except forms.Wrong as wrong:
        return _all_shown(sent=request.form, wrong=wrong.fields), 422
    except WebhookUrlRefused:
        return _all_shown(sent=request.form, wrong=["url"]), 422
    except TooManyEndpoints as error:
        return _all_shown(sent=request.form, said=frame.told(error)), 409
    return _shown(made.id, secret=made.secret)


@bp.get("/webhooks/<uuid:endpoint_id>")
def show(endpoint_id: uuid.UUID) -> str:
    """Show an endpoint with its last deliveries."""
    return _shown(endpoint_id)


@bp.post("/webhooks/<uuid:endpoint_id>/state")
def switch(endpoint_id: uuid.UUID) -> Response:
    """Take an endpoint into service or out of it."""
    is_on = request.form.get("state") == EndpointState.ENABLED
    with transaction() as session:
        endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
        state = EndpointState.ENABLED if is_on else EndpointState.DISABLED
        endpoints.change(session, endpoint, state=state)
    return _back(endpoint_id, "saved")


@bp.post("/webhooks/<uuid:endpoint_id>/secret")
def rotate_secret(endpoint_id: uuid.UUID) -> str:
    """Make a new secret; this answer alone shows it."""
    with transaction() as session:
        endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
        endpoints.rotate_secret(session, endpoint)
    return _shown(endpoint_id, secret=endpoint.secret)


@bp.post("/webhooks/<uuid:endpoint_id>/test")
def send_test(endpoint_id: uuid.UUID) -> Response | tuple[str, int]:
    """Send a test event."""
    try:
        with transaction() as session:
            endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
            endpoints.send_test(session, endpoint)
    except EndpointDisabled as error:
        return _shown(endpoint_id, said=frame.told(error)), 409
    return _back(endpoint_id, "sent")


@bp.post("/webhooks/<uuid:endpoint_id>/replay")
def replay_range(endpoint_id: uuid.UUID) -> Response | tuple[str, int]:
    """Send again what happened since a time, in UTC."""
    try:
        since = dates.from_input(request.form.get("since", ""), "UTC")
        asked = forms.read(ReplayIn, since=since)
        with transaction() as session:
            endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
            deliveries.replay_range(session, endpoint, since=asked.since, until=asked.until)
    except forms.Wrong as wrong:
        return _shown(endpoint_id, wrong=wrong.fields), 422
    except EndpointDisabled as error:
        return _shown(endpoint_id, said=frame.told(error)), 409
    return _back(endpoint_id, "sent")


@bp.post("/webhooks/<uuid:endpoint_id>/delete")
def delete(endpoint_id: uuid.UUID) -> Response:
    """Delete an endpoint with its deliveries."""
    with transaction() as session:
        session.delete(endpoints.get(session, auth.account_id(), endpoint_id))
    return redirect(url_for("pages.webhooks.index", done="deleted"), 303)


@bp.get("/deliveries/<uuid:delivery_id>")
def show_delivery(delivery_id: uuid.UUID) -> str:
    """Show a delivery with the log of its attempts."""
    with transaction() as session:
        delivery = deliveries.get(session, auth.account_id(), delivery_id)
        log = deliveries.log(session, delivery)
    return frame.show("delivery.html", delivery=delivery, log=log)


@bp.post("/deliveries/<uuid:delivery_id>/replay")
def replay(delivery_id: uuid.UUID) -> Response | tuple[str, int]:
    """Send an event again, at once."""
    with transaction() as session:
        delivery = deliveries.get(session, auth.account_id(), delivery_id)
    try:
        with transaction() as session:
            deliveries.replay(session, session.merge(delivery))
    except EndpointDisabled as error:
        return _shown(delivery.endpoint_id, said=frame.told(error)), 409
    return _back(delivery.endpoint_id, "sent")


def _back(endpoint_id: uuid.UUID, done: str) -> Response:
    return redirect(url_for("pages.webhooks.show", endpoint_id=endpoint_id, done=done), 303)


def _all_shown(**form: Any) -> str:  # noqa: ANN401 - what was sent, and wrong
    with transaction() as session:
        chosen = endpoints.chosen(auth.account_id()).order_by(WebhookEndpoint.id.desc())
        found = list(session.scalars(chosen))
    form = {"wrong": [], "sent": {}, "said": None} | form
    return frame.show("webhooks.html", endpoints=found, events=EVENTS, **form)


def _shown(endpoint_id: uuid.UUID, **news: Any) -> str:  # noqa: ANN401 - shown once, or wrong
    with transaction() as session:
        endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
        chosen = deliveries.chosen(auth.account_id(), endpoint_id=endpoint_id)
        last = list(session.scalars(chosen.order_by(Delivery.id.desc()).limit(MOST)))
    news = {"wrong": [], "said": None, "secret": None} | news
    return frame.show("webhook.html", endpoint=endpoint, deliveries=last, **news)
