"""A ring is answered: claimed, run and recorded once, whatever happens on the way."""

import copy
import errno
import io
import tempfile
import threading
import time
import uuid
from datetime import timedelta
from pathlib import Path

import botocore.auth
import pytest
from sqlalchemy import select, text
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from shared import deletions, jobs, storage
from shared.db import transaction
from shared.errors import MediaMissing, StorageUnavailable
from shared.models import JobStatus, Step, StepAttempt
from shared.settings import Settings
from tests.clips import SAMPLES, broken, render
from tests.factories import RESULT, owed_deletions, read
from worker import heartbeat, steps, tasks

ALL = frozenset(Step)


def outcomes(job_id: uuid.UUID) -> list[tuple[str, str | None]]:
    query = select(StepAttempt).where(StepAttempt.job_id == job_id).order_by(StepAttempt.id)
    with transaction() as session:
        return [(one.step, one.outcome) for one in session.scalars(query)]


def make_due(job_id: uuid.UUID) -> None:
    with transaction() as session:
        session.execute(text("UPDATE jobs SET due_at = now() WHERE id = :id"), {"id": job_id})


def test_a_ring_takes_a_job_through_all_steps(submit, small_clip):
    job_id = submit(small_clip)
    with capture_logs([merge_contextvars]) as logs:
        tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert (logs[-1]["event"], logs[-1]["job_id"]) == ("job_succeeded", str(job_id))
    job = read(job_id)
    assert (job.status, job.progress, job.attempts) == (JobStatus.SUCCEEDED, 100, 1)
    assert job.assessment.result["bundle"]["sha256"]
    assert outcomes(job_id) == [("extract", "done"), ("encode", "done"), ("fuse", "done")]


@pytest.fixture
def with_moments(monkeypatch):
    """Let the last step name a moment: a small drawn clip alone has none."""
    monkeypatch.setattr(steps, "fuse", lambda work, data: copy.deepcopy(RESULT))


def test_a_moment_has_a_still_beside_its_clip(submit, small_clip, with_moments, tmp_path):
    job_id = submit(small_clip)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    job = read(job_id)
    assert job.assessment.result["moments"][0]["image_url"] == "moments/1.jpg"
    storage.get(deletions.still_key(job.clip.storage_key, 1), tmp_path / "still")
    assert (tmp_path / "still").read_bytes().startswith(b"\xff\xd8")
    assert owed_deletions(f"{job.clip.storage_key}.moment-") == 0


def test_stills_whose_assessment_never_came_are_owed_a_deletion(
    submit, small_clip, with_moments, monkeypatch
):
    def lose(session, lease, result):
        raise jobs.LeaseLost

    monkeypatch.setattr(jobs, "succeed", lose)
    job_id = submit(small_clip)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert owed_deletions(f"{read(job_id).clip.storage_key}.moment-") == 1


def test_a_second_ring_finds_nothing_to_do(submit, small_clip):
    job_id = submit(small_clip)
    for _ in range(2):
        tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert len(outcomes(job_id)) == 3


def test_workers_of_one_step_each_hand_over_by_artifacts_that_are_gone_afterwards(
    submit, small_clip, tmp_path
):
    together, apart = submit(small_clip), submit(small_clip)
    tasks.work(str(together), Step.EXTRACT, served=ALL)
    keys = []
    for step in Step:
        tasks.work(str(apart), step, served=frozenset({step}))
        keys.append(read(apart).artifact_key)
    said = [read(one).assessment.result for one in (together, apart)]
    for one in said:
        one.pop("timings_s")
    assert said[0] == said[1]
    read_by_encode, read_by_fuse = keys[0], keys[1]
    assert owed_deletions(read_by_encode) == owed_deletions(read_by_fuse) == 1
    storage.get(keys[0], tmp_path / "there")  # until the sweep does what is owed


def test_nothing_is_put_for_a_job_that_is_known_to_be_somebody_elses(
    submit, small_clip, monkeypatch
):
    put = []
    monkeypatch.setattr(steps, "store", lambda *args: put.append(args))

    def lose(work, data):
        work.heartbeat._lost.set()
        return data

    monkeypatch.setitem(steps.RUN, Step.EXTRACT, lose)
    tasks.work(str(submit(small_clip)), Step.EXTRACT, served=frozenset({Step.EXTRACT}))
    assert put == []


def extract_and_spoil(job_id: uuid.UUID) -> str:
    """Do the first step and put what no version of this pipeline wrote where the second reads."""
    tasks.work(str(job_id), Step.EXTRACT, served=frozenset({Step.EXTRACT}))
    key = read(job_id).artifact_key
    storage.put(key, io.BytesIO(b"of another version"))
    return key


def test_an_artifact_of_another_version_starts_the_job_over_from_its_clip(submit, small_clip):
    job_id = submit(small_clip)
    key = extract_and_spoil(job_id)
    tasks.work(str(job_id), Step.ENCODE, served=ALL)
    job = read(job_id)
    assert (job.status, job.step, job.artifact_key) == (JobStatus.QUEUED, Step.EXTRACT, None)
    assert owed_deletions(key) == 1
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert read(job_id).status == JobStatus.SUCCEEDED
    assert outcomes(job_id)[:3] == [("extract", "done"), ("encode", "crashed"), ("extract", "done")]


def test_a_job_starts_over_once_and_then_counts_its_attempts(submit, small_clip):
    job_id = submit(small_clip)
    for _ in range(2):
        extract_and_spoil(job_id)
        tasks.work(str(job_id), Step.ENCODE, served=ALL)
    for _ in range(2):
        assert (read(job_id).status, read(job_id).step) == (JobStatus.QUEUED, Step.ENCODE)
        make_due(job_id)
        tasks.work(str(job_id), Step.ENCODE, served=ALL)
    assert read(job_id).error_code == "attempts_exhausted"


