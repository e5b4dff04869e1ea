"""The two ways on which a statement goes to Postgres: a session's transaction, or by itself.

Knows no pool and no table; `db.py` opens them.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import namedtuple_row
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import Session

PSYCOPG = PGDialect_psycopg()  # type: ignore[no-untyped-call]


class Single:
    """A connection each of whose statements is a transaction of its own.

    Statements go past SQLAlchemy, whose session, compiler and results take 0.2 ms for each: that is
    two thirds of what a statement costs its process.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self.afterwards: list[Callable[[], None]] = []  # what to do when the block has ended well

    def rows(self, statement: TextClause, values: Mapping[str, object]) -> list[Any]:
        """Run a statement that gives rows."""
        cursor = self._connection.cursor(row_factory=namedtuple_row)
        return cursor.execute(_written(statement), values).fetchall()


Way = Session | Single


def rows(way: Way, statement: TextClause, values: Mapping[str, object]) -> list[Any]:
    """Run a statement that gives rows, as named tuples."""
    if isinstance(way, Single):
        return way.rows(statement, values)
    return list(way.execute(statement, values))


def row(way: Way, statement: TextClause, values: Mapping[str, object]) -> Any:  # noqa: ANN401
    """Run a statement that gives one row or none."""
    found = rows(way, statement, values)
    assert len(found) <= 1
    return found[0] if found else None


@functools.cache
def _written(statement: TextClause) -> bytes:
    """Write a statement as psycopg takes it, once."""
    return str(statement.compile(dialect=PSYCOPG)).encode()
