"""`tailtrend analyze` prints one line per clip and ends with 0 when each got an answer."""

import json
import logging
from dataclasses import replace

import av
import pytest
import structlog
from typer.testing import CliRunner

from cli import answers
from cli.main import app
from shared.errors import BundleInvalid
from shared.settings import settings
from tests import bundles
from tests.clips import SAMPLES, render


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs the command without weights and with its own cache."""
    monkeypatch.setenv("TAILTREND_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TAILTREND_WEIGHTS_DIR", raising=False)
    settings.cache_clear()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield lambda *arguments: CliRunner().invoke(app, ["analyze", *map(str, arguments)])
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    settings.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one good clip, one that is no video and one file that is no clip."""
    folder = tmp_path_factory.mktemp("clips")
    render(replace(SAMPLES["no_sound"], duration_s=2.2), folder / "good.mp4")
    (folder / "bad.mp4").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("not a clip")
    return folder


def test_json_is_one_line_per_clip_with_an_assessment_or_a_code(run, folder):
    result = run(folder, "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [set(row) for row in rows] == [
        {"clip", "species", "error"},
        {"clip", "species", "assessment"},
    ]
    assert rows[0]["error"]["code"] == "clip_unreadable"
    assert rows[1]["assessment"]["bundle"]["name"] == "ethogram"


def test_a_cats_clip_is_known_by_its_name_or_as_told(run, folder, tmp_path):
    cat = tmp_path / "my cat.mp4"
    cat.symlink_to(folder / "good.mp4")
    told = [run(cat, "--json"), run(cat, "--json", "--species", "dog")]
    assert [json.loads(one.stdout)["species"] for one in told] == ["cat", "dog"]


def test_a_bundle_given_on_the_command_line_decides(run, folder, tmp_path):
    pytest.importorskip("torch", exc_type=ImportError)
    bundle = bundles.make(tmp_path / "bundle")
    row = json.loads(run(folder / "good.mp4", "--json", "--bundle", bundle).stdout)
    assert row["assessment"]["bundle"]["name"] == "trial"
    missing = {m["name"]: m["why"] for m in row["assessment"]["not_measurable"]}
    assert "so the ethogram decides" in missing["network of trial"]  # no encoder is loaded


def test_explain_prints_contributions_and_draws_the_timeline(run, folder, tmp_path):
    clip = folder / "good.mp4"
    result = run(clip, clip, "--explain", "--pictures", tmp_path / "drawn")
    assert result.exit_code == 0
    assert "nats" in result.stdout
    assert "not measurable, posture is read only" in result.stdout
    for name in ("good.timeline.png", "good-2.timeline.png"):
        assert (tmp_path / "drawn" / name).read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_no_bundle_is_named(run, folder, tmp_path):
    result = run(folder / "good.mp4", "--bundle", tmp_path)
    assert result.exit_code != 0
    assert isinstance(result.exception, BundleInvalid)


def test_the_table_names_every_clip(run, folder):
    result = run(folder / "good.mp4", folder / "bad.mp4")
    assert result.exit_code == 0
    assert "good.mp4" in result.stdout
    assert "clip_unreadable" in result.stdout
    assert "tailtrend models pull" in result.stdout


@pytest.mark.parametrize(
    ("why", "lacking"), [("weights not found", True), ("the clip has no sound track", False)]
)
def test_networks_are_offered_only_where_they_are_missing(why, lacking):
    said = {"not_measurable": [{"name": "vision encoding", "why": why}]}
    assert answers.lack_networks([("good.mp4", said, None)]) is lacking


def test_a_file_that_is_not_there_is_a_mistake_in_the_command(run, tmp_path):
    result = run(tmp_path / "nothing.mp4", "--json")
    assert result.exit_code == 2
    assert "does not exist" in result.output


def test_a_species_without_an_ethogram_is_refused(run, folder):
    assert run(folder / "good.mp4", "--species", "horse").exit_code == 2


def test_an_empty_folder_is_a_mistake_in_the_command(run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty").exit_code == 2


def test_a_clip_is_drawn_with_a_strip_below_its_picture(run, folder, tmp_path):
    out = tmp_path / "out.mp4"
    assert run(folder / "good.mp4", "--draw", out).exit_code == 0
    with av.open(str(folder / "good.mp4")) as whole, av.open(str(out)) as drawn:
        before = [f.width for f in whole.decode(video=0)]
        after = [(f.width, f.height) for f in drawn.decode(video=0)]
        original = whole.streams.video[0]
    assert len(after) == len(before)
    assert after[0][1] > original.height * after[0][0] / original.width
    assert out.stat().st_size > 10_000


def test_only_one_clip_is_drawn(run, folder, tmp_path):
    assert run(folder, "--draw", tmp_path / "out.mp4").exit_code == 2
