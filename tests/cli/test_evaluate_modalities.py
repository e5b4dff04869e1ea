"""`tailtrend evaluate modalities` lists what each answer becomes without a modality."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cli.evaluate_modalities import changed
from cli.main import app
from shared.settings import settings
from tests.clips import SAMPLES, render


@pytest.fixture
def clips(tmp_path, monkeypatch):
    monkeypatch.setenv("TAILTREND_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TAILTREND_WEIGHTS_DIR", raising=False)
    settings.cache_clear()
    folder = tmp_path / "clips"
    folder.mkdir()
    render(
        replace(SAMPLES["talking_owner"], duration_s=2.5, width=160, height=96), folder / "a.mp4"
    )
    (folder / "b.mp4").write_bytes(b"nothing")
    yield folder
    settings.cache_clear()


def test_every_clip_is_listed_with_what_changes(clips):
    result = CliRunner().invoke(app, ["evaluate", "modalities", str(clips)])
    assert result.exit_code == 0, result.output
    assert "clip_unreadable" in result.output
    assert "of 1 decisions change where it was there" in result.output
    assert "no pose: 0 of 0 decisions" in result.output


def test_only_another_answer_counts_as_a_change():
    from collections import Counter

    counts = Counter()
    row = {"all": "Alert 0.45", "no sound": "insufficient_evidence", "no face": "Alert 0.40"}
    assert changed(row, "no sound", counts) == "[bold]insufficient_evidence[/bold]"
    assert changed(row, "no face", counts) == "= 0.40"
    assert changed(row, "no pose", counts) == ""
    assert counts == {"no sound": 1}
