"""All pages as one blueprint: the door in front, headers and error pages around."""

from typing import Any

from apiflask import APIBlueprint, APIFlask
from apiflask.exceptions import HTTPError
from flask import Blueprint, Response, make_response, request
from werkzeug.exceptions import HTTPException

from api.pages import assets, door, frame
from api.pages.views import (
    alerts,
    clip,
    clips,
    film,
    notes,
    pet,
    pet_settings,
    pets,
    report,
    settings,
    sign_in,
    webhooks,
)
from shared.errors import NotFound, TailTrendError

VIEWS = (
    sign_in.bp,
    pets.bp,
    pet.bp,
    clips.bp,
    clip.bp,
    film.bp,
    report.bp,
    notes.bp,
    pet_settings.bp,
    alerts.bp,
    webhooks.bp,
    settings.bp,
)

bp = APIBlueprint("pages", __name__, template_folder="templates", enable_openapi=False)
bp.before_request(door.admit)
bp.after_request(door.keep_form_secret)
bp.after_request(frame.add_headers)
bp.register_error_handler(TailTrendError, frame.known_error)
bp.register_error_handler(HTTPException, frame.http_error)
bp.register_error_handler(Exception, frame.unknown_error)

_assets = Blueprint("assets", __name__)
_assets.add_url_rule("/assets/<of>/<path:name>", "send", door.open_to_all(assets.send))

for view in (_assets, *VIEWS):
    bp.register_blueprint(view)


def register(app: APIFlask) -> None:
    """Serve the pages; a person whose address leads nowhere is told so by one as well."""
    app.register_blueprint(bp)
    for_programs = app.error_callback

    @app.error_processor
    def tell(error: HTTPError) -> Any:  # noqa: ANN401 - whatever Flask takes for an answer
        return _nowhere() if _is_lost_person() else for_programs(error)


def _is_lost_person() -> bool:
    """Tell a browser at an address that is none of ours from a program that asks the API."""
    if request.routing_exception is None or request.path.startswith("/v1/"):
        return False
    asked = request.accept_mimetypes.best_match(("application/json", "text/html"))
    return request.method == "GET" and asked == "text/html"


def _nowhere() -> Response:
    """Show the page as to nobody: a wrong address costs no look into the database."""
    door.make_form_secret()
    return frame.add_headers(door.keep_form_secret(make_response(frame.known_error(NotFound()))))
