"""The history of the schema, on a database of its own."""

import io
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, text

from cli import schema
from cli.localstack.errors import CannotStart
from shared import db
from shared.errors import SchemaOld
from shared.settings import settings

ROOT = Path(__file__).parent.parent
CONFIG = Config(toml_file=ROOT / "pyproject.toml", stdout=io.StringIO())


@pytest.fixture
def empty_database(servers, monkeypatch):
    """Lead the settings to a new database that has never seen a migration."""
    url = make_url(servers["TAILTREND_DATABASE_URL"])
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS migrated WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE migrated"))
        fresh = url.set(database="migrated").render_as_string(hide_password=False)
        monkeypatch.setenv("TAILTREND_DATABASE_URL", fresh)
        settings.cache_clear()
        yield fresh
        connection.execute(text("DROP DATABASE migrated WITH (FORCE)"))
    server.dispose()
    monkeypatch.undo()
    settings.cache_clear()


def tables(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        found = set(connection.execute(text(query)).scalars())
    engine.dispose()
    return found - {"alembic_version"}


def test_the_history_has_one_head_and_one_line():
    history = ScriptDirectory.from_config(CONFIG)
    assert history.get_heads() == [db.SCHEMA]
    assert [script.revision for script in history.walk_revisions()][::-1] == [
        f"{number:04}" for number in range(1, len(list(history.walk_revisions())) + 1)
    ]


def test_a_database_is_ready_once_it_has_our_tables(empty_database, monkeypatch):
    engine = create_engine(empty_database)
    monkeypatch.setattr(db, "engine", lambda: engine)
    with pytest.raises(SchemaOld):
        db.ping()
    command.upgrade(CONFIG, "head")
    db.ping()
    engine.dispose()


def test_from_nothing_to_the_head_is_what_the_models_say(empty_database):
    command.upgrade(CONFIG, "head")
    assert {"accounts", "jobs", "assessments"} <= tables(empty_database)
    command.check(CONFIG)  # raises when autogenerate would write anything


def test_every_step_can_be_taken_back_and_again(empty_database):
    command.upgrade(CONFIG, "head")
    everything = tables(empty_database)
    for _ in ScriptDirectory.from_config(CONFIG).walk_revisions():
        command.downgrade(CONFIG, "-1")
    assert tables(empty_database) == set()
    command.upgrade(CONFIG, "head")
    assert tables(empty_database) == everything


def test_no_migration_imports_the_models():
    for path in (ROOT / "migrations" / "versions").glob("*.py"):
        assert "from shared" not in path.read_text(), path.name


def test_a_migration_that_waits_for_a_table_in_vain_says_so_and_can_be_tried_again(
    empty_database,
):
    command.upgrade(CONFIG, "0011")
    other = create_engine(empty_database)
    with other.connect() as connection:
        connection.execute(text("LOCK TABLE summaries IN ACCESS SHARE MODE"))
        with pytest.raises(CannotStart, match=r"lock timeout.*in use"):
            schema.upgrade()
    other.dispose()
    schema.upgrade()
    command.check(CONFIG)
