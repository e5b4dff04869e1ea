"""The API with boundaries inside it: `gunicorn tests.chaos.faulty_api:create_app()`."""

import functools

from api.app import create_app
from shared import clips, jobs, storage
from tests.chaos import boundaries
from tests.chaos.control import from_environment

__all__ = ["create_app"]

CONTROL = from_environment()

clips.reserve = functools.partial(clips.reserve, for_s=25.0)
clips.reserve.__name__ = "reserve"
boundaries.around_verb(CONTROL, clips, "reserve")
boundaries.around_verb(CONTROL, jobs, "accept")
boundaries.around(CONTROL, storage, "put")
