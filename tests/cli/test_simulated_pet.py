"""The simulated pet: believable, marked, and made once."""

import pytest
from sqlalchemy import text

from cli import simulated_pet
from shared import history
from shared.db import transaction
from shared.models import Alert, Assessment, Job, Note, Pet, Verdict
from tests.factories import make_account


@pytest.fixture(scope="module")
def filled(servers):
    account = make_account()
    with transaction() as session:
        pet = simulated_pet.fill(session, account.id)
    return account, pet


def rows(session, table, pet):
    return session.query(table).filter(table.pet_id == pet.id).all()


def test_its_twelve_weeks_have_become_worse(filled):
    _, pet = filled
    with transaction() as session:
        answer = history.recompute(session, session.get_one(Pet, pet.id), now=pet.created_at)
    assert answer["state"] == "changed"
    assert answer["n_clips"] > 50
    assert answer["n_abstained"] >= 2


def test_it_has_notes_a_correction_and_an_open_alert(filled):
    _, pet = filled
    with transaction() as session:
        assert len(rows(session, Note, pet)) == 4
        assert len(rows(session, Verdict, pet)) >= 3
        alarms = {one.kind: one.state for one in rows(session, Alert, pet)}
        assert alarms["trend_worse"] == "open"


def test_everything_about_it_says_that_it_is_simulated(filled):
    _, pet = filled
    assert pet.is_simulated
    assert "simulated" in pet.name
    with transaction() as session:
        assert {one.bundle for one in rows(session, Assessment, pet)} == {"simulated 1"}


def test_its_jobs_ended_as_a_workers_do_and_nothing_is_owed(filled):
    account, _ = filled
    with transaction() as session:
        ended = session.query(Job).filter(Job.account_id == account.id).all()
        assert {(one.status, one.progress) for one in ended} == {("succeeded", 100)}
        owed = "SELECT count(*) FROM outbox JOIN jobs ON jobs.id = job_id WHERE account_id = :id"
        assert session.execute(text(owed), {"id": account.id}).scalar_one() == 0


def test_a_second_start_adds_nothing(filled):
    account, pet = filled
    with transaction() as session:
        before = len(rows(session, Assessment, pet))
        assert simulated_pet.fill(session, account.id).id == pet.id
        assert len(rows(session, Assessment, pet)) == before
