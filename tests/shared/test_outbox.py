"""Rings: owed with the state change, rung after the commit, repaired by the sweep."""

import base64
import json
import time
import uuid
from contextlib import suppress

import pytest
from sqlalchemy import text

from shared import clips, jobs, outbox, queue
from shared.clips import StoredFile, Told
from shared.db import single, transaction
from shared.models import Reason, Step
from shared.queue import Queue
from tests.factories import claim, make_clip, make_job, make_pet, read_job
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty")


def messages(name=Queue.EXTRACT):
    """List the job ids that wait in a queue."""
    return [_job_id(message) for message in queue._redis().lrange(name, 0, -1)]


def _job_id(message):
    return json.loads(base64.b64decode(json.loads(message)["body"]))[0][0]


def make_due(job):
    with transaction() as session:
        session.execute(
            text("UPDATE outbox SET due_at = now() - interval '1 s' WHERE job_id = :id"),
            {"id": job.id},
        )


def re_ring(waiting=0, name=Queue.EXTRACT):
    with transaction() as session:
        return outbox.re_ring(session, name, waiting=waiting)


def test_a_committed_job_is_rung_with_its_id_alone():
    job = make_job()
    assert eventually(lambda: messages() == [str(job.id)])


def test_nothing_is_rung_before_the_commit():
    clip = make_clip()
    with transaction() as session:
        job = jobs.submit(session, session.merge(clip))
        time.sleep(0.2)
        assert messages() == []
    assert eventually(lambda: messages() == [str(job.id)])


def test_nothing_is_rung_after_a_rollback():
    clip = make_clip()
    with suppress(ZeroDivisionError), transaction() as session:
        jobs.submit(session, session.merge(clip))
        raise ZeroDivisionError
    after = make_job(clip)
    assert eventually(lambda: messages() == [str(after.id)])


def test_a_single_statement_is_rung_when_its_block_has_ended_well():
    pet = make_pet()
    with suppress(ZeroDivisionError), single() as way:
        accept(way, pet)
        raise ZeroDivisionError
    with single() as way:
        job = accept(way, pet)
        time.sleep(0.2)
        assert messages() == []
    assert eventually(lambda: messages() == [str(job.id)])


def accept(way, pet):
    """Accept a clip whose reservation is another block's."""
    with transaction() as session:
        file = StoredFile(clips.reserve(session), uuid.uuid4().bytes * 2, 1, "video/mp4")
    told = Told(None, Reason.ROUTINE, [], None)
    return jobs.accept(way, file, told, account_id=pet.account_id, pet_id=pet.id)


def test_a_hand_over_rings_the_next_queue():
    job = make_job()
    lease = claim(job, hands_to=Step.ENCODE)
    with transaction() as session:
        jobs.hand_over(session, lease, Step.ENCODE, progress=85)
    assert eventually(lambda: messages(Queue.ENCODE) == [str(job.id)])


def test_a_retry_is_not_rung_before_it_is_due():
    job = make_job()
    assert eventually(lambda: len(messages()) == 1)
    lease = claim(job)
    with transaction() as session:
        jobs.retry_later(session, lease, RuntimeError())
    assert re_ring() == []
    make_due(job)
    assert re_ring() == [job.id]


def first(waiting):
    with transaction() as session:
        return outbox.first(session, Queue.EXTRACT, waiting=waiting)


def test_a_freed_jobs_lost_ring_is_not_hidden_by_doubled_rings_of_others():
    freed = [make_job(), make_job()]
    fresh = make_job()
    for job in freed:
        lease = claim(job)
        with transaction() as session:
            jobs.retry_later(session, lease, RuntimeError())
        make_due(job)
    make_due(fresh)
    assert first(waiting=6) == [freed[1].id, freed[0].id]
    assert first(waiting=6) == []
    make_due(freed[0])
    assert first(waiting=7) == []  # full of doubles: nobody answers


def test_a_ring_that_nobody_answered_is_rung_again_once_per_interval():
    job = make_job()
    assert re_ring() == []
    make_due(job)
    assert re_ring() == [job.id]
    assert re_ring() == []


def test_nothing_is_rung_again_while_the_queue_has_lost_nothing(monkeypatch):
    monkeypatch.setattr(outbox, "SPARE_RINGS", 1)
    waiting = [make_job() for _ in range(4)]
    for job in waiting:
        make_due(job)
    assert re_ring(waiting=4) == []
    assert set(re_ring(waiting=3)) == {waiting[0].id, waiting[1].id}  # which one, nobody knows
    assert len(re_ring(waiting=0)) == 2


def test_an_answered_ring_is_not_rung_again():
    job = make_job(state="running")
    assert re_ring() == []
    assert read_job(job.id).status == "running"


def test_another_queues_rings_are_left_alone():
    make_due(make_job())
    assert re_ring(name=Queue.FUSE) == []


def test_the_lengths_of_the_queues_are_counted():
    make_job()
    assert eventually(lambda: queue.lengths()[Queue.EXTRACT] == 1)
    assert queue.lengths()[Queue.FUSE] == 0
