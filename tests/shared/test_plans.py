"""The hot queries reach their rows by an index, with many rows in the tables."""

import json
import re
import uuid

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql

from shared import assessments, clips, job_statements, jobs, metrics, outbox, pets
from shared.db import transaction
from shared.models import Assessment, Clip, Job, OwedRing, Pet
from tests.factories import make_account, make_pet

ROWS = 30_000
LARGEST_COST = 2_000.0  # a sequential scan of `jobs` alone costs more

SEED = """
ALTER TABLE jobs DISABLE TRIGGER USER;
INSERT INTO clips (id, account_id, pet_id, storage_key, sha256, size_bytes, content_type,
                   recorded_at, reason, tags)
SELECT uuidv7(), :other, :pet, 'seed/' || n, sha256(n::text::bytea), 1, 'video/mp4',
       now() - make_interval(mins => n), 'other', '{}'
  FROM generate_series(1, :rows) n;
INSERT INTO jobs (id, account_id, clip_id, status, progress, finished_at)
SELECT uuidv7(), account_id, id, 'succeeded', 100, now() FROM clips WHERE account_id = :other;
INSERT INTO assessments (id, account_id, pet_id, clip_id, job_id, recorded_at, abstention_code,
                         bundle, result)
SELECT uuidv7(), jobs.account_id, pet_id, clips.id, jobs.id, recorded_at, 'too_dark', 'b 1', '{}'
  FROM jobs JOIN clips ON clips.id = clip_id WHERE jobs.account_id = :other;
INSERT INTO jobs (id, account_id, clip_id, status, lease_token, lease_until)
SELECT uuidv7(), account_id, id, 'running', gen_random_uuid(), now() + interval '1 hour'
  FROM clips WHERE account_id = :other LIMIT 500;
INSERT INTO jobs (id, account_id, clip_id)
SELECT uuidv7(), account_id, id FROM clips WHERE account_id = :other LIMIT 3000;
INSERT INTO step_attempts (job_id, step, attempt, lease_token, worker)
SELECT id, 'extract', 1, coalesce(lease_token, gen_random_uuid()), 'w' FROM jobs
 WHERE account_id = :other AND status <> 'queued';
INSERT INTO outbox (job_id, queue, due_at)
SELECT id, 'extract', now() FROM jobs WHERE account_id = :other AND status = 'queued';
ALTER TABLE jobs ENABLE TRIGGER USER;
"""
LARGE = ("clips", "jobs", "assessments", "step_attempts")  # the outbox is never long


@pytest.fixture(scope="module")
def account(servers):
    """An account with little of its own beside one with very much."""
    other, mine = make_account("many"), make_account("few")
    values = {"other": other.id, "pet": make_pet(other).id, "rows": ROWS}
    make_pet(mine)
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))  # a busy machine fills slowly
        for statement in SEED.split(";\n"):
            if statement.strip():
                used = {name: values[name] for name in re.findall(r"(?<!:):(\w+)", statement)}
                session.execute(text(statement), used)
    with transaction() as session:
        session.execute(text("ANALYZE"))
    yield mine
    with transaction() as session:
        session.execute(text("DELETE FROM outbox"))
        session.execute(text("TRUNCATE accounts CASCADE"))


