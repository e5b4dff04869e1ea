"""Events happen with what they tell, or not at all."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert
from sqlalchemy.exc import IntegrityError

from shared import clips, endpoints, events, jobs, pets
from shared.db import engine, transaction
from shared.models import Account, Delivery, DisabledReason, Event, EventType, JobStatus
from tests import factories
from tests.factories import ABSTAINED, make_account, make_clip, make_job, make_pet
from tests.receiver import deliveries_of, events_of, make_endpoint

FINAL = [status for status in JobStatus if status.is_final]


@pytest.fixture
def account(servers: dict[str, str]) -> Account:
    return make_account()


def make_job_of(account: Account, state: JobStatus):
    return make_job(make_clip(make_pet(account)), state=state)


@pytest.mark.parametrize("status", FINAL)
def test_each_end_of_a_job_is_one_event_for_each_endpoint(account, status):
    made = [make_endpoint(account), make_endpoint(account)]
    job = make_job_of(account, status)
    (told,) = events_of(account)
    assert (told.type, told.job_id) == (f"job.{status}", job.id)
    assert [[one.event_id for one in deliveries_of(endpoint)] for endpoint in made] == [
        [told.id],
        [told.id],
    ]


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING])
def test_a_job_that_goes_on_is_no_event(account, status):
    make_endpoint(account)
    make_job_of(account, status)
    assert events_of(account) == []


def test_an_event_tells_ids_and_the_small_result(account):
    make_endpoint(account)
    job = make_job_of(account, JobStatus.SUCCEEDED)
    with transaction() as session:
        job = jobs.get(session, account.id, job.id)
    (told,) = events_of(account)
    assert told.data["assessment"] == {
        "id": str(job.assessment.id),
        "emotion": "Anxious",
        "confidence": 0.71,
        "abstention_code": None,
        "recommendation_code": "reduce_stimuli",
        "urgency": "watch",
    }
    assert told.data["pet_id"] == str(job.clip.pet_id)
    assert told.data.keys() == {
        *("job_id", "clip_id", "pet_id", "status", "finished_at", "error", "assessment")
    }
    assert len(json.dumps(told.data)) < 1000


def test_an_abstention_says_why(account):
    make_endpoint(account)
    factories.succeed(make_job_of(account, JobStatus.QUEUED), ABSTAINED)
    (told,) = events_of(account)
    assert told.data["assessment"]["emotion"] is None
    assert told.data["assessment"]["abstention_code"] == "too_dark"


def test_a_failure_says_its_code(account):
    make_endpoint(account)
    make_job_of(account, JobStatus.FAILED)
    (told,) = events_of(account)
    assert (told.data["error"]["code"], told.data["assessment"]) == ("clip_unreadable", None)


def test_a_job_that_the_sweep_ends_is_told_too(account):
    endpoint = make_endpoint(account)
    made = [make_job_of(account, JobStatus.RUNNING) for _ in range(2)]
    for job in made:
        factories.set_job(job, "lease_until = now() - interval '1 s', attempts = 3")
    with transaction() as session:
        jobs.free_lapsed(session)
    told = events_of(account)
    assert {one.job_id for one in told} == {job.id for job in made}
    assert {one.data["error"]["code"] for one in told} == {"attempts_exhausted"}
    assert len(deliveries_of(endpoint)) == 2


def test_an_account_without_endpoints_writes_nothing(account):
    make_job_of(account, JobStatus.SUCCEEDED)
    assert events_of(account) == []


def test_an_event_costs_no_statement_of_its_own(account):
    job = make_job_of(account, JobStatus.QUEUED)
    factories.set_job(job, "expires_at = now() - interval '1 s'")
    make_endpoint(account)
    with counted() as statements, transaction() as session:
        jobs.expire_overdue(session)
    assert (len(statements), len(events_of(account))) == (1, 1)


@contextmanager
def counted() -> Iterator[list[str]]:
    """List the statements that are executed."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine(), "before_cursor_execute", note)
    yield statements
    event.remove(engine(), "before_cursor_execute", note)


