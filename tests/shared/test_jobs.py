"""A job's life, with real commits and threads."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared import jobs
from shared.db import transaction
from shared.errors import (
    ClipUnreadable,
    DatabaseUnavailable,
    JobFinal,
    JobNotFinal,
    NotFound,
    StorageUnavailable,
)
from shared.jobs import LeaseLost
from shared.models import Assessment, JobStatus, OwedRing, Step, StepAttempt
from shared.settings import settings
from tests.factories import (
    RESULT,
    claim,
    fail,
    make_clip,
    make_job,
    make_pet,
    owed_deletions,
    read_job,
    set_job,
    succeed,
)

LAPSED = "lease_until = now() - interval '1 second'"


def ring_of(job):
    with transaction() as session:
        return session.get(OwedRing, job.id)


def attempts_of(job):
    """List (step, attempt, outcome) of a job, oldest first."""
    query = select(StepAttempt).where(StepAttempt.job_id == job.id).order_by(StepAttempt.id)
    with transaction() as session:
        return [(one.step, one.attempt, one.outcome) for one in session.scalars(query)]


def sweep():
    with transaction() as session:
        return jobs.free_lapsed(session)


# --- claims ----------------------------------------------------------------------------------


def test_sixteen_workers_at_once_get_one_lease():
    job = make_job()

    def try_to_claim(number):
        with transaction() as session:
            return jobs.claim(session, job.id, Step.EXTRACT, worker=f"w{number}")

    with ThreadPoolExecutor(16) as pool:
        leases = [lease for lease in pool.map(try_to_claim, range(16)) if lease]
    assert len(leases) == 1
    assert read_job(job.id).attempts == 1
    assert len(attempts_of(job)) == 1


def test_a_claim_gives_what_the_step_needs():
    clip = make_clip(make_pet(species="cat", breed="Korat"))
    job = make_job(clip)
    lease = claim(job)
    assert (lease.clip_id, lease.clip_key) == (clip.id, clip.storage_key)
    assert (lease.species, lease.breed) == ("cat", "Korat")
    assert claim(make_job()).breed == ""
    assert (lease.step, lease.attempt, lease.artifact_key) == (Step.EXTRACT, 1, None)


def test_a_claim_answers_the_ring():
    job = make_job()
    assert ring_of(job) is not None
    claim(job)
    assert ring_of(job) is None


@pytest.mark.parametrize(
    "what",
    [
        "due_at = now() + interval '1 minute'",
        "expires_at = now() - interval '1 second'",
        "step = 'encode'",
    ],
)
def test_a_job_that_is_not_due_not_in_time_or_elsewhere_is_not_claimed(what):
    job = make_job()
    set_job(job, what)
    with transaction() as session:
        assert jobs.claim(session, job.id, Step.EXTRACT, worker="w") is None
    assert read_job(job.id).attempts == 0


@pytest.mark.parametrize("state", ["running", "succeeded", "failed", "canceled", "expired"])
def test_a_job_that_is_not_queued_is_not_claimed(state):
    job = make_job(state=state)
    with transaction() as session:
        assert jobs.claim(session, job.id, Step.EXTRACT, worker="w") is None


# --- the fence -------------------------------------------------------------------------------

WRITES = {
    "beat": lambda session, lease: jobs.beat(session, lease, progress=50),
    "continue_to": lambda session, lease: jobs.continue_to(session, lease, Step.ENCODE),
    "hand_over": lambda session, lease: jobs.hand_over(session, lease, Step.ENCODE, progress=50),
    "succeed": lambda session, lease: jobs.succeed(session, lease, RESULT),
    "fail": lambda session, lease: jobs.fail(session, lease, ClipUnreadable()),
    "retry_later": lambda session, lease: jobs.retry_later(session, lease, RuntimeError()),
    "retry_later_transient": lambda session, lease: jobs.retry_later(
        session, lease, StorageUnavailable()
    ),
    "hand_back": jobs.hand_back,
}


@pytest.mark.parametrize("write", WRITES)
def test_a_stale_lease_writes_nothing(write):
    job = make_job()
    stale = claim(job)
    set_job(job, LAPSED)
    sweep()
    fresh = claim(job)
    before = (read_job(job.id), attempts_of(job))
    with pytest.raises(LeaseLost), transaction() as session:
        WRITES[write](session, stale)
    after = read_job(job.id)
    assert (after.status, after.step, after.progress) == ("running", "extract", 0)
    assert after.lease_token == fresh.token == before[0].lease_token
    assert attempts_of(job) == before[1]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("state", ["succeeded", "canceled"])
def test_a_job_that_has_ended_takes_no_more_writes(write, state):
    job = make_job()
    lease = claim(job)
    with transaction() as session:
        if state == "canceled":
            jobs.cancel(session, job.account_id, job.id)
        else:
            jobs.succeed(session, lease, RESULT)
    with pytest.raises(LeaseLost), transaction() as session:
        WRITES[write](session, lease)
    assert read_job(job.id).status == state


@pytest.mark.parametrize("write", ["beat", "continue_to", "hand_over"])
def test_past_the_deadline_work_does_not_go_on(write):
    job = make_job()
    lease = claim(job)
    set_job(job, "expires_at = now() - interval '1 second'")
    with pytest.raises(LeaseLost), transaction() as session:
        WRITES[write](session, lease)


def test_two_workers_that_finish_at_once_leave_one_assessment():
    job = make_job()
    lease = claim(job)

    def finish(_):
        try:
            with transaction() as session:
                jobs.succeed(session, lease, RESULT)
        except LeaseLost:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(finish, range(8))) == 1
    with transaction() as session:
        found = session.scalars(select(Assessment).where(Assessment.job_id == job.id)).all()
    assert len(found) == 1


# --- progress and moves ----------------------------------------------------------------------


def test_a_beat_keeps_the_lease_and_progress_never_falls():
    job = make_job()
    lease = claim(job)
    set_job(job, "lease_until = now() + interval '1 second'")
    for progress in (40, 20):
        with transaction() as session:
            jobs.beat(session, lease, progress=progress)
    beaten = read_job(job.id)
    assert beaten.progress == 40
    with transaction() as session:
        left_s = session.execute(
            text("SELECT extract(epoch FROM lease_until - now()) FROM jobs WHERE id = :id"),
            {"id": job.id},
        ).scalar_one()
    assert settings().lease_s - 5 < left_s <= settings().lease_s


@pytest.mark.parametrize(
    "what",
    [
        "status = 'succeeded', progress = 100, finished_at = now()",  # never ran
        "status = 'failed', error_code = 'x', finished_at = now()",
        "progress = -1",
        "progress = 100",
        "lease_token = gen_random_uuid()",
        "finished_at = now()",
        "status = 'lost'",
    ],
)
def test_the_database_refuses_an_illegal_change_of_a_queued_job(what):
    job = make_job()
    with pytest.raises(IntegrityError):
        set_job(job, what)


@pytest.mark.parametrize("state", ["succeeded", "failed", "canceled", "expired"])
@pytest.mark.parametrize("what", ["status = 'queued', finished_at = NULL", "attempts = 9"])
def test_the_database_refuses_any_change_of_a_job_that_has_ended(state, what):
    job = make_job(state=state)
    with pytest.raises(IntegrityError, match=r"has ended|illegal move"):
        set_job(job, what)


@pytest.mark.parametrize("write", WRITES)
def test_what_is_not_awaited_shows_no_progress_that_a_crash_of_postgres_would_undo(write):
    job = make_job()
    lease = claim(job)
    with transaction() as session:
        WRITES[write](session, lease)
        is_awaited = session.scalar(text("SHOW synchronous_commit")) == "on"
    assert is_awaited == (write != "continue_to")
    assert is_awaited or read_job(job.id).progress == 0


def test_the_database_refuses_progress_that_falls():
    job = make_job()
    set_job(job, "progress = 50")
    with pytest.raises(IntegrityError, match="progress falls"):
        set_job(job, "progress = 49")


# --- steps -----------------------------------------------------------------------------------


def test_a_worker_that_serves_all_steps_goes_on_under_one_lease():
    job = make_job()
    lease = claim(job)
    for step in (Step.ENCODE, Step.FUSE):
        with transaction() as session:
            lease = jobs.continue_to(session, lease, step)
    with transaction() as session:
        jobs.succeed(session, lease, RESULT)
    done = [("extract", 1, "done"), ("encode", 1, "done"), ("fuse", 1, "done")]
    assert attempts_of(job) == done
    assert ring_of(job) is None
    assert read_job(job.id).progress == 100


def test_a_crash_after_going_on_in_memory_starts_again_at_the_stored_step():
    job = make_job()
    with transaction() as session:
        jobs.continue_to(session, claim(job), Step.ENCODE)
    set_job(job, LAPSED)
    sweep()
    freed = read_job(job.id)
    assert (freed.status, freed.step) == ("queued", "extract")
    assert attempts_of(job) == [("extract", 1, "done"), ("encode", 1, "lost")]


def test_a_hand_over_queues_the_next_step_with_fresh_attempts():
    job = make_job()
    lease = claim(job, hands_to=Step.ENCODE)
    with transaction() as session:
        jobs.hand_over(session, lease, Step.ENCODE, progress=85)
    waiting = read_job(job.id)
    assert (waiting.status, waiting.step, waiting.attempts) == ("queued", "encode", 0)
    assert ring_of(job).queue == "encode"
    assert claim(job, Step.ENCODE).artifact_key == lease.output_key is not None


def test_a_crash_after_a_hand_over_starts_again_at_the_artifact():
    job = make_job()
    lease = claim(job, hands_to=Step.ENCODE)
    with transaction() as session:
        jobs.hand_over(session, lease, Step.ENCODE, progress=85)
    claim(job, Step.ENCODE)
    set_job(job, LAPSED)
    sweep()
    assert claim(job, Step.ENCODE).artifact_key == lease.output_key


def test_artifact_keys_of_two_attempts_differ():
    job = make_job()
    first = claim(job, hands_to=Step.ENCODE).output_key
    set_job(job, LAPSED)
    sweep()
    second = claim(job, hands_to=Step.ENCODE).output_key
    assert first != second
    assert {first.rpartition("/")[0], second.rpartition("/")[0]} == {f"artifacts/{job.id}"}


def test_nothing_is_owed_for_a_job_that_one_worker_brings_to_its_end():
    job = make_job()
    assert claim(job).output_key is None
    of_the_job = text("SELECT count(*) FROM deletions WHERE starts_with(prefix, :folder)")
    with transaction() as session:
        assert session.scalar(of_the_job, {"folder": f"artifacts/{job.id}"}) == 0


def test_an_artifact_is_owed_a_deletion_from_the_claim_until_it_is_handed_over():
    job = make_job()
    lease = claim(job, hands_to=Step.ENCODE)
    first = lease.output_key
    assert owed_deletions(first) == 1
    with transaction() as session:
        jobs.hand_over(session, lease, Step.ENCODE, progress=85)
    assert owed_deletions(first) == 0
    lease = claim(job, Step.ENCODE, hands_to=Step.FUSE)
    with transaction() as session:
        jobs.hand_over(session, lease, Step.FUSE, progress=96)
    assert (owed_deletions(first), owed_deletions(lease.output_key)) == (1, 0)


def test_a_claim_that_owes_an_artifacts_deletion_waits_for_the_disk():
    """Postgres may forget a claim by itself in a crash, but not that an object may be there."""
    ways = {}
    for hands_to in (None, Step.ENCODE):
        with transaction() as session:
            jobs.claim(session, make_job().id, Step.EXTRACT, worker="w", hands_to=hands_to)
            ways[hands_to] = session.scalar(text("SHOW synchronous_commit"))
    assert ways == {None: "off", Step.ENCODE: "on"}


def test_the_artifact_that_a_job_reads_is_owed_by_name_when_the_job_ends():
    job = make_job()
    lease = claim(job, hands_to=Step.ENCODE)
    with transaction() as session:
        jobs.hand_over(session, lease, Step.ENCODE, progress=85)
    with transaction() as session:
        jobs.cancel(session, job.account_id, job.id)
    assert owed_deletions(lease.output_key) == 1


# --- faults ----------------------------------------------------------------------------------


def test_a_silent_workers_job_is_queued_and_rung_again():
    job = make_job(state="running")
    set_job(job, LAPSED)
    assert sweep() >= 1
    assert read_job(job.id).status == "queued"
    assert ring_of(job) is not None
    assert attempts_of(job) == [("extract", 1, "lost")]


def test_a_worker_that_beats_keeps_its_job():
    job = make_job(state="running")
    sweep()
    assert read_job(job.id).status == "running"


def test_a_clip_that_ends_its_workers_fails_with_its_media_kept():
    job = make_job()
    for _ in range(settings().max_attempts):
        claim(job)
        set_job(job, LAPSED)
        sweep()
    failed = read_job(job.id)
    assert (failed.status, failed.error_code) == ("failed", "attempts_exhausted")
    assert ring_of(job) is None
    assert owed_deletions(f"clips/{job.clip_id}/") == 0


def test_an_unknown_error_is_tried_again_later_and_at_last_fails():
    job = make_job()
    for _ in range(settings().max_attempts):
        set_job(job, "due_at = now()")
        lease = claim(job)
        with transaction() as session:
            jobs.retry_later(session, lease, RuntimeError("boom"))
    failed = read_job(job.id)
    assert (failed.status, failed.error_code) == ("failed", "attempts_exhausted")
    assert "boom" not in failed.error_detail
    assert [outcome for *_, outcome in attempts_of(job)] == ["crashed"] * 3


def test_a_backoff_is_a_due_time_in_the_row():
    job = make_job()
    lease = claim(job)
    with transaction() as session:
        jobs.retry_later(session, lease, RuntimeError())
    with transaction() as session:
        assert jobs.claim(session, job.id, Step.EXTRACT, worker="w") is None
        pause = "SELECT extract(epoch FROM due_at - now()) FROM jobs WHERE id = :id"
        assert 0 < session.execute(text(pause), {"id": job.id}).scalar_one() <= 2
    assert ring_of(job).due_at == read_job(job.id).due_at


@pytest.mark.parametrize(("attempt", "longest_s"), [(1, 2), (2, 8), (3, 32), (4, 128), (9, 300)])
def test_backoff_grows_to_a_limit_and_is_never_less_than_half(attempt, longest_s):
    pauses = [jobs.backoff_s(attempt) for _ in range(100)]
    assert longest_s / 2 <= min(pauses) < max(pauses) <= longest_s


def test_a_dependency_that_is_away_uses_up_its_own_limit():
    job = make_job()
    for number in range(settings().max_transient_failures):
        set_job(job, "due_at = now()")
        lease = claim(job)
        with transaction() as session:
            jobs.retry_later(session, lease, StorageUnavailable())
        assert read_job(job.id).transient_failures == number + 1
    set_job(job, "due_at = now()")
    lease = claim(job)
    with transaction() as session:
        jobs.retry_later(session, lease, DatabaseUnavailable())
    failed = read_job(job.id)
    assert (failed.status, failed.error_code) == ("failed", "database_unavailable")


def test_transient_failures_leave_the_attempts_for_crashes():
    job = make_job()
    for _ in range(settings().max_attempts):
        set_job(job, "due_at = now()")
        lease = claim(job)
        with transaction() as session:
            jobs.retry_later(session, lease, StorageUnavailable())
    set_job(job, "due_at = now()")
    claim(job)
    set_job(job, LAPSED)
    sweep()
    assert read_job(job.id).status == "queued"


def test_work_handed_back_is_queued_at_once_and_not_counted():
    job = make_job()
    for _ in range(5):
        lease = claim(job)
        assert lease.attempt == 1
        with transaction() as session:
            jobs.hand_back(session, lease)
    assert read_job(job.id).attempts == 0
    assert ring_of(job) is not None


def test_a_refused_clip_fails_with_its_code_and_is_not_tried_again():
    job = make_job()
    fail(job)
    failed = read_job(job.id)
    assert (failed.status, failed.error_code) == ("failed", "clip_unreadable")
    assert ring_of(job) is None
    assert attempts_of(job) == [("extract", 1, "failed")]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_job_past_its_deadline_expires(state):
    job = make_job(state=state)
    set_job(job, "expires_at = now() - interval '1 second'")
    with transaction() as session:
        jobs.expire_overdue(session)
    assert read_job(job.id).status == "expired"
    assert ring_of(job) is None


def test_a_deadline_that_has_not_passed_ends_nothing():
    job = make_job()
    set_job(job, "expires_at = now() + interval '1 minute'")
    with transaction() as session:
        jobs.expire_overdue(session)
    assert read_job(job.id).status == "queued"


def test_a_job_whose_result_cannot_be_stored_stays_with_its_worker():
    job = make_job()
    lease = claim(job)
    with pytest.raises((ValueError, DBAPIError)), transaction() as session:
        jobs.succeed(session, lease, RESULT | {"confidence": float("nan")})
    assert read_job(job.id).status == "running"


# --- for the API -----------------------------------------------------------------------------


def test_cancel_and_retry_know_the_account_and_the_state():
    job, stranger = make_job(), make_job()
    with pytest.raises(NotFound), transaction() as session:
        jobs.cancel(session, stranger.account_id, job.id)
    with pytest.raises(JobNotFinal), transaction() as session:
        jobs.retry(session, job.account_id, job.id)
    succeed(job)
    with pytest.raises(JobFinal), transaction() as session:
        jobs.retry(session, job.account_id, job.id)


def test_eight_retries_at_once_make_one_job():
    job = make_job(state="failed")

    def retry(_):
        with transaction() as session:
            return jobs.retry(session, job.account_id, job.id).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(retry, range(8)))) == 1


def test_sixteen_cancels_and_a_result_at_once_end_the_job_once():
    job = make_job()
    lease = claim(job)

    def end(number):
        try:
            with transaction() as session:
                if number == 0:
                    jobs.succeed(session, lease, RESULT)
                else:
                    jobs.cancel(session, job.account_id, job.id)
        except (LeaseLost, JobFinal):
            return 0
        return 1

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(end, range(16))) == 1
    assert JobStatus(read_job(job.id).status).is_final


def test_a_rolled_back_submission_owes_nothing():
    clip = make_clip()
    with suppress(ZeroDivisionError), transaction() as session:
        job_id = jobs.submit(session, session.merge(clip)).id
        raise ZeroDivisionError
    with transaction() as session:
        assert session.get(OwedRing, job_id) is None
