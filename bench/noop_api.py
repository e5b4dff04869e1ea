"""The real API over storage that keeps nothing."""

from bench import noop_storage

noop_storage.install()

from api.app import create_app  # noqa: E402 - its health check takes the storage replaced above

__all__ = ["create_app"]
