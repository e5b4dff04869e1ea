"""What operators and load balancers ask; needs no key and shows nothing of any account."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
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

ANSWER_WITHIN_S = 3.0  # whoever asks seldom waits for more than five
TIMEOUT = "timeout"

# A check that hangs keeps threads of its own, not those that answer requests or make the others.
_asking: dict[str, ThreadPoolExecutor] = defaultdict(lambda: ThreadPoolExecutor(max_workers=2))

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
    asked = _ask(NEEDED | {"broker": queue.lengths, "backlog": _backlog})
    checks = {name: _said(asked[name]) for name in NEEDED}
    is_ready = all(said == "ok" for said in checks.values())
    state = ReadyOut(
        status="ok" if is_ready else "unavailable",
        **checks,
        broker=_said(asked["broker"]),
        webhook_allow_private=settings().webhook_allow_private,
        backlog=asked["backlog"].result() if _said(asked["backlog"]) == "ok" else None,
    )
    response = jsonify(state.model_dump())
    response.status_code = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return response


def _ask(checks: Mapping[str, Callable[[], Any]]) -> dict[str, Future[Any]]:
    """Make the checks beside each other, and wait for none that hangs."""
    asked = {name: _asking[name].submit(check) for name, check in checks.items()}
    for late in wait(asked.values(), ANSWER_WITHIN_S).not_done:
        late.cancel()
    return asked


def _said(asked: Future[Any]) -> str:
    if asked.cancelled() or not asked.done():
        return TIMEOUT
    error = asked.exception()
    if isinstance(error, TailTrendError):
        return error.code
    if error is not None:
        raise error
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
