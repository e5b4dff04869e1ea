"""The sweep repairs what faults leave behind, once, and without the queue that it repairs."""

import base64
import io
import json
import uuid

import pytest
from sqlalchemy import text

from shared import deletions, jobs, queue, storage
from shared.db import transaction
from shared.errors import BrokerUnavailable, MediaMissing
from shared.models import JobStatus, Step
from shared.queue import Queue
from tests.factories import read
from tests.waiting import eventually
from tests.worker.test_tasks import outcomes
from worker import sweep


def claim(job_id: uuid.UUID) -> jobs.Lease:
    with transaction() as session:
        lease = jobs.claim(session, job_id, Step.EXTRACT, worker="test")
    assert lease is not None
    return lease


def let_lapse(job_id: uuid.UUID) -> None:
    change(job_id, "lease_until = now() - interval '1 s'")


def change(job_id: uuid.UUID, what: str) -> None:
    with transaction() as session:
        session.execute(text(f"UPDATE jobs SET {what} WHERE id = :id"), {"id": job_id})


def test_a_silent_workers_job_is_queued_again(submit, small_clip):
    job_id = submit(small_clip)
    claim(job_id)
    let_lapse(job_id)
    sweep.repair_jobs()
    assert (read(job_id).status, outcomes(job_id)) == (JobStatus.QUEUED, [("extract", "lost")])


def test_a_live_workers_job_is_left_alone(submit, small_clip):
    job_id = submit(small_clip)
    claim(job_id)
    sweep.repair_jobs()
    assert read(job_id).status == JobStatus.RUNNING


def test_a_job_that_silenced_three_workers_fails_and_keeps_its_media(submit, small_clip, tmp_path):
    job_id = submit(small_clip)
    for _ in range(3):
        claim(job_id)
        let_lapse(job_id)
        sweep.repair_jobs()
    assert read(job_id).error_code == "attempts_exhausted"
    storage.get(read(job_id).clip.storage_key, tmp_path / "kept")


def test_a_job_past_its_deadline_expires(submit, small_clip):
    job_id = submit(small_clip)
    change(job_id, "expires_at = now()")
    sweep.repair_jobs()
    assert read(job_id).status == JobStatus.EXPIRED


def test_nobody_sweeps_beside_another(submit, small_clip):
    job_id = submit(small_clip)
    claim(job_id)
    let_lapse(job_id)
    with transaction() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": sweep.LOCK})
        sweep.repair_jobs()
        assert read(job_id).status == JobStatus.RUNNING


def test_a_worker_frozen_in_a_transaction_holds_up_no_other_job(submit, small_clip):
    frozen, other, overdue = (submit(small_clip) for _ in range(3))
    for job_id in (frozen, other):
        claim(job_id)
        let_lapse(job_id)
    change(overdue, "expires_at = now()")
    with transaction() as session:
        session.execute(text("SELECT FROM jobs WHERE id = :id FOR UPDATE"), {"id": frozen})
        sweep.repair_jobs()
        states = [read(job_id).status for job_id in (frozen, other, overdue)]
    assert states == [JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.EXPIRED]


def test_a_wiped_broker_is_refilled(submit, small_clip):
    job_ids = [submit(small_clip) for _ in range(3)]
    queue._redis().flushall()
    with transaction() as session:
        session.execute(text("UPDATE outbox SET due_at = now()"))
    sweep.repair_rings()
    assert queue.lengths()[Queue.EXTRACT] >= len(job_ids)


@pytest.fixture
def no_bell(monkeypatch):
    """No ring but those of the test: a new job's comes from a thread, at some time."""
    monkeypatch.setattr(queue, "ring_soon", lambda *ring: None)


def test_a_long_backlog_is_not_rung_twice(submit, small_clip, no_bell):
    queue._redis().flushall()
    with transaction() as session:
        session.execute(text("DELETE FROM outbox"))
    for _ in range(3):
        queue.ring(Queue.EXTRACT, submit(small_clip))
    with transaction() as session:
        session.execute(text("UPDATE outbox SET due_at = now()"))
    before = queue.lengths()[Queue.EXTRACT]
    sweep.repair_rings()
    assert queue.lengths()[Queue.EXTRACT] == before


