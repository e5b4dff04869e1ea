"""The networks: shapes, what is missing, and the same numbers from ONNX Runtime."""

import numpy as np
import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch", exc_type=ImportError)
from worker.pipeline import encode  # noqa: E402
from worker.pipeline.architectures import inputs  # noqa: E402
from worker.pipeline.architectures.backbones import MobileNetV3Small, Vgg19  # noqa: E402
from worker.pipeline.architectures.build import build, inputs_of  # noqa: E402
from worker.pipeline.architectures.export import ExportDiffers, compare, example, export  # noqa: E402
from worker.pipeline.architectures.face_sequence import LIGHT  # noqa: E402
from worker.pipeline.architectures.masked_fusion import dropped  # noqa: E402
from worker.pipeline.encode import stage as encode_stage  # noqa: E402
from worker.pipeline.runtime import OnnxNetwork  # noqa: E402

torch.set_num_threads(1)
FUSIONS = (
    ("late_fusion", {}),
    ("late_fusion", {"modalities": ["vision", "audio"]}),
    ("masked_fusion", {}),
)
SEQUENCES = (
    ("face_sequence", {"backbone": "features", "over_time": "bilstm", "hidden": 16}),
    ("face_sequence", {"backbone": "features", "over_time": "tcn", "hidden": 16}),
)


def made(arch: str, config: dict):
    torch.manual_seed(0)
    return build(arch, config).eval()


def changed(batch, model, name: str, value):
    """Return a batch in which one input is another."""
    parts = dict(zip(model.inputs, batch, strict=True))
    return tuple({**parts, name: value}.values())


@pytest.mark.parametrize(("arch", "config"), [*FUSIONS, *SEQUENCES])
def test_every_network_gives_five_logits_and_an_embedding_a_row(arch, config):
    model = made(arch, config)
    logits, embedding, *_ = model(*example(model, rows=3))
    assert logits.shape == (3, inputs.STATES)
    assert embedding.shape[0] == 3
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize(("arch", "config"), [*FUSIONS, *SEQUENCES])
def test_the_exported_network_gives_the_same_numbers(arch, config, tmp_path):
    assert export(made(arch, config), tmp_path / "model.onnx") <= 1e-4
    written = (tmp_path / "model.onnx").read_bytes()
    assert b"site-packages" not in written  # torch notes the paths of the machine


@pytest.mark.parametrize(("arch", "config"), [*FUSIONS, *SEQUENCES, ("face_sequence", {})])
def test_what_a_network_reads_is_known_before_it_is_made(arch, config):
    assert inputs_of(arch, config) == build(arch, config).inputs


def test_an_export_says_nothing_of_its_optimiser(tmp_path, caplog):
    caplog.set_level("INFO")
    export(made("masked_fusion", {}), tmp_path / "model.onnx")
    assert [one.getMessage() for one in caplog.records] == []


def test_an_export_that_differs_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("worker.pipeline.architectures.export.MAX_DIFFERENCE", -1.0)
    with pytest.raises(ExportDiffers):
        export(made("masked_fusion", {}), tmp_path / "model.onnx")


def test_another_networks_file_does_not_compare_as_equal(tmp_path):
    path = tmp_path / "model.onnx"
    model = made("masked_fusion", {})
    export(model, path)
    other = build("masked_fusion", {}).eval()  # the seed has gone on
    assert compare(other, path, example(model, rows=3)) > 1e-2


def test_the_seeds_network_has_its_published_size():
    linear = [m for m in made("late_fusion", {}).modules() if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(992, 256), (256, 64), (64, 5)]
    kinds = [type(m).__name__ for m in made("late_fusion", {}).embed]
    assert kinds == ["Linear", "LayerNorm", "GELU", "Dropout", "Linear", "GELU"]


def test_an_unknown_setting_of_an_architecture_is_refused():
    with pytest.raises(ValidationError):
        build("masked_fusion", {"layers": 9})


@pytest.mark.parametrize("modality", inputs.MODALITIES)
def test_what_a_missing_row_holds_changes_nothing(modality):
    model = made("masked_fusion", {})
    batch = changed(example(model, rows=4), model, modality + "_present", torch.zeros(4, 1))
    noise = torch.full((4, inputs.WIDTHS[modality]), torch.nan)
    assert torch.equal(model(*batch)[0], model(*changed(batch, model, modality, noise))[0])


@pytest.mark.parametrize("modality", inputs.MODALITIES)
def test_a_modality_that_is_there_changes_the_answer(modality):
    model = made("masked_fusion", {})
    batch = changed(example(model, rows=4), model, modality + "_present", torch.ones(4, 1))
    without = changed(batch, model, modality + "_present", torch.zeros(4, 1))
    assert not torch.allclose(model(*batch)[0], model(*without)[0], atol=1e-4)


def test_a_row_without_any_modality_still_has_an_answer():
    model = made("masked_fusion", {})
    batch = example(model, rows=2)
    for modality in inputs.MODALITIES:
        batch = changed(batch, model, modality + "_present", torch.zeros(2, 1))
    assert torch.isfinite(model(*batch)[0]).all()


def test_modality_dropout_never_takes_the_last_one():
    torch.manual_seed(0)
    present = torch.tensor([[True, True, True], [False, True, False]]).repeat(500, 1)
    kept = dropped(present, 0.5)
    assert kept.any(dim=1).all()
    assert 0.5 < kept[::2].float().mean().item() < 0.75  # 1/2, and the eighth that kept all
    assert torch.equal(kept[1::2], present[1::2])


