"""The way to a session: what it commits, and what it makes of Postgres's errors."""

import os
import socket
import threading
import uuid
from contextlib import closing, suppress

import psycopg
import pytest
from sqlalchemy import create_engine, text

from shared import accounts, clips, db, jobs, pets, ways
from shared.db import transaction
from shared.errors import DatabaseUnavailable, NotFound
from shared.models import Account, Pet
from shared.settings import Settings
from tests.factories import make_account, make_clip, make_pet


def test_a_block_that_ends_commits_and_one_that_raises_does_not():
    account = make_account()
    with suppress(ZeroDivisionError), transaction() as session:
        pets.create(session, account.id, name="gone", species="dog")
        raise ZeroDivisionError
    with transaction() as session:
        kept = pets.create(session, account.id, name="kept", species="dog")
    with transaction() as session:
        assert [pet.id for pet in session.scalars(pets.chosen(account.id))] == [kept.id]


def test_a_database_that_is_away_is_an_error_of_ours(without):
    with without("database"), pytest.raises(DatabaseUnavailable):
        db.ping()


def test_a_server_that_vanishes_without_a_word_is_noticed_within_a_lease(servers):
    connection = db.engine().raw_connection()
    with closing(connection), socket.socket(fileno=os.dup(connection.fileno())) as ours:
        noticed_ms = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        asked_after_s = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    assert 0 < noticed_ms < 1000 * Settings().lease_s
    assert asked_after_s * 1000 < noticed_ms


def test_a_connection_that_postgres_ends_costs_only_its_own_transaction():
    with pytest.raises(DatabaseUnavailable), transaction() as session:  # noqa: PT012
        own = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        end_backend(own)
        session.execute(text("SELECT 1"))
    db.ping()


def test_a_single_statement_is_seen_before_its_block_ends():
    name = uuid.uuid4().hex
    with db.single() as way:
        ways.rows(
            way,
            text("INSERT INTO accounts (id, name) VALUES (:id, :name) RETURNING id"),
            {"id": uuid.uuid4(), "name": name},
        )
        with transaction() as session:
            assert accounts.find(session, name) is not None


def test_both_ways_give_the_same_rows():
    query = text("SELECT :number AS number, '50 % off' AS said, ARRAY[:word] AS words")
    values = {"number": 7, "word": "a"}
    with transaction() as session, db.single() as way:
        one, other = ways.row(session, query, values), ways.row(way, query, values)
    assert one._asdict() == other._asdict() == {"number": 7, "said": "50 % off", "words": ["a"]}


def test_what_follows_a_single_statement_is_a_transaction_again():
    account = make_account()
    with db.single() as way:
        used = ways.row(way, text("SELECT pg_backend_pid() AS pid"), {}).pid
    with suppress(ZeroDivisionError), transaction() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) == used
        session.delete(session.get_one(Account, account.id))
        session.flush()
        raise ZeroDivisionError
    with transaction() as session:
        session.get_one(Account, account.id)


def test_a_single_statement_finds_the_database_away(without):
    with without("database"), pytest.raises(DatabaseUnavailable), db.single():
        pass


def test_a_connection_that_postgres_ends_costs_only_its_own_single_statement():
    with pytest.raises(DatabaseUnavailable), db.single() as way:  # noqa: PT012
        end_backend(ways.row(way, text("SELECT pg_backend_pid() AS pid"), {}).pid)
        ways.rows(way, text("SELECT 1"), {})
    with db.single() as way:
        ways.rows(way, text("SELECT 1"), {})


def test_a_single_statement_about_what_is_deleted_meanwhile_was_not_found():
    gone = {"account_id": uuid.uuid4(), "id": uuid.uuid4()}
    query = text(
        "INSERT INTO pets (id, account_id, name, species)"
        " VALUES (:id, :account_id, 'x', 'dog') RETURNING id"
    )
    with pytest.raises(NotFound), db.single() as way:
        ways.rows(way, query, gone)


def test_a_process_frozen_in_a_transaction_keeps_its_locks_only_so_long():
    with transaction() as session:
        shown = session.scalar(text("SHOW idle_in_transaction_session_timeout"))
        db.take_time(session)
        unbounded = session.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert (shown, unbounded) == ("10s", "0")


def end_backend(pid):
    with transaction() as session:
        session.execute(text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": pid})


def test_a_connection_that_died_while_idle_costs_nobody_an_error(monkeypatch):
    monkeypatch.setattr(db, "PING_AFTER_S", 0)
    died = backend()
    with psycopg.connect(
        db.engine().url.set(drivername="postgresql").render_as_string(False)
    ) as by:
        by.execute("SELECT pg_terminate_backend(%s, 2000)", [died])
    assert backend() != died


def backend():
    with transaction() as session:
        return session.execute(text("SELECT pg_backend_pid()")).scalar_one()


def test_a_pool_without_a_free_connection_is_a_database_that_is_away(monkeypatch):
    tight = create_engine(db.engine().url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    monkeypatch.setattr(db, "engine", lambda: tight)
    with transaction() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailable), transaction() as second:
            second.execute(text("SELECT 1"))
    tight.dispose()


def test_what_is_deleted_while_it_is_changed_was_not_found():
    pet = make_pet()
    with pytest.raises(NotFound), transaction() as session:  # noqa: PT012
        read = session.get_one(Pet, pet.id)
        delete_elsewhere("pets", pet.id)
        read.name = "Late"


def test_a_job_for_a_clip_that_is_deleted_meanwhile_was_not_found():
    clip = make_clip()
    with pytest.raises(NotFound), transaction() as session:  # noqa: PT012
        read = clips.get(session, clip.account_id, clip.id)
        delete_elsewhere("clips", clip.id)
        jobs.submit(session, read)


def delete_elsewhere(table, row_id):
    def delete():
        with transaction() as session:
            session.execute(text(f"DELETE FROM {table} WHERE id = :id"), {"id": row_id})

    thread = threading.Thread(target=delete)
    thread.start()
    thread.join()
