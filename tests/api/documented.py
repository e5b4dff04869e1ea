"""A test client that compares every answer with what the OpenAPI document says of it."""

import functools
import re

from apiflask import APIFlask
from flask import Response
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

JSON_TYPES = ("application/json", "application/problem+json")


class DocumentedClient(FlaskClient):
    """Fails the test whose answer has an unknown status, media type or shape."""

    def open(self, *args: object, **kwargs: object) -> Response:
        answer = super().open(*args, **kwargs)
        asked = answer.request
        spec = spec_of(self.application)
        operation = operation_of(spec, asked.path, asked.method.lower())
        if operation is not None and answer.status_code != 405:
            check(spec, operation, answer)
        return answer


@functools.cache
def spec_of(app: APIFlask) -> dict:
    """Make the document once: the application makes it anew each time it is asked."""
    return app.spec


def operation_of(spec: dict, path: str, method: str) -> dict | None:
    """Find the operation that a request went to; None for what is in no document."""
    for template, methods in spec["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return methods.get(method)
    return None


def check(spec: dict, operation: dict, answer: Response) -> None:
    """Compare an answer with its documented status, media type and schema."""
    documented = operation["responses"].get(str(answer.status_code))
    assert documented, f"{answer.status_code} is not documented: {answer.text[:300]}"
    content = documented.get("content", {})
    assert not content or answer.mimetype in content, (answer.mimetype, set(content))
    if content and answer.mimetype in JSON_TYPES:
        schema = content[answer.mimetype]["schema"] | {"components": spec["components"]}
        Draft202012Validator(schema).validate(answer.json)
