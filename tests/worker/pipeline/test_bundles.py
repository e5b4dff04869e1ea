"""Weights are used by content only; the built-in bundle is whole."""

import shutil

import pytest
import structlog
from structlog.testing import LogCapture

from worker.pipeline import bundles
from worker.pipeline.bundles import BUILT_IN, RECORDS, find_weights, load_bundle
from worker.pipeline.run import load_models


@pytest.fixture
def lines(monkeypatch):
    """What the registry logs, whatever logging is configured."""
    captured = LogCapture()
    quiet = structlog.wrap_logger(structlog.ReturnLogger(), processors=[captured])
    monkeypatch.setattr(bundles, "log", quiet)
    return captured.entries


def test_a_missing_file_is_no_error_and_is_said_in_the_log(tmp_path, lines):
    assert find_weights("detector", None, tmp_path) is None
    assert lines[0]["event"] == "weights_missing"


def test_a_file_with_the_wrong_checksum_is_refused_and_named(tmp_path, lines):
    path = tmp_path / "yolox_nano.onnx"
    path.write_bytes(b"not the network")
    assert find_weights("detector", tmp_path, tmp_path / "cache") is None
    assert lines[0]["event"] == "weights_refused"
    assert lines[0]["path"] == str(path)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name)
def test_every_record_names_its_source_and_licences(record):
    assert record.url.startswith("https://")
    assert record.code_licence
    assert record.weights_licence
    assert all(len(f.sha256) == 64 and f.bytes > 0 for f in record.files)


def test_each_role_has_one_record():
    assert len({r.role for r in RECORDS}) == len(RECORDS)


def test_the_bundles_hash_changes_with_its_files(tmp_path):
    copy = tmp_path / "ethogram"
    shutil.copytree(BUILT_IN, copy)
    same = load_bundle(copy).sha256
    load_bundle.cache_clear()
    with (copy / "ethogram.yaml").open("a") as file:
        file.write("# changed\n")
    assert same == load_bundle(BUILT_IN).sha256
    assert load_bundle(copy).sha256 != same
    load_bundle.cache_clear()


def test_models_load_without_any_weights(tmp_path):
    models = load_models(None, tmp_path, threads=1)
    assert models.extract.detector is None
    assert models.encode.audio is None
    assert models.bundle.name == "ethogram"


@pytest.mark.real
def test_the_given_weights_are_the_accepted_ones(shared_folder, tmp_path):
    for record in RECORDS:
        found = find_weights(record.role, shared_folder / "weights", tmp_path)
        assert found is not None
        assert found.stat().st_size == record.files[0].bytes
