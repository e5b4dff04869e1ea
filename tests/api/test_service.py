"""What load balancers and operators ask."""

import threading

import pytest

from api.routes import service
from shared import db, jobs
from shared.db import transaction
from shared.errors import ClipUnreadable
from tests.factories import claim, make_clip, make_job


def test_a_process_says_that_it_lives_without_any_dependency(app, without):
    with without("database"):
        assert app.test_client().get("/live").json == {"status": "ok"}


def test_ready_names_each_dependency_and_the_backlog(app):
    make_job(make_clip())
    answer = app.test_client().get("/ready")
    assert answer.status_code == 200
    assert [answer.json[name] for name in ("database", "storage", "broker")] == ["ok"] * 3
    assert answer.json["backlog"]["jobs_queued"] >= 1


@pytest.mark.parametrize("dependency", ["database", "storage"])
def test_ready_fails_when_clips_cannot_be_accepted(app, without, dependency):
    with without(dependency):
        answer = app.test_client().get("/ready")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert answer.json[dependency] == f"{dependency}_unavailable"


@pytest.mark.parametrize(
    ("needed", "status", "said"), [("9999", 503, "schema_old"), ("0001", 200, "ok")]
)
def test_ready_needs_the_migrations_to_have_run(app, monkeypatch, needed, status, said):
    monkeypatch.setattr(db, "SCHEMA", needed)
    answer = app.test_client().get("/ready")
    assert (answer.status_code, answer.json["database"]) == (status, said)


def test_ready_does_not_need_the_broker(app, without):
    with without("broker"):
        answer = app.test_client().get("/ready")
    assert (answer.status_code, answer.json["broker"]) == (200, "broker_unavailable")


@pytest.mark.parametrize(
    ("dependency", "other"), [("database", "storage"), ("storage", "database")]
)
def test_ready_waits_for_no_dependency_that_hangs(app, monkeypatch, dependency, other):
    goes_on = threading.Event()
    monkeypatch.setattr(service, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setitem(service.NEEDED, dependency, goes_on.wait)
    try:
        answers = [app.test_client().get("/ready") for _ in range(4)]  # more than it has threads
    finally:
        goes_on.set()
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json[dependency] for answer in answers} == {"timeout"}
    assert {answer.json[other] for answer in answers} == {"ok"}


def test_metrics_are_prometheus_text(app):
    answer = app.test_client().get("/metrics")
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert b"# HELP tailtrend_jobs_queued" in answer.data
    assert b"\ntailtrend_oldest_unclaimed_s " in answer.data


def test_metrics_count_what_became_of_jobs_lately(app):
    name = 'tailtrend_jobs_lately{code="clip_unreadable",status="failed"}'
    before = lately(app, name)
    job = make_job()
    with transaction() as session:
        jobs.fail(session, claim(job), ClipUnreadable())
    assert lately(app, name) == before + 1


def lately(app, name):
    """Read a figure; 0 where there is none yet."""
    lines = app.test_client().get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))
