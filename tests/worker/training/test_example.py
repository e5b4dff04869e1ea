"""The worked example of docs/training.md, line by line, with small random encoders."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from cli.main import app
from shared.settings import settings
from tests import bundles
from tests.clips import labelled
from worker.pipeline import run, weights
from worker.pipeline.architectures.backbones import MobileNetV3Small
from worker.pipeline.bundles import load_bundle
from worker.pipeline.encode.whisper_torch import WhisperEncoder
from worker.pipeline.weights import WeightFile
from worker.training import coreml, crossfit

PAGE = Path(__file__).parents[3] / "docs" / "training.md"


def lines() -> list[str]:
    """Return the commands that the page shows."""
    section = PAGE.read_text("utf-8").split("## Worked example")[1]
    return re.search(r"```console\n(.*?)```", section, re.S).group(1).splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty working directory whose settings lead to random encoders."""
    folder = tmp_path_factory.mktemp("example")
    given = folder / "weights"
    given.mkdir()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.save(MobileNetV3Small().state_dict(), given / "mobilenet_v3_small-047dcff4.pth")
    encoder = WhisperEncoder(384, heads=6, layers=1)
    state = {f"encoder.{k}": v.half() for k, v in encoder.state_dict().items()}
    state["encoder.positional_embedding"] = torch.zeros(1500, 384).half()
    dims = {"n_mels": 80, "n_audio_state": 384, "n_audio_head": 6, "n_audio_layer": 1}
    torch.save({"dims": dims, "model_state_dict": state}, given / "tiny.pt")
    with pytest.MonkeyPatch.context() as patch:
        accept(
            patch, "vision_encoder", "mobilenet-v3-small", given / "mobilenet_v3_small-047dcff4.pth"
        )
        accept(patch, "audio_encoder", "whisper-tiny", given / "tiny.pt")
        patch.setenv("TAILTREND_WEIGHTS_DIR", str(given))
        patch.setenv("TAILTREND_CACHE_DIR", str(folder / "cache"))
        patch.setenv("TAILTREND_OFFLINE", "true")
        patch.chdir(folder)
        settings.cache_clear()
        yield folder
    settings.cache_clear()


def accept(patch, role, named, path):
    """Make the registry accept a file of random numbers under an official name."""
    file = WeightFile(path.name, named, weights.sha256_of(path), path.stat().st_size, "a test")
    record = weights.record_for(role)
    fields = {f: getattr(record, f) for f in record.__slots__} | {"files": (file,)}
    others = tuple(r for r in weights.RECORDS if r.role != role)
    patch.setattr(weights, "RECORDS", (type(record)(**fields), *others))


@pytest.fixture(scope="module")
def said(folder) -> dict[str, str]:
    """Run every line of the page and return what each printed."""
    printed = {}
    for line in lines():
        program, *arguments = shlex.split(line)
        if program == "python":
            printed[line] = str(labelled.write(Path(arguments[-1])))
            continue
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        printed[line] = result.output
    return printed


def test_the_page_leads_from_a_raw_table_to_a_calibrated_bundle_that_loads(folder, said):
    bundle = load_bundle(folder / "build" / "example-bundle")
    assert bundle.name == "example"
    assert bundle.manifest.calibration.calibrated
    assert {e.name for e in bundle.manifest.encoders} == {"mobilenet-v3-small", "whisper-tiny"}
    assert bundle.manifest.licences.data == ("CC0-1.0",)
    assert bundle.manifest.calibration.abstain.max_set == 2
    metric = next(m for m in bundle.manifest.metrics if m.name == "macro_f1")
    assert metric.low <= metric.value <= metric.high
    assert len({path.stat().st_mode for path in bundle.directory.iterdir()}) == 1
    assert metric.split == "3 folds by animal, source and near-duplicate"


