"""A clock that is ahead, for one process. Import before everything that reads the time."""

import datetime
import time

real_time = time.time


def set_ahead(seconds: float) -> None:
    """Let this process believe that it is later; `time.monotonic()` is not touched."""
    if not seconds:
        return
    ahead = datetime.timedelta(seconds=seconds)

    class Ahead(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls._of(super().now(tz) + ahead)

        @classmethod
        def utcnow(cls):
            return cls._of(super().now(datetime.UTC).replace(tzinfo=None) + ahead)

        @classmethod
        def _of(cls, moment):
            return datetime.datetime.combine(moment.date(), moment.timetz())

    time.time = lambda: real_time() + seconds
    Ahead.__name__ = "datetime"
    datetime.datetime = Ahead
