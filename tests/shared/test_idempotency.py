"""One key, one effect, one answer."""

import threading
from contextlib import suppress

import pytest
from sqlalchemy import select, text

from shared import idempotency
from shared.db import transaction
from shared.errors import IdempotencyMismatch
from shared.models import IdempotencyKey
from tests.factories import make_account

REQUEST, OTHER = b"request", b"other"


def begin(account, key="k", request=REQUEST):
    with transaction() as session:
        before = idempotency.begin(session, account.id, key, request)
        if before is None:
            idempotency.keep(session, account.id, key, {"made": 1})
        return before


def test_the_first_request_begins_and_its_twin_gets_the_answer():
    account = make_account()
    assert begin(account) is None
    assert begin(account) == {"made": 1}


def test_another_request_with_the_key_is_refused():
    account = make_account()
    begin(account)
    with pytest.raises(IdempotencyMismatch):
        begin(account, request=OTHER)


def test_keys_belong_to_accounts():
    begin(make_account())
    assert begin(make_account(), request=OTHER) is None


def test_a_twin_waits_for_the_first_to_commit():
    account, answers = make_account(), []
    with transaction() as session:
        assert idempotency.begin(session, account.id, "k", REQUEST) is None
        twin = threading.Thread(target=lambda: answers.append(begin(account)))
        twin.start()
        twin.join(0.2)
        assert answers == []
        idempotency.keep(session, account.id, "k", {"made": 2})
    twin.join()
    assert answers == [{"made": 2}]


def test_a_twin_takes_over_when_the_first_rolls_back():
    account, answers = make_account(), []
    twin = threading.Thread(target=lambda: answers.append(begin(account)))
    with suppress(ZeroDivisionError), transaction() as session:
        idempotency.begin(session, account.id, "k", REQUEST)
        twin.start()
        twin.join(0.1)
        raise ZeroDivisionError
    twin.join()
    assert answers == [None]


def test_old_keys_are_forgotten_and_young_ones_kept():
    old, young = make_account(), make_account()
    begin(old)
    begin(young)
    with transaction() as session:
        session.execute(
            text(
                "UPDATE idempotency_keys SET created_at = now() - interval '25 h'"
                " WHERE account_id = :id"
            ),
            {"id": old.id},
        )
        idempotency.purge(session)
        kept = set(session.scalars(select(IdempotencyKey.account_id)))
    assert young.id in kept
    assert old.id not in kept