@pytest.mark.parametrize(
    ("name", "code"),
    [("no_video", "clip_no_video"), ("too_short", "clip_too_short"), ("too_long", "clip_too_long")],
)
def test_a_clip_that_cannot_be_analysed_fails_with_its_code(submit, tmp_path, name, code):
    path = tmp_path / f"{name}.mp4"
    render(SAMPLES[name], path)
    job_id = submit(path)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert (read(job_id).status, read(job_id).error_code) == (JobStatus.FAILED, code)


def test_a_clip_that_cannot_be_read_fails_once_and_keeps_its_media(submit, tmp_path):
    broken.header_only(tmp_path / "broken.mp4")
    job_id = submit(tmp_path / "broken.mp4")
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    job = read(job_id)
    assert (job.error_code, job.attempts) == ("clip_unreadable", 1)
    storage.get(job.clip.storage_key, tmp_path / "kept")


def test_a_clip_whose_media_is_gone_fails_at_once(submit, small_clip):
    job_id = submit(small_clip)
    storage.delete_prefix(read(job_id).clip.storage_key)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert read(job_id).error_code == MediaMissing.code


def test_a_clip_that_kills_its_process_three_times_fails_alone(submit, small_clip, monkeypatch):
    def die(work, data):
        work.heartbeat.report = lambda percent: steps.sandbox()._child.kill()
        return original(work, data)

    original = steps.extract
    monkeypatch.setitem(steps.RUN, Step.EXTRACT, die)
    job_id = submit(small_clip)
    for attempt in (1, 2, 3):
        assert read(job_id).attempts == attempt - 1
        make_due(job_id)
        tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    job = read(job_id)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "attempts_exhausted")
    assert outcomes(job_id) == [("extract", "crashed")] * 3


def test_storage_that_is_away_is_waited_for_and_not_counted_as_a_crash(
    submit, small_clip, monkeypatch
):
    def away(*_: object) -> None:
        raise StorageUnavailable

    job_id = submit(small_clip)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "get", away)
        for _ in range(4):
            make_due(job_id)
            tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert (read(job_id).status, read(job_id).transient_failures) == (JobStatus.QUEUED, 4)
    make_due(job_id)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert read(job_id).status == JobStatus.SUCCEEDED


def test_a_full_disk_is_waited_for_and_not_counted_as_a_crash(submit, small_clip, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    job_id = submit(small_clip)
    for owner, name in ((tempfile, "mkdtemp"), (steps, "load")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, full)
            make_due(job_id)
            tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert (read(job_id).status, read(job_id).transient_failures) == (JobStatus.QUEUED, 2)
    make_due(job_id)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert read(job_id).status == JobStatus.SUCCEEDED


def test_a_worker_whose_clock_is_wrong_leaves_its_job_to_others(submit, small_clip, monkeypatch):
    late = botocore.auth.get_current_datetime
    job_id = submit(small_clip)
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "STEP_BACK_S", 0)
        patch.setattr(botocore.auth, "get_current_datetime", lambda: late() + timedelta(hours=1))
        for _ in range(8):  # more often than any kind of failure may happen
            tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    job = read(job_id)
    assert (job.status, job.attempts, job.transient_failures) == (JobStatus.QUEUED, 0, 0)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert read(job_id).status == JobStatus.SUCCEEDED


def test_a_canceled_job_stops_its_work_within_two_seconds(submit, small_clip, monkeypatch):
    started = threading.Event()

    def endless(work, data):
        started.set()
        while True:
            work.heartbeat.check()
            time.sleep(0.01)

    monkeypatch.setitem(steps.RUN, Step.EXTRACT, endless)
    job_id = submit(small_clip)
    work = threading.Thread(
        target=tasks.work, args=(str(job_id), Step.EXTRACT), kwargs={"served": ALL}
    )
    work.start()
    assert started.wait(5)
    with transaction() as session:
        jobs.cancel(session, read(job_id).account_id, job_id)
    work.join(2)
    assert not work.is_alive()
    assert read(job_id).status == JobStatus.CANCELED


def test_a_stopping_worker_hands_its_job_back_uncounted(submit, small_clip, monkeypatch):
    def until_told(work, data):
        while True:
            work.heartbeat.check()

    monkeypatch.setitem(steps.RUN, Step.EXTRACT, until_told)
    monkeypatch.setattr(heartbeat, "stopping", threading.Event())
    heartbeat.stopping.set()
    monkeypatch.setattr(heartbeat, "settings", lambda: Settings(stop_grace_s=0))
    job_id = submit(small_clip)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert (read(job_id).status, read(job_id).attempts) == (JobStatus.QUEUED, 0)


def test_a_worker_that_lost_its_lease_leaves_no_artifact_behind(
    submit, small_clip, monkeypatch, tmp_path: Path
):
    put: list[str] = []

    def lose_meanwhile(work, data, key):
        store(work, data, key)
        put.append(key)
        with transaction() as session:
            jobs.cancel(session, work.lease.account_id, work.lease.job_id)

    store = steps.store
    monkeypatch.setattr(steps, "store", lose_meanwhile)
    job_id = submit(small_clip)
    tasks.work(str(job_id), Step.EXTRACT, served=frozenset({Step.EXTRACT}))
    with pytest.raises(MediaMissing):
        storage.get(put[0], tmp_path / "artifact")
