"""The OpenAPI document: what the decorators cannot say, and the page that shows it.

The page is rendered here and loads nothing from anywhere.
"""

import json
import re
from typing import Any

from apiflask import APIBlueprint, APIFlask
from flask import current_app, render_template

from api.errors import OF_THE_SERVER, RETRIED, kind_of, status_of
from api.schemas.base import Problem
from shared import errors
from shared.errors import TailTrendError

OPEN_PATHS = ("/live", "/ready", "/metrics")  # load balancers and Prometheus have no key
OF_EVERY_ROUTE = (errors.KeyMissing, errors.KeyInvalid, errors.TooManyRequests)
REF = "#/components/schemas/"
NESTED_NAME = re.compile(rf'"{REF}\w+\.(\w+)"')  # APIFlask's `JobOut.JobStatus`
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

bp = APIBlueprint("docs", __name__, template_folder="../pages/templates", enable_openapi=False)

Json = dict[str, Any]


@bp.get("/docs")
def show() -> tuple[str, dict[str, str]]:
    """Show the API to people."""
    assert isinstance(current_app, APIFlask)
    page = render_template("docs.html", spec=current_app.spec)
    return page, {"Content-Security-Policy": POLICY}


def complete(spec: Json | str) -> Json:
    """Add keys, problems, operation ids; name every schema once."""
    assert isinstance(spec, dict)
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            automatic = f"{method}_{operation['tags'][0]}_"
            operation["operationId"] = operation["operationId"].removeprefix(automatic)
            _complete(operation, is_open=path in OPEN_PATHS, changes=method != "get")
    _say_no_null_in_forms(spec)
    spec["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    return _flat(spec)


def _flat(spec: Json) -> Json:
    """Name the schemas that several others use by their own name alone."""
    flat: Json = json.loads(NESTED_NAME.sub(rf'"{REF}\1"', json.dumps(spec)))
    schemas = flat["components"]["schemas"]
    flat["components"]["schemas"] = {
        name.rpartition(".")[2]: schemas[name] for name in sorted(schemas)
    }
    return flat


def _complete(operation: Json, *, is_open: bool, changes: bool) -> None:
    for parameter in operation["parameters"]:
        _complete_parameter(parameter)
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    codes = operation.pop("x-problems", []) + [kind.code for kind in OF_THE_SERVER]
    if not is_open:
        operation["security"] = [{"key": []}]
        codes = [kind.code for kind in _of_its_shape(operation)] + codes
    if changes:
        codes = [*codes, errors.FormExpired.code]  # of a browser that is let in by its cookie
    for code in codes:
        _add_problem(operation["responses"], kind_of(code))
    for answer in operation["responses"].values():
        for header in answer.get("headers", {}).values():
            header["schema"] = _without_null(header["schema"])
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _complete_parameter(parameter: Json) -> None:
    schema = parameter["schema"]
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    if parameter["in"] == "path":
        schema["format"] = "uuid"
    if parameter["in"] == "header":
        parameter["name"] = parameter["name"].title()
    parameter["schema"] = _without_null(schema)


def _without_null(schema: Json) -> Json:
    """Leave null out where it cannot be said: in a query, a header, a form."""
    kept = schema["anyOf"][0] if "anyOf" in schema else dict(schema)
    if kept.get("default", ...) is None:
        del kept["default"]
    return kept | {key: schema[key] for key in ("description",) if key in schema}


def _say_no_null_in_forms(spec: Json) -> None:
    for operations in spec["paths"].values():
        for operation in operations.values():
            form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
            if form is not None:
                fields = spec["components"]["schemas"][form["schema"]["$ref"].removeprefix(REF)]
                for name, schema in fields["properties"].items():
                    fields["properties"][name] = _without_null(schema)


def _of_its_shape(operation: Json) -> list[type[TailTrendError]]:
    """List what any route of this shape may answer."""
    kinds = [*OF_EVERY_ROUTE]
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        kinds += [errors.RequestMalformed, errors.UploadTooLarge]
    if any(parameter["in"] == "path" for parameter in operation["parameters"]):
        kinds.append(errors.NotFound)
    if body or any(parameter["in"] != "path" for parameter in operation["parameters"]):
        kinds.append(errors.InvalidRequest)
    return [*kinds, errors.DatabaseUnavailable]


def _add_problem(responses: Json, kind: type[TailTrendError]) -> None:
    status, said = status_of(kind), f"`{kind.code}`: {kind().detail}"
    known = responses.get(str(int(status)))
    if known is not None:
        known["description"] += f"\n\n{said}"
        return
    answer: Json = {
        "description": said,
        "content": {"application/problem+json": {"schema": {"$ref": f"{REF}Problem"}}},
    }
    if status in RETRIED:
        seconds = {"description": "Seconds.", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": seconds}
    responses[str(int(status))] = answer
