"""One module for each noun of the API; a view parses, makes one call, and presents."""

from typing import Any

from apiflask import APIBlueprint
from flask import request

from api import throttle
from api.auth import require_key
from shared.settings import settings

DUPLICATE: Any = {
    "description": "These bytes were analysed before: the job that did, named in `duplicate_of`.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobOut"}}},
}
FORM_OVERHEAD_BYTES = 100_000  # the other fields of a multipart request


def blueprint(name: str, *, prefix: str = "/v1") -> APIBlueprint:
    """Make a blueprint whose every route needs a key."""
    made = APIBlueprint(name, __name__, url_prefix=prefix, tag=name)
    made.before_request(require_key)
    made.after_request(throttle.tell)
    return made


def allow_upload() -> None:
    """Let a form be as large as a clip may be; every other body stays small."""
    if request.mimetype == "multipart/form-data":
        request.max_content_length = settings().max_upload_mb * 1_000_000 + FORM_OVERHEAD_BYTES
