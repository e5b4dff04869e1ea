"""What load balancers and operators ask."""

import pytest

from tests.factories import make_clip, make_job


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


def test_ready_does_not_need_the_broker(app, without):
    with without("broker"):
        answer = app.test_client().get("/ready")
    assert (answer.status_code, answer.json["broker"]) == (200, "broker_unavailable")


def test_metrics_are_prometheus_text(app):
    answer = app.test_client().get("/metrics")
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert b"# HELP tailtrend_jobs_queued" in answer.data
    assert b"\ntailtrend_oldest_unclaimed_s " in answer.data