def test_every_place_says_that_generated_clips_prove_nothing_of_animals(folder, said):
    bundle = load_bundle(folder / "build" / "example-bundle")
    assert "say nothing of real animals" in (bundle.directory / "model-card.md").read_text("utf-8")
    assert any(
        "say nothing of real animals" in text for text in bundle.manifest.provenance.values()
    )
    pages = [folder / "build" / "run" / "report", folder / "build" / "report"]
    for page in pages:
        assert "say nothing of real animals" in (page / "report.html").read_text("utf-8")


def test_a_bundle_on_its_own_files_is_marked_as_no_test(folder, said):
    (printed,) = [told for line, told in said.items() if "evaluate bundle" in line]
    assert "NO TEST: example 1.0.0 learned from" in printed
    found = json.loads((folder / "build" / "report" / "report.json").read_text("utf-8"))
    assert any("NO TEST" in mark for mark in found["marks"])
    assert found["about"].startswith("example 1.0.0")


def test_the_report_holds_controls_matrix_plots_and_no_link_outside(folder, said):
    report = folder / "build" / "run" / "report"
    found = json.loads((report / "report.json").read_text("utf-8"))
    assert {"shuffled labels", "metadata only"} <= set(found["controls"])
    assert {"vision", "audio", "vision+audio"} <= set(found["missing_modalities"])
    assert {"vision adds", "audio adds"} <= set(found["ablations"])
    page = (report / "report.html").read_text("utf-8")
    assert page.count("<svg") == 3
    assert not re.search(r'(src|href)="http', page)


def test_an_assessment_names_the_bundle(folder, said):
    models = run.load_models(
        folder / "weights", folder / "cache", 1, bundle_dir=folder / "build" / "example-bundle"
    )
    clip = folder / "build" / "example" / "00.mp4"
    assessment = run.analyze(clip, species="dog", models=models)
    assert assessment.bundle.name == "example"
    assert assessment.bundle.sha256 == models.bundle.sha256


def test_the_bundle_becomes_a_core_ml_package_of_the_same_inputs(folder, said):
    pytest.importorskip("coremltools")
    bundle = load_bundle(folder / "build" / "example-bundle")
    inputs = coreml.convert(bundle, folder / "example.mlpackage")
    assert inputs["vision"] == (1, 576)
    assert set(inputs) >= {"audio", "pose", "quality", "species", "vision_present"}
    with pytest.raises(coreml.NoCoreMl, match="ethogram is not converted"):
        coreml.convert(load_bundle(), folder / "other.mlpackage")


def test_a_run_leaves_scalars_history_and_checkpoints(folder, said):
    fits = folder / "build" / "run" / "fits"
    assert len(list(fits.iterdir())) == 6  # three folds, two seeds
    for one in fits.iterdir():
        assert (one / "checkpoint.pt").is_file()
        assert (one / "history.csv").read_text("utf-8").startswith("epoch,loss,stop_loss")
        assert list((one / "events").iterdir())


def refused(arguments: str) -> str:
    result = CliRunner().invoke(app, shlex.split(arguments))
    assert result.exit_code != 0
    return getattr(result.exception, "code", "") or result.output


def test_a_random_split_is_refused_and_if_allowed_marked_and_not_exported(folder, said):
    train = "train fusion build/example/labels.csv build/leaky --split random --epochs 2 --folds 2"
    assert refused(train) == "leaky_split_refused"
    allowed = CliRunner().invoke(app, shlex.split(f"{train} --variants 1 --allow-leaky-split"))
    assert "LEAKY" in allowed.output
    shown = CliRunner().invoke(
        app, shlex.split("evaluate run build/leaky build/example/labels.csv")
    )
    assert "must not be quoted" in shown.output
    export = "export build/leaky build/example/labels.csv build/leaky-bundle --name leaky"
    assert refused(export) == "not_exportable"
    assert not (folder / "build" / "leaky-bundle").exists()


