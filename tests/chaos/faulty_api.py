"""The API with boundaries inside it: `gunicorn tests.chaos.faulty_api:create_app()`."""

from api.app import create_app
from shared import clips, jobs, storage
from tests.chaos import boundaries
from tests.chaos.control import from_environment

__all__ = ["create_app"]

CONTROL = from_environment()

clips.ABANDONED_AFTER_S = 25.0
boundaries.around_verb(CONTROL, jobs, "reserve")
boundaries.around_verb(CONTROL, jobs, "accept")
boundaries.around(CONTROL, storage, "put")
