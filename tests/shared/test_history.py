"""The plans behind a pet's history: what is read often is read from indexes alone."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from shared import clips, history, jobs
from shared.db import engine, transaction
from shared.models import Bucket, Clip
from tests.factories import ABSTAINED, claim, make_account, make_clip, make_job, make_pet, succeed
from tests.factories import RESULT as DECIDED
from tests.histories import NOW, assess, served_trend, stored_summaries

OTHERS = 8

FILL = text("""
WITH made AS (SELECT gen_random_uuid() AS id, number FROM generate_series(1, :n) AS number),
clips AS (
    INSERT INTO clips (id, account_id, pet_id, storage_key, sha256, size_bytes, content_type,
                       recorded_at, reason, tags)
    SELECT id, :account_id, :pet_id, id::text, sha256(id::text::bytea), 1, 'video/mp4',
           :first + make_interval(hours => 7 * number), 'routine', '{}' FROM made),
jobs AS (
    INSERT INTO jobs (id, account_id, clip_id, status, progress, finished_at)
    SELECT id, :account_id, id, 'succeeded', 100, now() FROM made)
INSERT INTO assessments (id, account_id, pet_id, clip_id, job_id, recorded_at, reason, emotion,
                         bundle, result)
SELECT id, :account_id, :pet_id, id, id, :first + make_interval(hours => 7 * number), 'routine',
       'Relaxed', 'ethogram 1', CAST(:result AS jsonb)
  FROM made
