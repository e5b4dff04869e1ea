"""Generated clips, rendered once per run; the real clips and weights where they are beside us."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import structlog
from structlog.testing import LogCapture

from tests.clips import SAMPLES, ClipSpec, Truth, render
from worker.pipeline import run, weights
from worker.pipeline.extract import Extract, ExtractModels, extract
from worker.pipeline.run import Models, load_models
from worker.pipeline.weights import WeightFile

Made = tuple[Path, Truth]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | ClipSpec], Made]:
    """Return a function that renders a sample by name, or a spec, once per run."""
    folder = tmp_path_factory.mktemp("clips")

    @functools.cache
    def make(wanted: str | ClipSpec) -> Made:
        spec = SAMPLES[wanted] if isinstance(wanted, str) else wanted
        path = folder / f"{len(list(folder.iterdir()))}.{spec.encoding.container}"
        return path, render(spec, path)

    return make


@pytest.fixture(scope="session")
def without_weights(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return load_models(None, tmp_path_factory.mktemp("cache"), threads=1)


@pytest.fixture(scope="session")
def measured(clip, without_weights) -> Callable[[str | ClipSpec], tuple[Extract, Truth]]:
    """Return a function that renders and extracts, once per run, without any weights."""

    @functools.cache
    def measure(wanted: str | ClipSpec) -> tuple[Extract, Truth]:
        path, truth = clip(wanted)
        spec = SAMPLES[wanted] if isinstance(wanted, str) else wanted
        species = spec.animal.species.value if spec.animal else "dog"
        return extract(path, species=species, models=without_weights.extract), truth

    return measure


@pytest.fixture(scope="session")
def real_models(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return load_models(shared_folder / "weights", tmp_path_factory.mktemp("cache"), threads=2)


@pytest.fixture
def accepted(monkeypatch) -> Callable[[str, Path, bytes], Path]:
    """Return a function that writes a role's file into a folder and has the registry accept it."""

    def accept(role: str, folder: Path, content: bytes) -> Path:
        record = weights.record_for(role)
        path = folder / record.official.name
        path.write_bytes(content)
        file = WeightFile(path.name, "made", weights.sha256_of(path), len(content), "a test")
        others = tuple(r for r in weights.RECORDS if r.role != role)
        monkeypatch.setattr(weights, "RECORDS", (replace(record, files=(file,)), *others))
        return folder

    return accept


@pytest.fixture
def said(monkeypatch) -> list[dict]:
    """What loading logs, whatever logging is configured."""
    captured = LogCapture()
    quiet = structlog.wrap_logger(structlog.ReturnLogger(), processors=[captured])
    monkeypatch.setattr(run, "log", quiet)
    return captured.entries


@pytest.fixture
def nothing_seen() -> ExtractModels:
    return ExtractModels(detector=None, tagger=None)


@pytest.fixture
def noise() -> np.random.Generator:
    return np.random.default_rng(7)
