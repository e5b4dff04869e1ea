"""The way to a database session. Knows no table."""

import functools
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, cast

import psycopg
from psycopg.errors import ForeignKeyViolation
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import ConnectionPoolEntry

from shared.errors import DatabaseUnavailable, NotConfigured, NotFound, SchemaOld
from shared.settings import settings
from shared.ways import Single

CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_MS = 15_000
IDLE_TRANSACTION_TIMEOUT_MS = 10_000  # a frozen process gives its locks back
SESSION = {
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": IDLE_TRANSACTION_TIMEOUT_MS,
    "timezone": "UTC",
}
# A server that vanished without a word is noticed by the kernel, within a lease: else whoever waits
# for its answer waits for two hours, each with a thread.
SILENCE = {"keepalives_idle": 5, "keepalives_interval": 5, "tcp_user_timeout": 20_000}  # s, s, ms
SCHEMA = "0012"  # the migration that this code needs; a later one works with it, too
POOL_SIZE, MOST_CONNECTIONS = 16, 40
PING_AFTER_S = 0.2  # no Postgres restarts faster than that


@functools.cache
def engine() -> Engine:
    """Make this process's engine; never before a fork."""
    url = settings().database_url
    if url is None:
        raise NotConfigured("TAILTREND_DATABASE_URL is not set.")
    made = create_engine(
        url.get_secret_value(),
        pool_size=POOL_SIZE,
        max_overflow=MOST_CONNECTIONS - POOL_SIZE,
        pool_use_lifo=True,  # few connections stay in use, and need no ping
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            **SILENCE,
            "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
        },
    )
    event.listen(made, "checkin", _remember_use)
    event.listen(made, "checkout", _ping_idle)
    return made


def _remember_use(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info["used_at"] = time.monotonic()


def _ping_idle(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
    """Try a connection that lay idle, so that a restarted Postgres costs nobody an error."""
    if time.monotonic() - entry.info.get("used_at", time.monotonic()) < PING_AFTER_S:
        return
    try:
        engine().dialect.do_ping(connection)
    except engine().dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


@contextmanager
def transaction() -> Iterator[Session]:
    """Open a session that commits at the end of the block. Raises as `_translated` does."""
    with _translated(), Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


def connect_all() -> None:
    """Open the pool's connections before anybody needs them. Raises DatabaseUnavailable."""
    with _translated(), ExitStack() as opened:
        for _ in range(POOL_SIZE):
            opened.enter_context(engine().connect())


def take_time(session: Session) -> None:
    """Let a transaction wait for others than Postgres; nobody may have to wait for its locks."""
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


@contextmanager
def single() -> Iterator[Single]:
    """Open a way for statements that are each a transaction of their own.

    One way to the server and back where a transaction takes three. Raises as `_translated` does.
    """
    with _translated(), closing(engine().raw_connection()) as pooled:
        connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
        connection.autocommit = True
        way = Single(connection)
        try:
            yield way
        finally:
            if connection.closed:
                pooled.invalidate()
            else:
                connection.autocommit = False
    for call in way.afterwards:
        call()


@contextmanager
def _translated() -> Iterator[None]:
    """Raise DatabaseUnavailable when Postgres cannot be reached.

    And NotFound when somebody else deleted meanwhile what the block writes to.
    """
    try:
        yield
    except PoolExhausted as error:
        raise DatabaseUnavailable from error
    except StaleDataError as error:
        raise NotFound from error
    except IntegrityError as error:
        if isinstance(error.orig, ForeignKeyViolation):
            raise NotFound from error
        raise
    except ForeignKeyViolation as error:
        raise NotFound from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        if error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError)):
            raise DatabaseUnavailable from error
        raise


def ping() -> None:
    """See that the database answers and has our tables. Raises DatabaseUnavailable, SchemaOld."""
    with transaction() as session:
        try:
            found = session.scalar(text("SELECT max(version_num) FROM alembic_version"))
        except ProgrammingError as error:  # there are none at all
            raise SchemaOld from error
    if found is None or found < SCHEMA:
        raise SchemaOld