def test_a_freed_job_goes_before_a_backlog(submit, small_clip, no_bell):
    queue._redis().flushall()
    with transaction() as session:
        session.execute(text("DELETE FROM outbox"))
    freed, *backlog = [submit(small_clip) for _ in range(4)]
    with transaction() as session:
        lease = jobs.claim(session, freed, Step.EXTRACT, worker="test")
    for job_id in backlog:
        queue.ring(Queue.EXTRACT, job_id)
    with transaction() as session:
        session.execute(text("UPDATE outbox SET due_at = now() - interval '1 min'"))
        jobs.hand_back(session, lease)
    sweep.repair_rings()
    next_message = queue._redis().lindex(Queue.EXTRACT, -1)
    assert str(freed) in base64.b64decode(json.loads(next_message)["body"]).decode()


def test_jobs_are_repaired_while_the_broker_is_away(submit, small_clip, monkeypatch):
    job_id = submit(small_clip)
    claim(job_id)
    let_lapse(job_id)
    monkeypatch.setattr(queue, "broker_url", lambda: "redis://127.0.0.1:1/0")
    queue._redis.cache_clear()
    with pytest.raises(BrokerUnavailable):
        sweep.repair_rings()
    sweep.repair_jobs()
    queue._redis.cache_clear()
    assert read(job_id).status == JobStatus.QUEUED


def test_what_is_doomed_is_deleted(submit, small_clip, tmp_path):
    job_id = submit(small_clip)
    key = read(job_id).clip.storage_key
    with transaction() as session:
        deletions.owe(session, key)
    sweep.delete_objects()
    with pytest.raises(MediaMissing):
        storage.get(key, tmp_path / "gone")


@pytest.mark.parametrize("prefix", ["media", ""])
def test_stills_go_with_the_media_and_with_the_clip(
    prefix, submit, small_clip, tmp_path, monkeypatch
):
    clip = read(submit(small_clip)).clip
    still = deletions.still_key(clip.storage_key, 2)
    storage.put(still, io.BytesIO(b"still"), content_type="image/jpeg")
    with transaction() as session:
        deletions.owe(session, clip.storage_key.removesuffix("media") + prefix)
    monkeypatch.setattr(storage, "delete_prefix", lambda prefix: None)  # as an empty listing
    sweep.delete_objects()
    with pytest.raises(MediaMissing):
        storage.get(still, tmp_path / "gone")


def test_media_is_deleted_though_the_listing_has_lost_it(submit, small_clip, tmp_path, monkeypatch):
    job_id = submit(small_clip)
    clip = read(job_id).clip
    with transaction() as session:
        deletions.receipt(session, deletions.CLIP, clip.id)
    monkeypatch.setattr(storage, "delete_prefix", lambda prefix: None)  # as an empty listing
    sweep.delete_objects()
    with pytest.raises(MediaMissing):
        storage.get(clip.storage_key, tmp_path / "gone")


# --- what goes wrong in it -------------------------------------------------------------------


def is_owed(prefix):
    with transaction() as session:
        found = text("SELECT 1 FROM deletions WHERE prefix = :prefix")
        return session.scalar(found, {"prefix": prefix}) is not None


def test_an_error_that_nobody_foresaw_ends_neither_the_sweep_nor_its_other_parts(
    setting, monkeypatch
):
    failures = []

    def fail():
        failures.append("unforeseen")
        raise KeyError(*failures)

    monkeypatch.setattr(sweep, "repair_jobs", fail)
    setting(sweep_interval_s=0.05)
    key, sweeper = f"artifacts/{uuid.uuid4()}", sweep.Sweeper()
    with transaction() as session:
        deletions.owe(session, key)
    sweeper.start()
    has_gone_on = eventually(lambda: len(failures) >= 2 and not is_owed(key))
    sweeper.stop()
    assert has_gone_on
