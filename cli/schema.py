"""Bring the database to the schema of this code."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable, QueryCanceled
from sqlalchemy.exc import ArgumentError, OperationalError

from cli.localstack.errors import CannotStart
from shared import db
from shared.errors import DatabaseUnavailable

MIGRATIONS = Path(__file__).parent.parent / "migrations"
IN_USE = (
    "A migration gave up ({reason}): a long transaction or a backup has its tables in use."
    " Nothing of it was done, and what runs goes on; try it again."
)


def upgrade() -> None:
    """Run the missing migrations. Raises CannotStart, DatabaseUnavailable.

    A database that is ahead of this code is left alone.
    """
    config = Config()  # not pyproject.toml, which an installed package does not have
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        _refuse_newer(config)
        command.upgrade(config, "head")
    except ArgumentError as error:
        raise CannotStart("TAILTREND_DATABASE_URL is not the URL of a database.") from error
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        if isinstance(error.orig, (LockNotAvailable, QueryCanceled)):
            raise CannotStart(IN_USE.format(reason=reason)) from error
        raise DatabaseUnavailable(f"The database does not answer: {reason}") from error


def _refuse_newer(config: Config) -> None:
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    with db.engine().connect() as connection:
        unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    if unknown:
        raise CannotStart(
            f"The database is of a newer version of TailTrend (schema {', '.join(unknown)});"
            " upgrade TailTrend, or choose another directory with --state."
        )
