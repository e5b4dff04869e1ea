"""Bundles: whole, checked, named by their content."""

import json
import shutil

import pytest

from shared.errors import BundleInvalid
from worker.pipeline.bundles import BUILT_IN, load_bundle, write_manifest
from worker.pipeline.manifest import Manifest
from worker.pipeline.run import load_models

LEARNED = {
    "schema": 1,
    "name": "trial",
    "version": "1.0.0",
    "arch": "masked_fusion",
    "decides": "with_ethogram",
    "species": ["dog"],
    "files": {"model.onnx": "0" * 64},
    "weights": {"onnx": "model.onnx"},
    "encoders": [{"role": "vision_encoder", "name": "mobilenet-v3-small", "sha256": "0" * 64}],
    "features": [{"name": "vision", "width": 576}],
    "calibration": {"calibrated": True, "temperature": {"*": 1.0, "vision+audio": 2.0}},
    "licences": {"code": "Apache-2.0", "weights": "Apache-2.0"},
}


@pytest.fixture(autouse=True)
def _read_anew():
    """Let each test read what it wrote."""
    load_bundle.cache_clear()
    yield
    load_bundle.cache_clear()


@pytest.fixture
def written(tmp_path):
    """Give a function that writes a learned bundle, changed as asked."""

    def write(**changes):
        (tmp_path / "model.onnx").write_bytes(b"a network")
        write_manifest(tmp_path, Manifest.model_validate(LEARNED))
        told = json.loads((tmp_path / "manifest.json").read_text())
        (tmp_path / "manifest.json").write_text(json.dumps(told | changes))
        return tmp_path

    return write


def test_the_built_in_bundle_needs_no_weights():
    bundle = load_bundle()
    assert (bundle.name, bundle.arch, bundle.manifest.decides) == ("ethogram", "ethogram", "alone")
    assert bundle.manifest.weights is None


def test_the_bundles_hash_changes_with_its_files(tmp_path):
    copy = tmp_path / "ethogram"
    shutil.copytree(BUILT_IN, copy)
    same = load_bundle(copy).sha256
    load_bundle.cache_clear()
    with (copy / "ethogram.yaml").open("a") as file:
        file.write("# changed\n")
    assert same == load_bundle(BUILT_IN).sha256
    assert load_bundle(copy).sha256 != same


def test_a_written_bundle_is_read_again_with_its_hashes(written):
    bundle = load_bundle(written())
    assert len(bundle.manifest.files["model.onnx"]) == 64
    assert bundle.manifest.calibration.temperature["vision+audio"] == 2.0


def test_a_bundle_without_its_own_recommendations_uses_the_built_in_ones(written):
    bundle = load_bundle(written())
    assert bundle.path("recommendations.yaml") == BUILT_IN / "recommendations.yaml"
    assert bundle.path("model.onnx").parent == bundle.directory


def test_a_bundle_whose_weights_were_changed_is_refused_by_name(written):
    folder = written()
    (folder / "model.onnx").write_bytes(b"another")
    with pytest.raises(BundleInvalid, match=r"model\.onnx is not the file"):
        load_bundle(folder)


def test_a_bundle_with_a_missing_file_is_refused_by_name(written):
    folder = written()
    (folder / "model.onnx").unlink()
    with pytest.raises(BundleInvalid, match=r"model\.onnx is missing"):
        load_bundle(folder)


def test_a_directory_without_a_manifest_is_no_bundle(tmp_path):
    with pytest.raises(BundleInvalid, match=r"manifest\.json cannot be read"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ["Alert", "Relaxed", "Anxious", "Playful", "Distressed"]}, "in this order"),
        ({"files": {"model.onnx": None}}, "without a hash"),
        ({"files": {}}, "not in files"),
        ({"files": {"../model.onnx": "0" * 64, "model.onnx": "0" * 64}}, "outside the directory"),
        ({"weights": None}, "needs weights"),
        ({"arch": "ethogram"}, "decides alone"),
        ({"arch": "random_forest"}, "arch"),
        ({"calibration": {"calibrated": True, "temperature": {"vision": 1.0}}}, "fallback"),
        ({"calibration": {"calibrated": True, "temperature": {"*": 0.0}}}, "positive"),
        (
            {"calibration": {"calibrated": True, "temperature": {"*": 1, "audio+vision": 1}}},
            "audio\\+vision",
        ),
        ({"surprise": 1}, "surprise"),
        (
            {"encoders": [{"role": "audio_encoder", "name": "hubert", "sha256": "0" * 64}]},
            "no audio_encoder is called hubert",
        ),
        ({"features": [{"name": "quality", "width": 2, "names": ["a"]}]}, "1 names"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused_with_its_reason(written, changes, said):
    with pytest.raises(BundleInvalid, match=said):
        load_bundle(written(**changes))


def test_models_load_without_any_weights(tmp_path):
    models = load_models(None, tmp_path, threads=1)
    assert models.extract.detector is None
    assert models.encode.audio is None
    assert models.bundle.name == "ethogram"


@pytest.mark.parametrize(("of", "reads"), [("face", True), ("pet", False)])
def test_only_a_network_that_is_given_faces_reads_them(of, reads):
    sequence = {"name": "face", "width": 576, "frames": 16, "of": of}
    manifest = Manifest.model_validate(LEARNED | {"features": [sequence]})
    assert manifest.reads_faces is reads
    assert not load_bundle(BUILT_IN).manifest.reads_faces
