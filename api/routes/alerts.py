"""Alerts: trend alarms and red flags."""

import uuid
from typing import Any

from api import auth
from api.errors import raises
from api.pagination import page
from api.routes import blueprint
from api.schemas.alerts import AlertOut, AlertPatch, AlertsPage, AlertsQuery
from shared import alerts, pets
from shared.db import transaction
from shared.errors import AlertClosed, BadCursor
from shared.models import Alert, AlertState

bp = blueprint("alerts")


@bp.get("/pets/<uuid:pet_id>/alerts")
@bp.input(AlertsQuery, location="query")
@bp.output(AlertsPage)
@bp.doc(extensions=raises(BadCursor))
def list_alerts(pet_id: uuid.UUID, query_data: AlertsQuery) -> dict[str, Any]:
    """List a pet's alerts, newest first."""
    with transaction() as session:
        pet = pets.get(session, auth.account_id(), pet_id)
        chosen = alerts.chosen(pet, state=query_data.state)
        return page(session, chosen, query_data, by=[Alert.id], present=AlertOut.model_validate)


@bp.get("/alerts/<uuid:alert_id>")
@bp.output(AlertOut)
def read_alert(alert_id: uuid.UUID) -> AlertOut:
    """Read an alert, such as one that a webhook has told of."""
    with transaction() as session:
        return AlertOut.model_validate(alerts.get(session, auth.account_id(), alert_id))


@bp.patch("/alerts/<uuid:alert_id>")
@bp.input(AlertPatch)
@bp.output(AlertOut)
@bp.doc(extensions=raises(AlertClosed))
def change_alert(alert_id: uuid.UUID, json_data: AlertPatch) -> AlertOut:
    """Snooze an alert until a time, with a reason that becomes a context note; or close it.

    A trend alarm that you close does not open again before it was over.
    """
    asked = json_data
    with transaction() as session:
        alert = alerts.lock(session, auth.account_id(), alert_id)
        if asked.state is AlertState.CLOSED:
            alerts.close(session, alert)
        else:
            assert asked.snoozed_until is not None
            assert asked.reason is not None
            alerts.snooze(session, alert, until=asked.snoozed_until, reason=asked.reason)
        session.flush()
        return AlertOut.model_validate(alert)
