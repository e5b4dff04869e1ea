"""One module for each noun of the API; a view parses, makes one call, and presents."""

from typing import Any

from apiflask import APIBlueprint

from api import throttle
from api.auth import require_key

DUPLICATE: Any = {
    "description": "These bytes were analysed before: the job that did, named in `duplicate_of`.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobOut"}}},
}


def blueprint(name: str, *, prefix: str = "/v1") -> APIBlueprint:
    """Make a blueprint whose every route needs a key."""
    made = APIBlueprint(name, __name__, url_prefix=prefix, tag=name)
    made.before_request(require_key)
    made.after_request(throttle.tell)
    return made
