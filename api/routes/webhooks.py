"""Webhook endpoints and their deliveries."""

import uuid
from typing import Any

from api import auth
from api.errors import raises
from api.pagination import page
from api.routes import blueprint
from api.schemas.base import Created, PageQuery
from api.schemas.webhooks import (
    DeliveriesPage,
    DeliveriesQuery,
    DeliveryLogOut,
    DeliveryOut,
    EndpointIn,
    EndpointOut,
    EndpointPatch,
    EndpointSecretOut,
    EndpointsPage,
    ReplayIn,
    ReplayOut,
)
from shared import deliveries, endpoints
from shared.db import transaction
from shared.errors import BadCursor, EndpointDisabled, TooManyEndpoints, WebhookUrlRefused
from shared.models import Delivery, WebhookEndpoint

bp = blueprint("webhooks")


@bp.post("/webhook-endpoints")
@bp.input(EndpointIn)
@bp.output(EndpointSecretOut, status_code=201, headers=Created)
@bp.doc(extensions=raises(WebhookUrlRefused, TooManyEndpoints))
def create_endpoint(json_data: EndpointIn) -> tuple[EndpointSecretOut, int, dict[str, str]]:
    """Add a receiver of events; its secret is shown in this answer only."""
    with transaction() as session:
        endpoint = endpoints.create(session, auth.account_id(), **json_data.model_dump())
        made = EndpointSecretOut.of(endpoint)
    return made, 201, {"Location": f"/v1/webhook-endpoints/{made.id}"}


@bp.get("/webhook-endpoints")
@bp.input(PageQuery, location="query")
@bp.output(EndpointsPage)
@bp.doc(extensions=raises(BadCursor))
def list_endpoints(query_data: PageQuery) -> dict[str, Any]:
    """List your webhook endpoints, newest first."""
    with transaction() as session:
        chosen = endpoints.chosen(auth.account_id())
        by = [WebhookEndpoint.id]
        return page(session, chosen, query_data, by=by, present=EndpointOut.model_validate)


@bp.get("/webhook-endpoints/<uuid:endpoint_id>")
@bp.output(EndpointOut)
def read_endpoint(endpoint_id: uuid.UUID) -> EndpointOut:
    """Read a webhook endpoint; when we disabled it, the answer says why and since when."""
    with transaction() as session:
        found = endpoints.get(session, auth.account_id(), endpoint_id)
        return EndpointOut.model_validate(found)


@bp.patch("/webhook-endpoints/<uuid:endpoint_id>")
@bp.input(EndpointPatch)
@bp.output(EndpointOut)
@bp.doc(extensions=raises(WebhookUrlRefused))
def change_endpoint(endpoint_id: uuid.UUID, json_data: EndpointPatch) -> EndpointOut:
    """Change a webhook endpoint; `state: enabled` takes a disabled one into service again.

    Disabling cancels what is still to be sent to it; a replay sends that later.
    """
    with transaction() as session:
        endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
        endpoints.change(session, endpoint, **json_data.model_dump(exclude_unset=True))
        return EndpointOut.model_validate(endpoint)


@bp.delete("/webhook-endpoints/<uuid:endpoint_id>")
@bp.output({}, status_code=204)
def delete_endpoint(endpoint_id: uuid.UUID) -> str:
    """Delete a webhook endpoint with its deliveries."""
    with transaction() as session:
        session.delete(endpoints.get(session, auth.account_id(), endpoint_id))
    return ""


@bp.post("/webhook-endpoints/<uuid:endpoint_id>/rotate-secret")
@bp.output(EndpointSecretOut)
def rotate_secret(endpoint_id: uuid.UUID) -> EndpointSecretOut:
    """Make a new secret, shown in this answer only; for 24 hours the old one signs beside it."""
    with transaction() as session:
        endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
        endpoints.rotate_secret(session, endpoint)
        return EndpointSecretOut.of(endpoint)


@bp.post("/webhook-endpoints/<uuid:endpoint_id>/test")
@bp.output(DeliveryOut, status_code=202, headers=Created)
@bp.doc(extensions=raises(EndpointDisabled))
def send_test(endpoint_id: uuid.UUID) -> tuple[DeliveryOut, int, dict[str, str]]:
    """Send an `endpoint.test` event to this endpoint, whatever its filter."""
    with transaction() as session:
        endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
        delivery = DeliveryOut.of(endpoints.send_test(session, endpoint))
    return delivery, 202, {"Location": f"/v1/deliveries/{delivery.id}"}


@bp.get("/webhook-endpoints/<uuid:endpoint_id>/deliveries")
@bp.input(DeliveriesQuery, location="query")
@bp.output(DeliveriesPage)
@bp.doc(extensions=raises(BadCursor))
def list_deliveries(endpoint_id: uuid.UUID, query_data: DeliveriesQuery) -> dict[str, Any]:
    """List an endpoint's deliveries of the last 30 days, newest first."""
    with transaction() as session:
        endpoints.get(session, auth.account_id(), endpoint_id)
        chosen = deliveries.chosen(
            auth.account_id(), endpoint_id=endpoint_id, state=query_data.state
        )
        return page(session, chosen, query_data, by=[Delivery.id], present=DeliveryOut.of)


@bp.post("/webhook-endpoints/<uuid:endpoint_id>/replay")
@bp.input(ReplayIn)
@bp.output(ReplayOut, status_code=202)
@bp.doc(extensions=raises(EndpointDisabled))
def replay_range(endpoint_id: uuid.UUID, json_data: ReplayIn) -> tuple[ReplayOut, int]:
    """Send again what happened in a time range and passes the endpoint's filter.

    Also what came while it was disabled. `webhook-id` stays: receivers that saw it can tell.
    """
    with transaction() as session:
        endpoint = endpoints.get(session, auth.account_id(), endpoint_id)
        replayed = deliveries.replay_range(
            session, endpoint, since=json_data.since, until=json_data.until
        )
    return ReplayOut(replayed=replayed), 202


@bp.get("/deliveries/<uuid:delivery_id>")
@bp.output(DeliveryLogOut)
def read_delivery(delivery_id: uuid.UUID) -> DeliveryLogOut:
    """Read a delivery with the log of its attempts."""
    with transaction() as session:
        delivery = deliveries.get(session, auth.account_id(), delivery_id)
        return DeliveryLogOut.with_log(delivery, deliveries.log(session, delivery))


@bp.post("/deliveries/<uuid:delivery_id>/replay")
@bp.output(DeliveryOut, status_code=202)
@bp.doc(extensions=raises(EndpointDisabled))
def replay_delivery(delivery_id: uuid.UUID) -> tuple[DeliveryOut, int]:
    """Send an event again, at once; `webhook-id` stays."""
    with transaction() as session:
        delivery = deliveries.get(session, auth.account_id(), delivery_id)
        deliveries.replay(session, delivery)
        return DeliveryOut.of(delivery), 202
