"""Webhook endpoints and deliveries in requests and answers."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.schemas.base import LEFT_OUT, NO_NUL, Input, Page, PageQuery, Patch, UtcTime, not_before
from shared.endpoints import MOST_URL_CHARACTERS
from shared.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DisabledReason,
    EndpointState,
    EventType,
    WebhookEndpoint,
)

Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MOST_URL_CHARACTERS, pattern=NO_NUL),
    Field(description="An https URL that leads to a public address."),
]
Description = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
Filter = Annotated[
    list[EventType],
    Field(max_length=len(EventType), description="Types of events to send; empty: all of them."),
]


class EndpointIn(Input):
    """A new webhook endpoint."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://example.com/hooks", "events": ["job.succeeded", "job.failed"]}
            ]
        }
    )

    url: Url
    description: Description = ""
    events: Filter = Field([])


class EndpointPatch(Patch):
    """What to change about an endpoint; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "examples": [{"state": "enabled"}]}
    )

    url: Url = LEFT_OUT
    description: Description = LEFT_OUT
    events: Filter = LEFT_OUT
    state: EndpointState = LEFT_OUT


class EndpointOut(BaseModel):
    """A webhook endpoint."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    url: str
    description: str
    events: list[EventType]
    state: EndpointState
    disabled_reason: DisabledReason | None = Field(
        description="`asked`: by you; `gone`: it answered 410; `failing`: it only failed for days."
    )
    disabled_at: datetime | None
    failing_since: datetime | None = Field(
        description="The first failure that no success followed; after five days it is disabled."
    )
    previous_secret_until: datetime | None = Field(
        description="Until then the secret before the last rotation signs too."
    )
    created_at: datetime


class EndpointSecretOut(EndpointOut):
    """A webhook endpoint with its secret, which is shown only here."""

    secret: str = Field(description="`whsec_...`, as Standard Webhooks libraries take it.")

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> Self:
        """Present an endpoint whose secret was just made."""
        return cls.model_validate(endpoint)


class EndpointsPage(Page[EndpointOut]):
    """One page of endpoints; pass `next` as `?after=` to get the following one."""


class DeliveryOut(BaseModel):
    """One event on its way to one endpoint."""

    id: uuid.UUID
    endpoint_id: uuid.UUID
    event_id: uuid.UUID = Field(description="What the receiver sees as `webhook-id`.")
    event_type: EventType
    state: DeliveryState
    attempts: int
    due_at: datetime | None = Field(description="When the next attempt may start.")
    last_status: int | None = Field(description="What was answered to the last attempt.")
    last_error: str | None = Field(description="What kept the last attempt from an answer.")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Present a delivery with its event's type."""
        return cls(
            id=delivery.id,
            endpoint_id=delivery.endpoint_id,
            event_id=delivery.event_id,
            event_type=EventType(delivery.event.type),
            state=DeliveryState(delivery.state),
            attempts=delivery.attempts,
            due_at=delivery.due_at if delivery.finished_at is None else None,
            last_status=delivery.last_status,
            last_error=delivery.last_error,
            created_at=delivery.created_at,
            finished_at=delivery.finished_at,
        )


class AttemptOut(BaseModel):
    """One try: a status, or the code of what kept an answer from coming."""

    model_config = ConfigDict(from_attributes=True)

    finished_at: datetime
    duration_ms: int
    status: int | None
    error: str | None


class DeliveryLogOut(DeliveryOut):
    """A delivery with every attempt, oldest first."""

    log: list[AttemptOut] = []

    @classmethod
    def with_log(cls, delivery: Delivery, attempts: list[DeliveryAttempt]) -> Self:
        """Present a delivery and its attempts."""
        log = [AttemptOut.model_validate(attempt) for attempt in attempts]
        return cls.of(delivery).model_copy(update={"log": log})


class DeliveriesPage(Page[DeliveryOut]):
    """One page of deliveries; pass `next` as `?after=` to get the following one."""


class DeliveriesQuery(PageQuery):
    """Which deliveries of an endpoint."""

    state: DeliveryState | None = None


class ReplayIn(Input):
    """Which events to send again: those that happened in [since, until)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-03-01T00:00:00Z"}]})

    since: UtcTime
    until: Annotated[UtcTime, not_before("since")] | None = Field(None, description="Default: now.")


class ReplayOut(BaseModel):
    """How many events are on their way again."""

    replayed: int