def test_what_does_not_fit_is_refused_with_its_code(folder, said):
    again = "export build/run build/example/labels.csv build/example-bundle --name example"
    assert refused(again) == "not_exportable"
    assert refused("evaluate run build/none build/example/labels.csv") == "run_invalid"
    other = "train fusion build/example/labels.csv build/run --epochs 3"
    assert refused(other) == "other_recipe"
    built_in = Path(run.bundles.BUILT_IN)
    assert refused(f"evaluate bundle {built_in} build/example/labels.csv") == "bundle_does_not_fit"


def test_a_graph_that_says_something_else_is_refused_and_leaves_nothing(folder, said, monkeypatch):
    monkeypatch.setattr("worker.pipeline.architectures.export.MAX_DIFFERENCE", -1.0)
    export = "export build/run build/example/labels.csv build/other --name other"
    assert refused(export) == "export_differs"
    assert not list((folder / "build").glob("other*"))


def test_a_picture_network_is_trained_end_to_end_exported_and_served(folder, said):
    Path("brief.json").write_text('{"patience": 0}')
    light = '{"backbone": "mobilenet_v3_small", "over_time": "tcn", "hidden": 8}'
    done = [
        CliRunner().invoke(app, arguments, catch_exceptions=False)
        for arguments in (
            [*shlex.split("train fusion build/example/labels.csv build/seen --arch face_sequence"),
             *shlex.split("--recipe brief.json --epochs 1 --folds 2 --variants 0"),
             "--config", light],
            shlex.split("export build/seen build/example/labels.csv build/seen-bundle --name seen"),
            shlex.split("evaluate bundle build/seen-bundle build/example/labels.csv"),
        )
    ]  # fmt: skip
    assert [one.exit_code for one in done] == [0, 0, 0]
    bundle = load_bundle(folder / "build" / "seen-bundle")
    assert bundle.manifest.encoders == ()  # it brings its own eyes
    assert [(f.frames, f.width) for f in bundle.manifest.features] == [(16, 3 * 224 * 224)]
    models = run.load_models(
        folder / "weights", folder / "cache", 1, bundle_dir=folder / "build" / "seen-bundle"
    )
    clip = folder / "build" / "example" / "00.mp4"
    assert run.analyze(clip, species="dog", models=models).bundle.name == "seen"
    numbers = "evaluate bundle build/seen-bundle build/example/labels.csv --against"
    assert refused(f"{numbers} {face_bundle(folder)}") == "bundle_does_not_fit"


def face_bundle(folder):
    """A bundle that reads an encoder's numbers of the same sequence."""
    return bundles.make(folder / "numbers", "face_sequence")


def test_a_run_begins_only_once_its_table_is_sound(folder, said):
    table = folder / "build" / "example" / "mended.csv"
    sound = (table.parent / "labels.csv").read_text("utf-8")
    table.write_text(sound.replace("00.mp4", "none.mp4"))
    train = "train fusion build/example/mended.csv build/mended --epochs 1 --folds 2 --variants 1"
    assert refused(train) == "dataset_invalid"
    table.write_text(sound)
    done = CliRunner().invoke(app, shlex.split(train))
    assert done.exit_code == 0, done.output


def test_a_held_out_test_set_is_never_learned_from(folder, said):
    hold = CliRunner().invoke(app, shlex.split("train hold-out build/example/labels.csv test.json"))
    assert hold.exit_code == 0, hold.output
    train = "train fusion build/example/labels.csv build/held --epochs 2 --folds 2 --variants 1"
    done = CliRunner().invoke(app, shlex.split(f"{train} --test-set test.json"))
    assert done.exit_code == 0, done.output
    kept = len(json.loads(Path("test.json").read_text("utf-8"))["files"])
    assert len(crossfit.load(folder / "build" / "held")[1].rows) == 30 - kept < 30
    assert refused("evaluate run build/held build/example/labels.csv") == "run_invalid"
    refused("train hold-out build/example/labels.csv test.json")
