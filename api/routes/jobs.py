"""Jobs."""

import uuid
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response, request

from api import auth, stream
from api.errors import raises
from api.pagination import page
from api.routes import blueprint
from api.schemas.base import Created
from api.schemas.jobs import (
    EventsHeaders,
    JobHeaders,
    JobOut,
    JobQuery,
    JobsPage,
    JobsQuery,
    PollHeaders,
    etag_of,
)
from api.watch import current, watch
from shared import jobs, pets
from shared.db import transaction
from shared.errors import BadCursor, JobFinal, JobNotFinal, NotFound, TooManyJobs, TooManyWaiters
from shared.models import Job
from shared.settings import settings

bp = blueprint("jobs")

RETRY_AFTER_S = 1
UNCHANGED: Any = {"description": "The job is as If-None-Match says.", "headers": PollHeaders}
EVENTS: Any = {
    "description": "Events named `job`, each with the job as data; comments while nothing changes.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@bp.get("/jobs/<uuid:job_id>")
@bp.input(JobQuery, location="query")
@bp.input(JobHeaders, location="headers")
@bp.output(JobOut, headers=PollHeaders)
@bp.doc(responses={304: UNCHANGED})
def read_job(job_id: uuid.UUID, query_data: JobQuery, headers_data: JobHeaders) -> Response:
    """Read a job; wait for its end, or for a change from If-None-Match, with `?wait_s=`.

    When too many requests wait already, the answer comes at once: mind `Retry-After`.
    """
    wait_s = min(query_data.wait_s, settings().poll_wait_max_s)
    read = partial(current, auth.account_id(), job_id)
    return _present(watch().until(_has_news, read, wait_s))


def _has_news(job: JobOut) -> bool:
    """Tell whether the job ended or differs from what the client knows."""
    known = request.if_none_match
    return job.status.is_final or (bool(known) and not known.contains(job.etag()))


def _present(job: JobOut) -> Response:
    body = job.model_dump_json()
    response = Response(body, content_type="application/json")
    response.set_etag(etag_of(body))
    if not job.status.is_final:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    response.make_conditional(request)
    return response


@bp.get("/jobs/<uuid:job_id>/events")
@bp.input(EventsHeaders, location="headers")
@bp.doc(
    responses={200: EVENTS, 204: "The job has ended, as Last-Event-ID knows; do not come back."},
    extensions=raises(TooManyWaiters),
)
def follow_job(job_id: uuid.UUID, headers_data: EventsHeaders) -> Response:
    """Follow a job as server-sent events: its state now, and each change of status or progress.

    The stream ends with the job, or after some minutes; an EventSource then connects again with
    `Last-Event-ID` and hears only news. When too many requests wait already, the answer is 503.
    """
    known = headers_data.last_event_id
    read = partial(current, auth.account_id(), job_id)
    job = read()
    if job.status.is_final and job.etag() == known:
        return Response(status=HTTPStatus.NO_CONTENT)
    if job.status.is_final or request.method == "HEAD":  # nobody reads, or closes, a HEAD's body
        return stream.once(job)
    return stream.follow(job, read, known=known)


@bp.get("/jobs")
@bp.input(JobsQuery, location="query")
@bp.output(JobsPage)
@bp.doc(extensions=raises(BadCursor, NotFound))
def list_jobs(query_data: JobsQuery) -> dict[str, Any]:
    """List your jobs, newest first."""
    with transaction() as session:
        if query_data.pet_id is not None:
            pets.get(session, auth.account_id(), query_data.pet_id)
        chosen = jobs.chosen(auth.account_id(), status=query_data.status, pet_id=query_data.pet_id)
        return page(session, chosen, query_data, by=[Job.id], present=JobOut.of)


@bp.post("/jobs/<uuid:job_id>/cancel")
@bp.output(JobOut)
@bp.doc(extensions=raises(JobFinal))
def cancel_job(job_id: uuid.UUID) -> JobOut:
    """End a job now; running work stops within two seconds."""
    with transaction() as session:
        return JobOut.of(jobs.cancel(session, auth.account_id(), job_id))


@bp.post("/jobs/<uuid:job_id>/retry")
@bp.output(JobOut, status_code=202, headers=Created)
@bp.doc(extensions=raises(JobFinal, JobNotFinal, TooManyJobs))
def retry_job(job_id: uuid.UUID) -> tuple[JobOut, int, dict[str, str]]:
    """Queue a new job for the clip of one that failed, was canceled or expired.

    While a job of that clip is on its way, that one is the answer. `expires_at` is kept while it
    lies ahead.
    """
    with transaction() as session:
        job = JobOut.of(jobs.retry(session, auth.account_id(), job_id))
    return job, 202, {"Location": f"/v1/jobs/{job.id}"}
