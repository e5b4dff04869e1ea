"""The Flask application: routes, errors, limits, OpenAPI."""

from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix

from api import errors
from api.intake import FORM_OVERHEAD_BYTES
from api.pages import site
from api.routes import (
    account,
    alerts,
    analyze,
    assessments,
    clips,
    docs,
    exports,
    history,
    jobs,
    notes,
    pets,
    reports,
    service,
    shared_reports,
    uploads,
    webhooks,
)
from shared import logs
from shared.settings import settings

BLUEPRINTS = (
    pets.bp,
    clips.bp,
    uploads.bp,
    jobs.bp,
    assessments.bp,
    history.bp,
    notes.bp,
    alerts.bp,
    exports.bp,
    reports.bp,
    shared_reports.bp,
    account.bp,
    webhooks.bp,
    analyze.bp,
    service.bp,
    docs.bp,
)
KEY = {"type": "http", "scheme": "bearer", "description": "An API key, `tt_...`."}
ABOUT = "Short clips of a cat or dog in; behavioural signals, an honest state and a trend out."
LARGEST_BODY_BYTES = 100_000  # routes that take a clip allow more: intake.allow_upload


def create_app() -> APIFlask:
    """Make the application that a WSGI server runs."""
    logs.configure()
    # Its own page of documentation: APIFlask's loads scripts from elsewhere.
    app = APIFlask("tailtrend", title="TailTrend", version="1", docs_path=None)
    app.config |= {
        "OPENAPI_VERSION": "3.1.0",
        "MAX_CONTENT_LENGTH": LARGEST_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": FORM_OVERHEAD_BYTES,
        "AUTO_OPERATION_ID": True,
        "AUTO_404_RESPONSE": False,
        "AUTO_VALIDATION_ERROR_RESPONSE": False,
    }
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the order of the schema reads better
    app.description = ABOUT
    app.security_schemes = {"key": KEY}
    app.spec_processor(docs.complete)
    errors.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    site.register(app)
    _believe_proxies(app, settings().proxies)
    return app


def _believe_proxies(app: APIFlask, count: int) -> None:
    """Take the client's address and scheme from our proxies; they pass the host on as it is."""
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
