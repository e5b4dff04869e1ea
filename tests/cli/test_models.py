"""`tailtrend models` against a file server on loopback."""

import dataclasses
import hashlib
import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.errors import DownloadFailed
from shared.settings import settings
from tests.worker.pipeline.fileserver import Behaviour, serving
from worker.pipeline import weights

CONTENT = b"a detector" * 1000


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `tailtrend models …` with a cache of its own."""
    monkeypatch.setenv("TAILTREND_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TAILTREND_WEIGHTS_DIR", raising=False)
    monkeypatch.delenv("TAILTREND_OFFLINE", raising=False)
    settings.cache_clear()
    yield lambda *words: CliRunner().invoke(app, ["models", *words])
    settings.cache_clear()


@pytest.fixture
def served(monkeypatch):
    """Serve one official file, the detector's, in place of all records."""
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        digest = hashlib.sha256(CONTENT).hexdigest()
        file = weights.WeightFile("net.onnx", "net", digest, len(CONTENT), "a test", (url,))
        record = dataclasses.replace(weights.record_for("detector"), name="net", files=(file,))
        monkeypatch.setattr(weights, "RECORDS", (record,))
        yield behaviour


def test_a_pulled_file_is_found_by_the_workers(run, served, tmp_path):
    assert run("pull").exit_code == 0
    found = weights.find("detector", None, tmp_path)
    assert found.path.read_bytes() == CONTENT
    assert "Everything is here" in run("pull").output
    assert len(served.asked) == 1


def test_the_list_says_what_is_missing_and_what_it_would_cost(run, served):
    row = json.loads(run("list", "--json").stdout)[0]
    assert row["state"] == "missing"
    assert row["files"][0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert row["weights_licence"] == "Apache-2.0"
    assert "models pull" in run("list").output
    run("pull")
    assert json.loads(run("list", "--json").stdout)[0]["state"] == "ready"


def test_the_list_cuts_no_name_and_no_place(run, served, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    run("pull")
    assert "net: ready\n" in run("list").output
    assert str(tmp_path / "weights" / "net.onnx") in run("list").output


def test_offline_nothing_is_fetched(run, served, monkeypatch):
    monkeypatch.setenv("TAILTREND_OFFLINE", "true")
    settings.cache_clear()
    outcome = run("pull")
    assert isinstance(outcome.exception, DownloadFailed)
    assert "TAILTREND_OFFLINE" in outcome.exception.detail
    assert served.asked == []


def test_a_failed_download_is_one_sentence_and_exit_code_one(run, served):
    served.status = 404
    outcome = run("pull")
    assert outcome.exit_code == 1
    assert "net: 127.0.0.1 answers 404" in outcome.output


def test_a_name_that_is_none_lists_those_that_are(run, served):
    outcome = run("pull", "yolo")
    assert outcome.exit_code == 2
    assert "choose from net" in outcome.output


def test_verify_finds_a_damaged_file(run, served, tmp_path):
    run("pull")
    whole = run("verify")
    assert (whole.exit_code, whole.output.splitlines()[-1]) == (0, "1 of 1 are here and whole.")
    (tmp_path / "weights" / "net.onnx").write_bytes(CONTENT[:-1])
    outcome = run("verify")
    assert outcome.exit_code == 1
    assert outcome.output.splitlines()[-1].startswith("Damaged: net. ")


def test_what_is_optional_comes_by_name_only(run, served, monkeypatch):
    (record,) = weights.RECORDS
    monkeypatch.setattr(weights, "RECORDS", (dataclasses.replace(record, by_name_only=True),))
    assert "optional" in run("list").output
    assert "models pull" not in run("list").output
    assert "Everything is here" in run("pull").output
    assert served.asked == []
    assert "verified" in run("pull", "net").output
    assert "ready" in run("list").output
