"""Training the keypoint network: it learns, goes on after a kill, and exports what it learnt."""

import json

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from cli.main import app
from worker.pipeline import run
from worker.pipeline.architectures.export import ExportDiffers
from worker.pipeline.architectures.inputs import TAPS
from worker.pipeline.extract.pose import PoseNetwork
from worker.pipeline.runtime import OnnxNetwork
from worker.training.pose import fit as fitting
from worker.training.pose.export import export_network
from worker.training.pose.fit import Budget, OtherRun, Run, fit
from worker.training.pose.loss import to_tensors, total_loss


def run_of(folder, samples, seed=3):
    return fit(
        folder,
        seed=seed,
        budget=Budget(seconds=1e6, samples=samples),
        drawers=1,
        on_step=lambda progress, used: None,
    )


def loss_of(net, batch):
    with torch.no_grad():
        return float(total_loss(net(to_tensors(batch, 128).picture), to_tensors(batch, 128)))


def test_a_few_steps_lower_the_loss_on_what_is_learnt_from(tmp_path, drawn):
    run = Run(tmp_path, seed=3)
    before = loss_of(run.net, drawn)
    run.progress.steps = fitting.WARM_STEPS
    for _ in range(8):
        run.learn(drawn, used=0.0)
    assert loss_of(run.net, drawn) < before - 0.5


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps that was killed after its first checkpoint and then finished."""
    folder = tmp_path_factory.mktemp("run")
    run_of(folder, samples=fitting.BATCH)
    return folder, run_of(folder, samples=3 * fitting.BATCH)


def test_a_killed_run_goes_on_where_it_was_saved(trained):
    folder, run = trained
    assert run.progress.steps == 3
    assert run.progress.batches == 3
    again = run_of(folder, samples=3 * fitting.BATCH)
    assert again.progress.steps == 3


def test_a_folder_of_another_seed_is_refused(trained):
    with pytest.raises(OtherRun):
        run_of(trained[0], samples=1, seed=4)


def test_the_exported_network_gives_nearly_the_same_numbers_in_int8(trained, tmp_path, drawn):
    net = trained[1].mean.eval()
    difference = export_network(net, tmp_path / "k.onnx", drawn.picture)
    assert 0 < difference < 0.25
    kinds = [node.op_type for node in onnx.load(tmp_path / "k.onnx").graph.node]
    assert kinds.count("DequantizeLinear") > kinds.count("Conv") > 20
    written = (tmp_path / "k.onnx").read_bytes()
    assert len(written) < 3_000_000
    assert b"site-packages" not in written  # torch notes the paths of the machine
    found = PoseNetwork(tmp_path / "k.onnx").run(drawn.picture[:3])
    assert found["heat"].shape == (3, 25, 32, 32)
    assert np.allclose(found["heat"].sum(axis=(2, 3)), 1, atol=1e-3)


class Noise:
    """Stands for MobileNetV3-small: maps that have nothing to do with the pictures."""

    inputs, outputs = ("pictures",), tuple(TAPS)

    def run(self, inputs):
        rng, (n, _, px, _) = np.random.default_rng(5), inputs["pictures"].shape
        sides = [px // int(name.removeprefix("tap_")) for name in TAPS]
        shapes = [(n, c, side, side) for c, side in zip(TAPS.values(), sides, strict=True)]
        maps = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
        return dict(zip(TAPS, maps, strict=True))


def test_a_trained_network_grows_taps_and_says_the_same_before_it_learns(trained, tmp_path, drawn):
    grown = Run(tmp_path / "grown", 4, Noise(), trained[0])
    picture = to_tensors(drawn, 128).picture[:3]
    with torch.no_grad():
        before = trained[1].mean.eval()(picture)
        after = grown.mean.eval()(picture, *grown.maps(picture))
    for one, other in zip(before, after, strict=True):
        assert torch.allclose(one, other, atol=1e-3)
    grown.progress.steps = fitting.WARM_STEPS
    grown.learn(drawn, used=0.0)
    assert grown.net.taps[0].mix.weight.abs().max() > 0
    written = tmp_path / "tapped.onnx"
    assert export_network(grown.mean.eval(), written, drawn.picture, Noise()) < 0.25


def test_a_network_that_int8_makes_another_is_not_exported(trained, tmp_path, drawn, monkeypatch):
    monkeypatch.setattr("worker.training.pose.export.MAX_DIFFERENCE", 1e-6)
    with pytest.raises(ExportDiffers):
        export_network(trained[1].mean.eval(), tmp_path / "k.onnx", drawn.picture)


def test_a_folder_of_a_network_without_taps_is_refused_with_them(trained):
    with pytest.raises(OtherRun):
        Run(trained[0], 3, Noise())


def test_train_pose_without_the_weights_that_taps_need_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "load_taps", lambda *asked: None)
    said = CliRunner().invoke(app, ["train", "pose", "--out", str(tmp_path), "--taps"])
    assert said.exit_code == 2
    assert "MobileNetV3" in said.output


def test_train_pose_writes_a_network_that_reads_taps(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "HELD_OUT", 6)
    monkeypatch.setattr(fitting, "EXPORTED_ON", 24)
    monkeypatch.setattr(run, "load_taps", lambda *asked: Noise())
    where = ["--out", str(tmp_path), "--samples", "32", "--taps"]
    said = CliRunner().invoke(app, ["train", "pose", *where])
    assert said.exit_code == 0, said.output
    card = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert "MobileNetV3" in card["training"]["reads"]
    assert set(OnnxNetwork(tmp_path / "keypoints.onnx", 1).inputs) == {"picture", *TAPS}


def photos(tmp_path, drawn):
    """Write drawings as labelled photos; the whole picture is the box."""
    import cv2

    from worker.pipeline.extract.keypoints import NAMES

    images, annotations = [], []
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), drawn.picture[i][:, :, ::-1])
        numbers = [
            (float(x * 128), float(y * 128), int(s))
            for (x, y), s in zip(drawn.points[i], drawn.seen[i], strict=True)
        ]
        images.append({"id": i, "file_name": f"{i}.png"})
        flat = [n for row in numbers for n in row]
        annotations.append({"image_id": i, "bbox": [0, 0, 128, 128], "keypoints": flat})
    labels = {"images": images, "annotations": annotations, "categories": [{"keypoints": NAMES}]}
    (tmp_path / "labels.json").write_text(json.dumps(labels), "utf-8")


def test_labelled_photos_are_scored_on_the_command_line(tmp_path, drawn):
    photos(tmp_path, drawn)
    where = ["--images", str(tmp_path), "--annotations", str(tmp_path / "labels.json")]
    said = CliRunner().invoke(app, ["evaluate", "pose", *where, "--out", str(tmp_path / "s.json")])
    assert said.exit_code == 0, said.output
    scores = json.loads((tmp_path / "s.json").read_text("utf-8"))
    assert scores["animals"] == 3
    assert scores["every"]["n"] == int((drawn.seen[:3] > 0).sum())
    assert 0 <= scores["every"]["pck_10"] <= scores["every"]["pck_15"] <= 1
    assert "nose" in said.output


def test_a_photo_that_is_missing_is_named(tmp_path, drawn):
    photos(tmp_path, drawn)
    (tmp_path / "1.png").unlink()
    where = ["--images", str(tmp_path), "--annotations", str(tmp_path / "labels.json")]
    said = CliRunner().invoke(app, ["evaluate", "pose", *where])
    assert said.exit_code != 0
    assert "1.png" in str(said.exception.detail)


def test_train_pose_writes_network_and_card(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "HELD_OUT", 6)
    monkeypatch.setattr(fitting, "EXPORTED_ON", 24)
    said = CliRunner().invoke(app, ["train", "pose", "--out", str(tmp_path), "--samples", "32"])
    assert said.exit_code == 0, said.output
    card = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert card["training"]["learnt_samples"] == 32
    assert card["held_out_drawings"]["animals"] == 6
    assert (tmp_path / "keypoints.onnx").exists()
