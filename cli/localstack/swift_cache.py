"""What memcached is to Swift's proxy, inside its one process: what it knows of containers.

Without it each request first asks the account and the container server, and a container server
that is asked writes to disk what it owes: an upload took twice as long.
"""

import json
import time
from collections.abc import Callable
from typing import Any

MOST_ENTRIES = 1000  # the stack has one account and one bucket

Application = Callable[[dict[str, Any], Any], Any]

_now = time.monotonic  # memcached names a parameter of `set` as the module


class Cache:
    """Values written out, so that nobody changes what is kept, each until its time."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, str]] = {}

    def get(self, key: str, **_: object) -> Any:  # noqa: ANN401 - whatever was set
        """Give a value, or nothing."""
        until, text = self._kept.get(key, (0.0, "null"))
        return json.loads(text) if _now() < until else None

    def set(self, key: str, value: object, *, time: float = 0, **_: object) -> None:
        """Keep a value for so many seconds."""
        if len(self._kept) >= MOST_ENTRIES:
            self._kept.clear()
        self._kept[key] = (_now() + time, json.dumps(value))

    def delete(self, key: str, **_: object) -> None:
        """Forget a value."""
        self._kept.pop(key, None)


def filter_factory(_: dict[str, str], **__: str) -> Callable[[Application], Application]:
    """Make the filter that a paste configuration names."""
    cache = Cache()

    def cached(app: Application) -> Application:
        def serve(env: dict[str, Any], start_response: Any) -> Any:  # noqa: ANN401 - WSGI
            env["swift.cache"] = cache
            return app(env, start_response)

        return serve

    return cached
