"""Real Postgres, Valkey and Swift, started once per run; every test works in its own account."""

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

ROOT = Path(__file__).parent.parent

SETTING = {  # the setting that leads to each dependency, with a URL that leads nowhere
    "database": ("TAILTREND_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:{port}/none"),
    "broker": ("TAILTREND_BROKER_URL", "redis://127.0.0.1:{port}/0"),
    "storage": ("TAILTREND_S3_ENDPOINT_URL", "http://127.0.0.1:{port}"),
}


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start the data servers, migrate, and lead this process's settings to them.

    And to no weights: a worker's answer must not depend on what its tester once pulled.
    """
    from cli.localstack.stack import Stack

    with Stack(tmp_path_factory.mktemp("stack")) as stack, pytest.MonkeyPatch.context() as patch:
        environment = stack.start_servers().environment()
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("TAILTREND_CACHE_DIR", str(tmp_path_factory.mktemp("no-weights")))
        patch.delenv("TAILTREND_WEIGHTS_DIR", raising=False)
        _forget_clients()
        command.upgrade(Config(toml_file=ROOT / "pyproject.toml", stdout=io.StringIO()), "head")
        yield environment
        _forget_clients()


@pytest.fixture
def without(servers: dict[str, str]) -> Callable[[str], AbstractContextManager[None]]:
    """Give a context in which a dependency is away: its clients are led to a closed port."""

    @contextmanager
    def away(dependency: str) -> Iterator[None]:
        name, url = SETTING[dependency]
        with socket.socket() as closed, pytest.MonkeyPatch.context() as patch:
            closed.bind(("127.0.0.1", 0))  # and never listens
            patch.setenv(name, url.format(port=closed.getsockname()[1]))
            _forget_clients()
            yield
        _forget_clients()

    return away


@pytest.fixture
def setting(servers: dict[str, str]) -> Iterator[Callable[..., None]]:
    """Give a function that changes settings for the rest of the test."""
    from shared.settings import settings

    with pytest.MonkeyPatch.context() as patch:

        def change(**values: object) -> None:
            for name, value in values.items():
                patch.setenv(f"TAILTREND_{name.upper()}", str(value))
            settings.cache_clear()

        yield change
    settings.cache_clear()


def _forget_clients() -> None:
    """Let the next call of each client read the settings again."""
    from shared import db, queue, storage
    from shared.settings import settings

    settings.cache_clear()
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    for cached in (
        *(db.engine, queue._redis),
        *(storage.client, storage.public_client, storage.public_origin),
    ):
        cached.cache_clear()
