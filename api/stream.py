"""A job's changes as server-sent events (text/event-stream).

An event's id names the state that it tells, as the job's ETag does, so that a client which comes
back with `Last-Event-ID` hears only what it has not heard. Every stream ends after some minutes: a
client that has silently gone cannot keep its seat, and a living one connects again by itself.
"""

from collections.abc import Callable, Iterator

import structlog
from flask import Response

from api.schemas.jobs import JobOut
from api.watch import watch
from shared.errors import TailTrendError
from shared.settings import settings

HEARTBEAT_S = 15.0  # proxies cut silent connections after 30 to 60 s
RETRY_MS = 2000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

log = structlog.get_logger()


def once(job: JobOut) -> Response:
    """Tell a job's state and end."""
    return _response(iter([_event(job)]))


def follow(job: JobOut, read: Callable[[], JobOut], *, known: str | None) -> Response:
    """Tell a job's state, unless it is `known`, and each change. Raises TooManyWaiters."""
    watch().take_seat()
    response = _response(_frames(job, read, known))
    response.call_on_close(watch().free_seat)
    return response


def _frames(job: JobOut, read: Callable[[], JobOut], known: str | None) -> Iterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    if job.etag() != known:
        yield _event(job)
    timeout_s = settings().events_max_s
    try:
        for seen in watch().changes(job, read, pause_s=HEARTBEAT_S, timeout_s=timeout_s):
            yield ":\n\n" if seen is None else _event(seen)
    except TailTrendError as error:  # the answer has begun; the client learns why when it is back
        log.warning("stream_ended", job_id=str(job.id), why=error.detail)


def _event(job: JobOut) -> str:
    return f"id: {job.etag()}\nevent: job\ndata: {job.model_dump_json()}\n\n"


def _response(frames: Iterator[str]) -> Response:
    return Response(frames, content_type="text/event-stream", headers=HEADERS)
