"""One key, one effect, one answer."""

import threading
from contextlib import suppress

import pytest
from sqlalchemy import select, text

from shared import idempotency
from shared.db import transaction
from shared.errors import IdempotencyMismatch, IdempotencySpent
from shared.models import IdempotencyKey
from tests.factories import make_account, make_job

REQUEST, OTHER = b"request", b"other"


@pytest.fixture
def made():
    """An answer that names a job which is there."""
    return {"id": str(make_job().id)}


def begin(account, answer, key="k", request=REQUEST):
    with transaction() as session:
        before = idempotency.begin(session, account.id, key, request)
        if before is None:
            idempotency.keep(session, account.id, key, answer)
        return before


def test_the_first_request_begins_and_its_twin_gets_the_answer(made):
    account = make_account()
    assert begin(account, made) is None
    assert begin(account, made) == made


def test_an_answer_that_names_nothing_any_more_spends_the_key():
    account = make_account()
    begin(account, {"id": str(account.id)})  # no job's
    with pytest.raises(IdempotencySpent):
        begin(account, {})


def test_another_request_with_the_key_is_refused(made):
    account = make_account()
    begin(account, made)
    with pytest.raises(IdempotencyMismatch):
        begin(account, made, request=OTHER)


def test_keys_belong_to_accounts(made):
    begin(make_account(), made)
    assert begin(make_account(), made, request=OTHER) is None


def test_a_twin_waits_for_the_first_to_commit(made):
    account, answers = make_account(), []
    with transaction() as session:
        assert idempotency.begin(session, account.id, "k", REQUEST) is None
        twin = threading.Thread(target=lambda: answers.append(begin(account, made)))
        twin.start()
        twin.join(0.2)
        assert answers == []
        idempotency.keep(session, account.id, "k", made)
    twin.join()
    assert answers == [made]


def test_a_twin_takes_over_when_the_first_rolls_back(made):
    account, answers = make_account(), []
    twin = threading.Thread(target=lambda: answers.append(begin(account, made)))
    with suppress(ZeroDivisionError), transaction() as session:
        idempotency.begin(session, account.id, "k", REQUEST)
        twin.start()
        twin.join(0.1)
        raise ZeroDivisionError
    twin.join()
    assert answers == [None]


def test_old_keys_are_forgotten_and_young_ones_kept(made):
    old, young = make_account(), make_account()
    begin(old, made)
    begin(young, made)
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