def test_a_missing_row_lets_no_gradient_of_nan_through():
    model = made("masked_fusion", {}).train()
    batch = changed(example(model, rows=3), model, "pose_present", torch.zeros(3, 1))
    batch = changed(batch, model, "pose", torch.full((3, 32), torch.nan))
    model(*batch)[0].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(("arch", "config"), SEQUENCES)
def test_the_sequences_logits_are_the_mean_of_its_frames(arch, config):
    model = made(arch, config)
    logits, _, each = model(*example(model, rows=2))
    assert torch.allclose(logits, each.mean(dim=1), atol=1e-5)


@pytest.mark.parametrize(("arch", "config"), SEQUENCES)
def test_the_order_of_faces_matters(arch, config):
    model = made(arch, config)
    (faces,) = example(model, rows=2)
    assert not torch.allclose(model(faces)[0], model(faces.flip(1))[0], atol=1e-6)


@pytest.mark.parametrize("config", [{"hidden": 8}, {**LIGHT.model_dump(), "hidden": 8}])
def test_pictures_go_through_the_backbone_one_by_one(config):
    model = made("face_sequence", config)
    logits, embedding, each = model(torch.randn(1, 16, 3, 32, 32))
    assert (logits.shape, embedding.shape, each.shape) == ((1, 5), (1, 16), (1, 16, 5))


def test_backbones_have_torchvisions_key_names():
    small = MobileNetV3Small().state_dict()
    assert small["features.1.block.1.fc1.weight"].shape == (8, 16, 1, 1)
    assert small["features.12.0.weight"].shape == (576, 96, 1, 1)
    convolutions = [k for k, v in Vgg19().state_dict().items() if v.ndim == 4]
    assert len(convolutions) == 16
    assert convolutions[-1] == "features.34.weight"


def test_what_networks_read_is_what_the_encoders_give():
    assert inputs.WIDTHS["vision"] == encode.vision.WIDTH
    assert inputs.WIDTHS["audio"] == encode.whisper.SUMMARY
    assert inputs.SEED_WIDTHS["audio"] == encode.whisper.WIDTH
    assert inputs.WIDTHS["pose"] == encode_stage.POSE_WIDTH


@pytest.mark.real
def test_published_weights_give_the_vision_encoders_numbers(shared_folder):
    import numpy as np

    stored = torch.load(shared_folder / "weights/mobilenet_v3_small_features.pt", weights_only=True)
    model = MobileNetV3Small().eval()
    model.load_state_dict({"features." + k.removeprefix("0."): v for k, v in stored.items()})
    pictures = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    graph = shared_folder / "weights/mobilenet_v3_small_features.onnx"
    encoder = encode.VisionEncoder(OnnxNetwork(graph, threads=1), "mobilenet")
    scaled = (pictures.astype(np.float32) - encode.vision.MEAN) / encode.vision.STD
    with torch.inference_mode():
        ours = model(torch.from_numpy(scaled.transpose(0, 3, 1, 2))).numpy()
    assert np.abs(ours - encoder.encode(pictures)).max() < 1e-3


def test_the_seeds_network_reads_the_mean_of_the_sound_alone():
    model = made("late_fusion", {})
    batch = example(model, rows=3)
    other = batch[1].clone()
    other[:, inputs.SEED_WIDTHS["audio"] :] += 1
    assert torch.equal(model(*batch)[0], model(*changed(batch, model, "audio", other))[0])


def test_beside_silent_company_two_modalities_say_the_sum_of_what_each_says():
    model = made("masked_fusion", {})
    torch.nn.init.zeros_(model.classify.weight)
    torch.nn.init.zeros_(model.classify.bias)
    parts = dict(zip(model.inputs, example(model, rows=1), strict=True))
    parts["pose_present"] = torch.zeros(1, 1)
    sight = {**parts, "audio_present": torch.zeros(1, 1)}
    sound = {**parts, "vision_present": torch.zeros(1, 1)}
    with torch.inference_mode():
        both, one, other = (model(*p.values())[0] for p in (parts, sight, sound))
    assert torch.allclose(both, one + other, atol=1e-6)
    assert float(one.abs().max()) > 0.01


def test_a_network_begins_by_saying_what_its_experts_are_told_to_say():
    model = made("masked_fusion", {})
    parts = dict(zip(model.inputs, example(model, rows=2), strict=True))
    weights, bias = np.zeros((576, 5)), np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    weights[7, 3] = 12.0
    with torch.inference_mode():
        model.start(np.full(5, 0.25), {})
        assert model(*parts.values())[0].tolist() == [[0.25] * 5] * 2
        model.start(np.zeros(5), {0: (weights, bias)})
        said = model(*parts.values())[0]
    assert float(said[0, 3]) == pytest.approx(float(parts["vision"][0, 7]) * 12 / 576**0.5)
    assert said[0, :3].tolist() == [0, 1, 0]
    assert torch.count_nonzero(said[1]) == 0  # a row without sight


def test_experts_speak_in_training_as_they_will_in_service():
    """Were a modality dropped from them, the rest would learn to say what they say."""
    model = made("masked_fusion", {"modality_dropout": 0.99})
    model.start(np.zeros(5), {})
    with torch.no_grad():
        for expert in model.experts:
            torch.nn.init.ones_(expert.weight)
    parts = example(model, rows=8)
    expected = model(*parts)[0].detach()
    assert torch.equal(model.train()(*parts)[0], expected)
    assert torch.count_nonzero(expected) == expected.numel()
