"""What operators and load balancers ask; needs no key and shows nothing of any account."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.errors import raises
from api.schemas.service import BacklogOut, LiveOut, ReadyOut
from shared import db, metrics, queue, storage
from shared.errors import DatabaseUnavailable, TailTrendError
from shared.settings import settings

bp = APIBlueprint("service", __name__, tag="service")

NEEDED: dict[str, Callable[[], Any]] = {"database": db.ping, "storage": storage.ping}

CONTENT_TYPE = "text/plain; version=0.0.4"
FIGURES: Any = {
    "description": "Figures in Prometheus's text format.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}
AWAY: Any = {
    "description": "A dependency is away.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReadyOut"}}},
}


@bp.get("/live")
@bp.output(LiveOut)
def live() -> LiveOut:
    """Tell that this process answers."""
    return LiveOut()


@bp.get("/ready")
@bp.output(ReadyOut)
@bp.doc(responses={503: AWAY})
def ready() -> Response:
    """Tell whether uploads can be accepted, and how far the workers are behind.

    The broker is reported and not needed: without it jobs wait in the database.
    """
    checks = {name: _try(check) for name, check in NEEDED.items()}
    is_ready = all(said == "ok" for said in checks.values())
    state = ReadyOut(
        status="ok" if is_ready else "unavailable",
        **checks,
        broker=_try(queue.lengths),
        webhook_allow_private=settings().webhook_allow_private,
        backlog=_backlog() if checks["database"] == "ok" else None,
    )
    response = jsonify(state.model_dump())
    response.status_code = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return response


def _try(check: Callable[[], Any]) -> str:
    try:
        check()
    except TailTrendError as error:
        return error.code
    return "ok"


def _backlog() -> BacklogOut:
    with db.transaction() as session:
        return BacklogOut(**metrics.figures(session))


@bp.get("/metrics")
@bp.doc(responses={200: FIGURES}, extensions=raises(DatabaseUnavailable))
def read_metrics() -> Response:
    """Give the figures of the whole system to Prometheus.

    Needs no key and shows totals only; keep it off the public side of a proxy.
    """
    with db.transaction() as session:
        return Response(metrics.exposition(session), content_type=CONTENT_TYPE)
