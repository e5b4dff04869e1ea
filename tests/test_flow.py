"""The whole loop as a client sees it: `tailtrend up`, the API, real clips in, assessments out."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import urllib3
from sqlalchemy import create_engine, text

from cli.client import ApiProblem, Client, connect
from cli.localstack import ports
from tests.clips import SAMPLES, ClipSpec, broken, render

LEASE_S = 3
DECIDED = {"Relaxed", "Alert", "Anxious", "Playful", "Distressed"}


class Running:
    """A stack that runs in another process, and a client of its API."""

    def __init__(self, state: Path) -> None:
        self.told = json.loads((state / "stack.json").read_text())
        self.state = state
        self.client: Client = connect(self.told["api_url"], self.told["api_key"])
        self.pet_id = self.client.create_pet("Rex", "dog")["id"]

    def pid(self, name: str) -> int:
        return json.loads((self.state / "stack.json").read_text())["pids"][name]

    def end(self, job: dict, within_s: float = 60) -> dict:
        """Follow a job to its end."""
        deadline = time.monotonic() + within_s
        while job["status"] in ("queued", "running"):
            assert time.monotonic() < deadline, job
            job = self.client.get(f"/v1/jobs/{job['id']}?wait_s=5")
        return job

    def count(self, query: str, **values: str) -> int:
        engine = create_engine(self.told["database_url"])
        try:
            with engine.connect() as connection:
                return connection.scalar(text(query), values)
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    state = tmp_path_factory.mktemp("flow") / "a state"
    port = str(ports.pick(excluded=set()))
    command = [sys.executable, "-m", "cli", "up", "--state", str(state), "--port", port]
    quick = {"TAILTREND_LEASE_S": str(LEASE_S), "TAILTREND_SWEEP_INTERVAL_S": "1"}
    # Not the test run's own servers: this stack's are to be killed.
    bare = {name: value for name, value in os.environ.items() if not name.startswith("TAILTREND_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare | quick) as process:
        assert process.stdout.readline().startswith("ready ")
        yield Running(state)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "dog.mp4"
    render(ClipSpec(seed=11, duration_s=4.0, width=320, height=180), path)
    return path


def test_a_clip_becomes_an_assessment(stack: Running, clip: Path):
    accepted = stack.client.upload(clip, stack.pet_id, force=True)
    assert (accepted["status"], accepted["progress"]) == ("queued", 0)
    job = stack.end(accepted)
    assert (job["status"], job["progress"], job["error"]) == ("succeeded", 100, None)
    found = job["assessment"]
    assert found["emotion"] in DECIDED or found["abstention"]["code"]
    assert found["quality"]["frames"] == 8
    assert set(found["timings_s"]) == {"extract", "encode", "fuse"}
    assert stack.client.get(f"/v1/assessments/{job['assessment_id']}") == found
    assert stack.client.get(f"/v1/pets/{stack.pet_id}/assessments")["items"][0] == found


def test_its_media_plays_from_any_place_by_a_signed_url(stack: Running, clip: Path):
    job = stack.client.upload(clip, stack.pet_id, force=True)
    url = f"{stack.told['api_url']}/v1/clips/{job['clip_id']}/media"
    pool = urllib3.PoolManager()
    key = {"Authorization": f"Bearer {stack.told['api_key']}"}
    signed = pool.request("GET", url, headers=key, redirect=False).headers["Location"]
    part = pool.request("GET", signed, headers={"Range": "bytes=100-199"})
    assert (part.status, part.data) == (206, clip.read_bytes()[100:200])
    assert part.headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize(
    ("name", "code"),
    [("too_long", "clip_too_long"), ("too_short", "clip_too_short"), ("no_video", "clip_no_video")],
)
def test_what_only_decoding_can_find_fails_the_job_with_its_code(
    stack: Running, tmp_path: Path, name: str, code: str
):
    path = tmp_path / f"{name}.mp4"
    render(SAMPLES[name], path)
    job = stack.end(stack.client.upload(path, stack.pet_id))
    assert (job["status"], job["error"]["code"]) == ("failed", code)


def test_every_broken_file_ends_in_a_code_or_an_honest_answer(stack: Running, tmp_path: Path):
    broken.write_all(tmp_path)
    codes = {path.name: ending(stack, path) for path in sorted(tmp_path.iterdir())}
    allowed = {None, "not_a_video", "upload_empty", "clip_unreadable", "clip_no_video"}
    allowed |= {"clip_too_long", "clip_too_short", "clip_too_demanding"}
    assert set(codes.values()) <= allowed, codes
    assert None in codes.values(), "none was readable in part"


def ending(stack: Running, path: Path) -> str | None:
    """Give the code with which a clip was refused or failed; None when it was assessed."""
    try:
        job = stack.end(stack.client.upload(path, stack.pet_id))
    except ApiProblem as problem:
        return problem.code
    return job["error"] and job["error"]["code"]


def test_a_dark_clip_is_answered_with_why_it_cannot_be_told(stack: Running, tmp_path: Path):
    render(SAMPLES["too_dark"], tmp_path / "dark.mp4")
    job = stack.end(stack.client.upload(tmp_path / "dark.mp4", stack.pet_id))
    assert job["assessment"]["emotion"] is None
    assert job["assessment"]["abstention"]["code"] == "too_dark"


def test_the_one_call_form_answers_its_four_fields(stack: Running, clip: Path):
    url = f"{stack.told['api_url']}/analyze"
    key = {"Authorization": f"Bearer {stack.told['api_key']}"}
    fields = {"file": (clip.name, clip.read_bytes())}
    answer = urllib3.PoolManager().request("POST", url, headers=key, fields=fields)
    assert answer.status == 200
    assert set(answer.json()) == {"emotion", "confidence", "signals", "recommendation"}


@pytest.mark.parametrize("victim", ["main process", "pool process", "sandbox"])
def test_a_job_outlives_its_killed_worker_and_is_done_once(stack: Running, clip: Path, victim: str):
    jobs = [stack.client.upload(clip, stack.pet_id, force=True) for _ in range(3)]
    kill(stack, victim)
    for job in jobs:
        assert stack.end(job)["status"] == "succeeded"
        query = "SELECT count(*) FROM assessments WHERE job_id = :job_id"
        assert stack.count(query, job_id=job["id"]) == 1


def kill(stack: Running, victim: str) -> None:
    """Kill a process of the worker as soon as it works on something."""
    while not stack.count("SELECT count(*) FROM jobs WHERE status = 'running'"):
        time.sleep(0.01)
    main = psutil.Process(stack.pid("worker"))
    if victim == "main process":
        main.kill()
        return
    named = "worker.sandboxed" if victim == "sandbox" else "celery"
    until = time.monotonic() + 30
    while not killed(main, named):
        assert time.monotonic() < until, f"no {victim} was found"
        time.sleep(0.01)


def killed(main: psutil.Process, named: str) -> bool:
    """Kill a descendant by a part of its command line; tell whether there was one."""
    for one in main.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself: a zombie, or gone
            if named in " ".join(one.cmdline()):
                one.kill()
                return True
    return False


def test_uploads_are_accepted_without_a_broker_and_finish_when_it_is_back(
    stack: Running, clip: Path
):
    broker = psutil.Process(stack.pid("valkey"))
    broker.suspend()
    try:
        began = time.monotonic()
        job = stack.client.upload(clip, stack.pet_id, force=True)
        assert job["status"] == "queued"
        assert time.monotonic() - began < 2  # a frozen broker would hold a publisher for longer
    finally:
        broker.resume()
    assert stack.end(job)["status"] == "succeeded"


def test_a_killed_database_loses_nothing(stack: Running, clip: Path):
    job = stack.client.upload(clip, stack.pet_id, force=True)
    psutil.Process(stack.pid("postgres")).kill()
    while ending_despite(stack, job) == "database_unavailable":
        time.sleep(0.1)
    assert stack.end(job)["status"] == "succeeded"


def ending_despite(stack: Running, job: dict) -> str | None:
    """Follow a job; give the code of the problem that kept us from it."""
    try:
        stack.end(job)
    except ApiProblem as problem:
        return problem.code
    return None
