"""Weights are used by content only."""

import pytest
import structlog
from structlog.testing import LogCapture

from worker.pipeline import weights
from worker.pipeline.weights import RECORDS, find_weights


@pytest.fixture
def lines(monkeypatch):
    """What the registry logs, whatever logging is configured."""
    captured = LogCapture()
    quiet = structlog.wrap_logger(structlog.ReturnLogger(), processors=[captured])
    monkeypatch.setattr(weights, "log", quiet)
    return captured.entries


def test_a_missing_file_is_no_error_and_is_said_in_the_log(tmp_path, lines):
    assert find_weights("detector", None, tmp_path) is None
    assert lines[0]["event"] == "weights_missing"


def test_a_file_that_is_fetched_by_name_only_is_not_missed(tmp_path, lines):
    assert find_weights("second_detector", None, tmp_path) is None
    assert not lines


def test_a_file_with_the_wrong_checksum_is_refused_and_named(tmp_path, lines):
    path = tmp_path / "yolox_nano.onnx"
    path.write_bytes(b"not the network")
    assert find_weights("detector", tmp_path, tmp_path / "cache") is None
    assert lines[0]["event"] == "weights_refused"
    assert lines[0]["path"] == str(path)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name)
def test_every_record_names_its_source_and_licences(record):
    assert all(url.startswith("https://") for url in record.official.urls)
    assert record.code_licence
    assert record.weights_licence
    assert all(len(f.sha256) == 64 and f.bytes > 0 for f in record.files)


def test_each_role_has_one_record():
    assert len({r.role for r in RECORDS}) == len(RECORDS)


@pytest.mark.real
def test_the_given_weights_are_the_accepted_ones(shared_folder, tmp_path):
    for record in RECORDS:
        if record.by_name_only:  # nobody gave it
            continue
        found = weights.find(record.role, shared_folder / "weights", tmp_path)
        assert found is not None
        assert found.path.stat().st_size == found.file.bytes
