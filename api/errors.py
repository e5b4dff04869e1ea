"""Errors as RFC 9457 problem details. The only place that knows HTTP statuses."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Request, Response, current_app, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from shared import errors
from shared.errors import TailTrendError
from shared.settings import settings

log = structlog.get_logger()

STATUS: dict[type[TailTrendError], HTTPStatus] = {  # the nearest ancestor counts
    errors.InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.RequestMalformed: HTTPStatus.BAD_REQUEST,
    errors.LineTooLong: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.HeadersTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.BadCursor: HTTPStatus.BAD_REQUEST,
    errors.NotAForm: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UploadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.NotAVideo: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.MediaExpired: HTTPStatus.GONE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.IdempotencySpent: HTTPStatus.GONE,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.KeyMissing: HTTPStatus.UNAUTHORIZED,
    errors.KeyInvalid: HTTPStatus.UNAUTHORIZED,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.AttemptsExhausted: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TransientError: HTTPStatus.SERVICE_UNAVAILABLE,
    TailTrendError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
OF_THE_SERVER = (errors.LineTooLong, errors.HeadersTooLarge, TailTrendError)  # before any route
RETRY_AFTER_S = 2
RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
CODE_OF_STATUS = {  # what Flask, Werkzeug and the validation raise
    HTTPStatus.BAD_REQUEST: errors.RequestMalformed.code,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.UploadTooLarge.code,
    HTTPStatus.UNPROCESSABLE_ENTITY: errors.InvalidRequest.code,
    HTTPStatus.NOT_FOUND: errors.NotFound.code,
}


def kinds(kind: type[TailTrendError] = TailTrendError) -> Iterator[type[TailTrendError]]:
    """List an error class and everything below it."""
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def kind_of(code: str) -> type[TailTrendError]:
    """Find the error class of a code, such as one read from `jobs.error_code`."""
    return next((kind for kind in kinds() if kind.code == code), TailTrendError)


def status_of(kind: type[TailTrendError]) -> HTTPStatus:
    """Give the HTTP status of an error class or its nearest known ancestor."""
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


def raises(*kinds: type[TailTrendError]) -> dict[str, list[str]]:
    """Say, for OpenAPI, which errors a route answers besides those that every route does."""
    return {"x-problems": [kind.code for kind in kinds]}


def document(status: HTTPStatus, code: str, detail: str) -> dict[str, Any]:
    """Give the members of a problem document."""
    said = {"title": status.phrase, "status": status, "code": code, "detail": detail}
    return {"type": "about:blank", **said}


def problem(
    status: HTTPStatus, code: str, detail: str, *, fields: dict[str, list[str]] | None = None
) -> Response:
    """Write a problem document."""
    body = document(status, code, detail)
    if fields:
        body["errors"] = fields
    response = jsonify(body)
    response.status_code = status
    response.content_type = "application/problem+json"
    if status in RETRIED:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def problem_of(code: str, detail: str) -> Response:
    """Write the problem of an error that was stored as its code."""
    return problem(status_of(kind_of(code)), code, detail)


class JsonRequest(Request):
    """A request that says what is wrong with a body which should be JSON."""

    def on_json_loading_failed(self, error: ValueError | None) -> None:
        """Refuse the body. Raises RequestMalformed, and 413 where a chunked one was cut off."""
        if self.content_length is None and len(self.get_data()) == self.max_content_length:
            raise RequestEntityTooLarge from error
        raise errors.RequestMalformed("The body is not valid JSON.") from error


def register(app: APIFlask) -> None:
    """Turn every error of a request into a problem."""
    app.request_class = JsonRequest
    app.error_processor(_http_problem)
    app.register_error_handler(TailTrendError, _known_problem)
    app.register_error_handler(RecursionError, _too_deep_problem)
    app.register_error_handler(Exception, _unknown_problem)


def _known_problem(error: TailTrendError) -> Response:
    fields = error.fields if isinstance(error, errors.InvalidRequest) else None
    answer = problem(status_of(type(error)), error.code, error.detail, fields=fields)
    if isinstance(error, errors.TooManyRequests) and error.retry_after_s:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def _too_deep_problem(_: RecursionError) -> Response:
    return _known_problem(errors.RequestMalformed("The JSON is nested too deeply."))


def _unknown_problem(error: Exception) -> Response:
    return _known_problem(logged(error))


def logged(error: Exception) -> TailTrendError:
    """Log what nobody foresaw, and give what to tell of it.

    The route is named, not the path: a report's link is a secret.
    """
    log.error("request_failed", method=request.method, route=str(request.url_rule), exc_info=error)
    if isinstance(error, OSError) and error.errno in errors.DiskFull.ERRNOS:
        return errors.DiskFull()  # uploads that are larger than memory lie on it meanwhile
    return TailTrendError()


def _http_problem(error: HTTPError) -> Response:
    """Translate what Flask, Werkzeug and the validation raise."""
    status = HTTPStatus(error.status_code)
    code = CODE_OF_STATUS.get(status, status.name.lower())
    if isinstance(error.detail, dict) and error.detail:
        return _known_problem(_invalid(error.detail))
    detail = _too_large() if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else error.message
    answer = problem(status, code, detail or status.phrase)
    answer.headers.extend(error.headers or {})
    return answer


def _too_large() -> str:
    others_kb = current_app.config["MAX_CONTENT_LENGTH"] // 1000
    return f"A clip's file may have {settings().max_upload_mb} MB, any other body {others_kb} kB."


def _invalid(located: dict[str, dict[str, list[str]]]) -> errors.InvalidRequest:
    """Name what the validation found wrong, by field; `_schema` is the request as a whole."""
    fields = {
        name: [_plain(one) for one in said]
        for found in located.values()
        for name, said in found.items()
    }
    return errors.InvalidRequest(" ".join(fields.get("_schema", [])), fields=fields)


def _plain(said: str) -> str:
    """Put pydantic's words for programmers into words for callers."""
    if said.startswith("Input should be a valid dictionary"):
        return "The body must be a JSON object."
    return said.removeprefix("Value error, ")
