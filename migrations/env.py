"""Run migrations against TAILTREND_DATABASE_URL; give up on a long lock rather than block."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from shared.models import Base
from shared.settings import Settings

LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "5s"


def run() -> None:
    """Run what `alembic` asked for in one transaction per migration."""
    url = Settings().database_url
    if url is None:
        raise SystemExit("TAILTREND_DATABASE_URL is not set.")
    with create_engine(url.get_secret_value(), poolclass=NullPool).connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
