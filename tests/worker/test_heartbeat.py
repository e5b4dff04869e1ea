"""A heartbeat keeps a lease of any length."""

import time
import uuid

import pytest
from sqlalchemy import text

from shared import jobs
from shared.db import transaction
from shared.jobs import LeaseLost
from shared.models import Step
from worker.heartbeat import Heartbeat

LEASE_S = 1.0


def held(session, job_id: uuid.UUID) -> bool:
    query = text("SELECT lease_until > now() FROM jobs WHERE id = :id")
    return bool(session.scalar(query, {"id": job_id}))


def check_for_ever(heartbeat: Heartbeat) -> None:
    while True:
        heartbeat.check()


@pytest.fixture
def lease(submit, small_clip, setting) -> jobs.Lease:
    setting(lease_s=LEASE_S)
    job_id = submit(small_clip)
    with transaction() as session:
        lease = jobs.claim(session, job_id, Step.EXTRACT, worker="test")
    assert lease is not None
    return lease


def test_a_short_lease_is_kept_for_longer_than_it_lasts(lease):
    with Heartbeat(lease) as heartbeat:
        until = time.monotonic() + 2 * LEASE_S
        while time.monotonic() < until:
            heartbeat.check()
        with transaction() as session:
            assert held(session, lease.job_id)


def test_work_stops_before_a_lease_that_nobody_keeps_is_over(lease, monkeypatch):
    monkeypatch.setattr(Heartbeat, "_beat", lambda self: None)
    with Heartbeat(lease) as heartbeat:
        with pytest.raises(LeaseLost):
            check_for_ever(heartbeat)
        with transaction() as session:
            assert held(session, lease.job_id)
