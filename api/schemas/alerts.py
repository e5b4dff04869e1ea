"""Alerts in requests and answers."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.schemas.base import NO_NUL_NOT_BLANK, AwareTime, Input, Page, PageQuery, Text
from shared.models import AlertKind, AlertState

LONGEST_SNOOZE = timedelta(days=366)


class AlertPatch(Input):
    """Snooze an alert, or close it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"state": "closed"},
                {
                    "state": "snoozed",
                    "snoozed_until": "2026-03-14T00:00:00Z",
                    "reason": "New medication, vet informed",
                },
            ]
        }
    )

    state: AlertState = Field(description="`snoozed` or `closed`.")
    snoozed_until: AwareTime | None = None
    reason: Annotated[Text, Field(min_length=1, pattern=NO_NUL_NOT_BLANK)] | None = Field(
        None, description="Why it is snoozed; becomes a context note."
    )

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.state is AlertState.OPEN:
            raise ValueError("An alert is opened by what it is about.")
        if self.state is AlertState.CLOSED:
            if self.snoozed_until is not None:
                raise ValueError("A closed alert is not snoozed.")
            return self
        if self.reason is None or self.snoozed_until is None:
            raise ValueError("Snoozing needs snoozed_until and reason.")
        if not timedelta(0) < self.snoozed_until - datetime.now(UTC) <= LONGEST_SNOOZE:
            raise ValueError("snoozed_until must lie within a year from now.")
        return self


class AlertOut(BaseModel):
    """A trend alarm or a red flag."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    pet_id: uuid.UUID
    kind: AlertKind
    step: int = Field(description="Within a week of a push, only a higher step is pushed.")
    state: AlertState
    reason: str = Field(description="What was said when it opened.")
    assessment_id: uuid.UUID | None = Field(description="Of a red flag: what raised it.")
    opened_at: datetime
    snoozed_until: datetime | None
    closed_at: datetime | None
    over_at: datetime | None = Field(description="When the alarm itself was over, closed or not.")
    pushed_at: datetime | None = Field(description="When `alert.opened` was sent.")


class AlertsPage(Page[AlertOut]):
    """One page of alerts; pass `next` as `?after=` to get the following one."""


class AlertsQuery(PageQuery):
    """Which alerts of a pet."""

    state: AlertState | None = None
