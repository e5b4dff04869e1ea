"""All pages as one blueprint: the door in front, headers and error pages around."""

from apiflask import APIBlueprint
from flask import Blueprint
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
from shared.errors import TailTrendError

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
