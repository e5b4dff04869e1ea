"""Accounts and keys."""

import pytest
from sqlalchemy import text

from shared import accounts
from shared.db import transaction
from shared.errors import KeyInvalid, NotFound
from tests.factories import make_account, make_key


def test_a_key_opens_its_account():
    account = make_account()
    key = make_key(account)
    with transaction() as session:
        assert accounts.verify_key(session, key).account_id == account.id


def test_no_key_is_stored_in_clear_anywhere():
    key = make_key(make_account())
    with transaction() as session:
        tables = session.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ).all()
        rows = [str(row) for table in tables for row in session.execute(text(f"TABLE {table}"))]
    assert "api_keys" in tables
    assert not any(key[accounts.PREFIX_LENGTH :] in row for row in rows)


def test_two_keys_are_never_alike():
    account = make_account()
    keys = {make_key(account) for _ in range(20)}
    assert len(keys) == 20
    assert all(len(key) >= 40 for key in keys)


def test_a_revoked_key_opens_nothing_and_cannot_be_revoked_twice():
    key = make_key(make_account())
    with transaction() as session:
        key_id = accounts.verify_key(session, key).id
        accounts.revoke_key(session, key_id)
    with pytest.raises(KeyInvalid), transaction() as session:
        accounts.verify_key(session, key)
    with pytest.raises(NotFound), transaction() as session:
        accounts.revoke_key(session, key_id)


@pytest.mark.parametrize("key", ["", "tt_", "tt_x", "ÿ"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(KeyInvalid), transaction() as session:
        accounts.verify_key(session, key)


def test_the_local_key_is_kept_while_it_works_and_replaced_when_not():
    with transaction() as session:
        first = accounts.ensure_local_key(session, None)
        assert accounts.ensure_local_key(session, first) == first
        accounts.revoke_key(session, accounts.verify_key(session, first).id)
        second = accounts.ensure_local_key(session, first)
        assert second != first
        account = accounts.find(session, "local")
        assert accounts.verify_key(session, second).account_id == account.id


def test_keys_are_listed_with_their_account_and_prefix():
    account = make_account("listed")
    key = make_key(account)
    with transaction() as session:
        listed = {key.prefix: owner.name for key, owner in accounts.list_keys(session)}
    assert listed[key[: accounts.PREFIX_LENGTH]] == "listed"