def test_events_of_one_account_never_reach_another(account):
    stranger = make_endpoint(make_account("stranger"))
    make_endpoint(account)
    make_job_of(account, JobStatus.SUCCEEDED)
    assert deliveries_of(stranger) == []


def test_an_endpoint_gets_the_types_that_it_asked_for(account):
    failures = make_endpoint(account, types=[EventType.JOB_FAILED, EventType.ALERT_OPENED])
    everything = make_endpoint(account)
    make_job_of(account, JobStatus.SUCCEEDED)
    make_job_of(account, JobStatus.FAILED)
    assert (len(deliveries_of(failures)), len(deliveries_of(everything))) == (1, 2)


def test_a_disabled_endpoint_gets_nothing_but_the_event_is_kept(account):
    endpoint = make_endpoint(account)
    with transaction() as session:
        endpoints.disable(session, endpoint.id, DisabledReason.ASKED)
    make_job_of(account, JobStatus.SUCCEEDED)
    assert (len(events_of(account)), deliveries_of(endpoint)) == (1, [])


def test_what_is_rolled_back_is_not_told(account):
    make_endpoint(account)
    job = make_job_of(account, JobStatus.QUEUED)

    def cancel_and_crash() -> None:
        with transaction() as session:
            jobs.cancel(session, account.id, job.id)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        cancel_and_crash()
    assert events_of(account) == []


def test_a_job_ended_by_two_at_once_is_told_once(account):
    endpoint = make_endpoint(account)
    job = make_job_of(account, JobStatus.QUEUED)
    factories.set_job(job, "expires_at = now() - interval '1 s'")

    def end() -> None:
        with transaction() as session:
            jobs.expire_overdue(session)

    threads = [threading.Thread(target=end) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(events_of(account)), len(deliveries_of(endpoint))) == (1, 1)


def test_the_database_refuses_a_second_delivery_of_an_event_to_an_endpoint(account):
    endpoint = make_endpoint(account)
    make_job_of(account, JobStatus.SUCCEEDED)
    (told,) = events_of(account)
    twice = insert(Delivery).values(event_id=told.id, endpoint_id=endpoint.id)
    with pytest.raises(IntegrityError), transaction() as session:
        session.execute(twice)


@pytest.mark.parametrize(
    "type_", [EventType.ASSESSMENT_CORRECTED, EventType.ALERT_OPENED, EventType.ALERT_CLOSED]
)
def test_other_events_go_the_same_way(account, type_):
    endpoint = make_endpoint(account)
    pet = make_pet(account)
    with transaction() as session:
        events.emit(session, account.id, type_, {"pet_id": str(pet.id)}, pet_id=pet.id)
    (told,) = events_of(account)
    assert (told.type, told.data, told.pet_id) == (type_, {"pet_id": str(pet.id)}, pet.id)
    assert len(deliveries_of(endpoint)) == 1


def test_after_a_deletion_no_event_of_it_remains(account):
    endpoint = make_endpoint(account)
    pet = make_pet(account)
    job = make_job(make_clip(pet), state=JobStatus.SUCCEEDED)
    with transaction() as session:
        clips.delete(session, clips.get(session, account.id, job.clip_id))
    with transaction() as session:
        data = {"pet_id": str(pet.id)}
        events.emit(session, account.id, EventType.ALERT_OPENED, data, pet_id=pet.id)
        pets.delete(session, session.merge(pet))
    assert (events_of(account), deliveries_of(endpoint)) == ([], [])


def test_events_are_forgotten_after_a_month(account):
    endpoint = make_endpoint(account)
    old, young = (id_of(datetime.now(UTC) - timedelta(days=days)) for days in (31, 29))
    with transaction() as session:
        for id_ in (old, young):
            told = Event(id=id_, account_id=account.id, type=EventType.ALERT_OPENED, data={})
            session.add(Delivery(event=told, endpoint_id=endpoint.id))
    with transaction() as session:
        events.purge(session)
    assert [one.id for one in events_of(account)] == [young]
    assert [one.event_id for one in deliveries_of(endpoint)] == [young]


def id_of(time: datetime) -> uuid.UUID:
    """Make the UUIDv7 of a time."""
    return uuid.UUID(int=int(time.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62)
