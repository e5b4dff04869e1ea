"""Statements about the whole."""

import re
from pathlib import Path

import pytest

from api.errors import kinds, status_of
from shared.models import JobStatus, Step
from shared.queue import Queue
from tests.factories import make_account, make_key
from tests.pages import form_token

ROOT = Path(__file__).parent.parent
SHARED = {"/r/<token>", "/r/<token>/report.pdf"}  # whose token is the key
WITHOUT_KEY = {"/live", "/ready", "/metrics", "/docs", "/openapi.json"} | SHARED
OPEN_PAGES = {"/sign-in", "/invite", "/language", "/assets/<of>/<path:name>"}
PATH = {"uuid": "0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10"}


@pytest.fixture(scope="module")
def app(servers):
    from api.app import create_app

    return create_app()


def is_page(rule):
    return rule.endpoint.startswith("pages.")


def concrete(rule):
    return re.sub(r"<(?:(\w+):)?\w+>", lambda found: PATH.get(found[1], "1"), rule)


def test_every_route_but_the_named_ones_needs_a_key(app):
    client, answered = app.test_client(), set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.rule.startswith("/static") or is_page(rule):
            continue
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if client.open(concrete(rule.rule), method=method).status_code != 401:
                answered.add(rule.rule)
    assert answered == WITHOUT_KEY


def test_every_page_but_the_named_ones_leads_to_the_door(app):
    client, answered = app.test_client(), set()
    form = {"csrf": form_token(client)}
    for rule in filter(is_page, app.url_map.iter_rules()):
        for method in rule.methods & {"GET", "POST"}:
            answer = client.open(concrete(rule.rule), method=method, data=form)
            if not answer.headers.get("Location", "").startswith("/sign-in"):
                answered.add(rule.rule)
    assert answered == OPEN_PAGES


def test_no_page_takes_a_form_that_is_not_ours(app):
    client = app.test_client()
    for rule in filter(is_page, app.url_map.iter_rules()):
        if "POST" in rule.methods:
            assert client.post(concrete(rule.rule)).status_code == 403, rule.rule


def test_every_route_is_in_the_document(app):
    api = [one for one in app.url_map.iter_rules() if not is_page(one)]
    rules = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", one.rule) for one in api}
    hidden = {"/docs", "/openapi.json", "/r/{token}", "/r/{token}/report.pdf"} | {
        one for one in rules if one.startswith("/static")
    }
    assert set(app.spec["paths"]) == rules - hidden


def test_every_queue_has_a_task_of_its_name(servers):
    import worker.deliverer
    from worker.app import app as steps

    tasks = set(steps.tasks) | set(worker.deliverer.app.tasks)
    assert {queue.value for queue in Queue} <= tasks


def test_every_step_has_a_queue_of_its_name():
    assert {step.value for step in Step} <= {queue.value for queue in Queue}


def test_every_query_refuses_what_it_does_not_know(app):
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_key(make_account())}"
    asked = {
        path
        for path, operations in app.spec["paths"].items()
        if any(one["in"] == "query" for one in operations.get("get", {}).get("parameters", []))
    }
    assert len(asked) >= 14
    for path in asked:
        answer = client.get(re.sub(r"{\w+}", PATH["uuid"], path) + "?colour=red")
        assert (answer.status_code, set(answer.json["errors"])) == (422, {"colour"}), path


def test_every_error_code_is_documented_with_its_status():
    page = (ROOT / "docs" / "api.md").read_text()
    ours = [kind for kind in kinds() if kind.__module__ == "shared.errors"]
    rows = {f"| `{kind.code}` | {status_of(kind):d} | {kind().detail} |" for kind in ours}
    assert {row for row in rows if row not in page} == set()


def test_every_job_state_is_documented():
    page = (ROOT / "docs" / "jobs.md").read_text()
    assert all(status.value in page for status in JobStatus)


def test_every_command_that_the_makefile_runs_exists():
    from typer.main import get_command

    from cli.main import app

    named = set(re.findall(r"\$\(BIN\)/tailtrend (\w+)", (ROOT / "Makefile").read_text()))
    assert named
    assert named <= set(get_command(app).commands)