""")
RESULT_OF_DOUBT = ABSTAINED | {"probabilities": DECIDED["probabilities"]}
RESULT = (
    '{"probabilities": {"Relaxed": 0.6, "Alert": 0.1, "Anxious": 0.1, "Playful": 0.1,'
    ' "Distressed": 0.1}, "calibrated": true}'
)


@pytest.fixture(scope="module")
def pet(servers):
    """A pet of two thousand assessments among others of as many."""
    account = make_account()
    filled = [make_pet(account) for _ in range(OTHERS)]
    for one in filled:
        with transaction() as session:
            values = {"account_id": account.id, "pet_id": one.id, "result": RESULT}
            first = datetime(2024, 1, 1, tzinfo=UTC)
            session.execute(FILL, values | {"n": 2000, "first": first})
    stored_summaries(filled[0].id)
    served_trend(filled[0].id)
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text("VACUUM ANALYZE assessments, clips, jobs, summaries, pet_trends, verdicts")
        )
    return filled[0]


def plan(statement, values):
    with transaction() as session:
        explained = text(f"EXPLAIN (ANALYZE, BUFFERS OFF) {statement.text}")
        return "\n".join(session.scalars(explained, values))


def test_facts_are_read_from_the_index_alone(pet):
    begins, ends = history.EVER
    found = plan(history.FACTS, {"pet_id": pet.id, "begins": begins, "ends": ends})
    assert "Index Only Scan using ix_assessments_pet_id_recorded_at_id" in found
    assert "Seq Scan" not in found
    assert "Sort" not in found


def test_a_week_of_facts_reads_no_more_than_a_week(pet):
    begins = datetime(2025, 1, 1, tzinfo=UTC)
    values = {"pet_id": pet.id, "begins": begins, "ends": begins + timedelta(days=7)}
    found = plan(history.FACTS, values)
    assert "Index Only Scan" in found
    assert "Filter" not in found  # both ends are conditions of the index
    rows, *_ = re.findall(r"actual time=\S+ rows=([\d.]+)", found)
    assert float(rows) == 24


@pytest.mark.parametrize("statement", [history.EARLIEST, history.LATEST])
def test_the_end_of_a_chain_of_clips_is_found_in_the_index(pet, statement):
    values = {"pet_id": pet.id, "at": datetime(2025, 1, 1, tzinfo=UTC), "reach": history.SESSION}
    found = plan(statement, values)
    assert "Index Only Scan" in found
    assert "Seq Scan" not in found


def test_the_stored_trend_is_one_row_of_an_index(pet):
    values = {"pet_id": pet.id, "budget": 0.5, "version": 1, "today": NOW.date()}
    with transaction() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))  # one row is fewer than a page
        explained = text(f"EXPLAIN {history.ANSWERED.text}")
        found = "\n".join(session.scalars(explained, values))
    assert "Index Scan using pk_pet_trends" in found
    assert "Index Cond" in found


def test_summaries_of_a_range_come_from_their_key(pet):
    first = datetime(2024, 6, 1, tzinfo=UTC).date()
    values = {
        "pet_id": pet.id,
        "bucket": Bucket.DAY,
        "first": first,
        "last": first + timedelta(days=30),
    }
    with transaction() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))  # one pet's is a small table
        found = "\n".join(session.scalars(text(f"EXPLAIN {history.SUMMARIES.text}"), values))
    assert "pk_summaries" in found
    assert re.search(r"Index Cond: .*pet_id.*bucket.*begins", found)


def test_a_late_clip_writes_only_the_weeks_it_touches(pet):
    with transaction() as session:
        before = rows_written(session)
    assess(pet, datetime(2024, 6, 5, 11, 11, tzinfo=UTC))
    stored_summaries(pet.id)
    with transaction() as session:
        changed = rows_written(session) - before
    assert 0 < len(changed) <= 2 * 8  # at most two weeks of days


def test_summaries_of_code_that_kept_no_evidence_are_made_anew(pet):
    before = stored_summaries(pet.id)
    with transaction() as session:
        forget = text(
            "UPDATE summaries SET evidence = NULL, summary = summary - 'n_tense'"
            " WHERE pet_id = :p AND bucket = 'week'"
        )
        session.execute(forget, {"p": pet.id})
    assert stored_summaries(pet.id) == before
    with transaction() as session:
        assert not session.scalar(history.IS_CHANGED, {"pet_id": pet.id})


def rows_written(session):
    return set(session.execute(text("SELECT pet_id, bucket, begins, xmin::text FROM summaries")))


def test_an_answer_of_yesterday_is_not_todays(pet):
    today = served_trend(pet.id, NOW)
    tomorrow = served_trend(pet.id, NOW + timedelta(days=1))
    assert tomorrow["days_since_last_clip"] == today["days_since_last_clip"] + 1


def test_an_answer_of_code_that_named_no_sentence_is_made_anew(pet):
    before = served_trend(pet.id, NOW)
    with transaction() as session:
        forget = text("UPDATE pet_trends SET answer = answer - 'sentence_code' WHERE pet_id = :p")
        assert session.execute(forget, {"p": pet.id}).rowcount
    assert served_trend(pet.id, NOW) == before


def test_an_abstention_with_numbers_says_nothing(servers):
    job = make_job()
    succeed(job, RESULT_OF_DOUBT)
    with transaction() as session:
        pet_id = session.get_one(Clip, job.clip_id).pet_id
        (one,) = history.observations(session, pet_id)
    assert one.probabilities is None
    assert stored_summaries(pet_id)["day"][0]["n_abstained"] == 1


def test_a_result_follows_a_clip_that_is_being_moved(servers):
    account = make_account()
    milo, luna = make_pet(account), make_pet(account)
    clip = make_clip(milo)
    lease = claim(make_job(clip))

    def finish():
        with transaction() as session:
            jobs.succeed(session, lease, RESULT_OF_DOUBT)

    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            clips.move(session, session.merge(clip), session.merge(luna))
            session.flush()
            ended = pool.submit(finish)
            wait_until_somebody_waits()
        ended.result(timeout=10)
    with transaction() as session:
        assert [len(history.observations(session, pet.id)) for pet in (milo, luna)] == [0, 1]


def wait_until_somebody_waits():
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with transaction() as session:
            if session.scalar(waiting):
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")