def plan_of(statement, values):
    with transaction() as session:
        explained = text(f"EXPLAIN (FORMAT JSON) {statement}")
        found = session.execute(explained, values).scalar_one()
        session.rollback()
    return (found if isinstance(found, list) else json.loads(found))[0]["Plan"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def assert_by_index(plan, *, largest_cost=LARGEST_COST):
    scans = [one for one in nodes(plan) if one["Node Type"] == "Seq Scan"]
    assert not [one for one in scans if one["Relation Name"] in LARGE], json.dumps(plan, indent=1)
    assert plan["Total Cost"] < largest_cost, json.dumps(plan, indent=1)


def of_query(query):
    compiled = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    return plan_of(str(compiled).replace(":", r"\:"), {})


FENCED = {"job_id": uuid.uuid4(), "token": uuid.uuid4(), "step": "extract", "progress": 1}
STATEMENTS = {
    "claim": (
        job_statements.CLAIM,
        FENCED | {"worker": "w", "lease_s": 30.0, "hands_to": "encode", "abandoned_after_s": 1.0},
    ),
    "beat": (job_statements.BEAT, FENCED | {"lease_s": 30.0}),
    "continue": (job_statements.CONTINUE, FENCED | {"lease_s": 30.0}),
    "hand over": (job_statements.HAND_OVER, FENCED | {"artifact_key": "k", "re_ring_s": 10.0}),
    "succeed": (
        job_statements.END_WELL,
        FENCED
        | {"status": "succeeded", "outcome": "done", "error_code": None, "error_detail": None}
        | {"assessment": "{}", "assessment_id": uuid.uuid4(), "emotion": "Alert"}
        | {"abstention_code": None, "bundle": "b 1", "result": "{}"},
    ),
    "fail the exhausted": (
        job_statements.END_EXHAUSTED,
        {"status": "failed", "outcome": "lost", "error_code": "x", "error_detail": "x"}
        | {"max_attempts": 3, "assessment": None},
    ),
    "expire the overdue": (
        job_statements.END_EXPIRED,
        {"status": "expired", "outcome": "lost", "error_code": None, "error_detail": None}
        | {"assessment": None},
    ),
    "figures": (metrics.FIGURES, {}),
    "count the unfinished": (job_statements.IN_HAND, {"account_id": uuid.uuid4()}),
    "find the same bytes": (
        job_statements.SAME,
        {"account_id": uuid.uuid4(), "pet_id": uuid.uuid4(), "sha256": bytes(32)},
    ),
    "start over": (
        job_statements.FREE_FROM_START,
        FENCED | jobs.FREE | {"outcome": "crashed"},
    ),
    "free the lapsed": (
        job_statements.FREE_LAPSED,
        jobs.FREE | {"outcome": "lost", "max_attempts": 3},
    ),
    "ring first": (
        outbox.FIRST,
        {"queue": "extract", "most": 20, "re_ring_s": 10.0, "waiting": 0},
    ),
    "ring again": (outbox.RE_RING, {"queue": "extract", "most": 20, "re_ring_s": 10.0}),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_what_workers_and_sweep_do_all_the_time_uses_indexes(account, name):
    statement, values = STATEMENTS[name]
    used = {key: values[key] for key in statement._bindparams}
    assert_by_index(plan_of(statement.text, used))


LISTS = {
    "pets": lambda mine: (pets.chosen(mine), [Pet.id]),
    "clips": lambda mine: (clips.chosen(mine), [Clip.id]),
    "jobs": lambda mine: (jobs.chosen(mine), [Job.id]),
    "jobs of a pet": lambda mine: (jobs.chosen(mine, pet_id=uuid.uuid4()), [Job.id]),
    "clips of a pet": lambda mine: (clips.chosen(mine, pet_id=uuid.uuid4()), [Clip.id]),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("whose", ["few", "many"])
def test_a_page_of_a_list_uses_indexes(account, name, whose):
    query, by = LISTS[name](account_of(whose))
    assert_by_index(of_query(query.order_by(*(column.desc() for column in by)).limit(51)))


def test_a_page_of_a_pets_assessments_uses_its_index(account):
    mine = account_of("many")
    with transaction() as session:
        pet_id = session.scalar(select(Pet.id).where(Pet.account_id == mine))
    by = [Assessment.recorded_at.desc(), Assessment.id.desc()]
    plan = of_query(assessments.chosen(mine, pet_id=pet_id).order_by(*by).limit(51))
    assert_by_index(plan, largest_cost=200)
    assert "ix_assessments_pet_id_recorded_at_id" in json.dumps(plan)


def test_the_rings_owed_of_a_queue_are_counted_from_the_index(account):
    query = select(func.count()).select_from(OwedRing).where(OwedRing.queue == "fuse")
    assert_by_index(of_query(query))


def account_of(name):
    with transaction() as session:
        return session.execute(
            text("SELECT id FROM accounts WHERE name = :name ORDER BY id DESC LIMIT 1"),
            {"name": name},
        ).scalar_one()
