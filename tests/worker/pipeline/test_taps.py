"""Maps cut out of the graph that encodes crops are those of the torch module."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from worker.pipeline.architectures.inputs import IMAGENET_DEVIATION, IMAGENET_MEAN, TAPS
from worker.pipeline.encode import convert
from worker.pipeline.extract.taps import GraphUnknown, Taps, tapped

torch = pytest.importorskip("torch", exc_type=ImportError)
from worker.pipeline.architectures.backbones import MobileNetV3Small  # noqa: E402

LAYERS = {"tap_4": 1, "tap_8": 3, "tap_16": 8, "tap_32": 12}  # of torchvision's `features`


def test_taps_give_the_modules_own_maps(tmp_path, noise):
    torch.manual_seed(3)
    module = MobileNetV3Small().eval()
    torch.save(module.state_dict(), tmp_path / "net.pth")
    convert.make_vision(tmp_path / "net.pth", tmp_path / "net.onnx")
    pictures = noise.integers(0, 256, (2, 3, 128, 96)).astype(np.float32)
    found = Taps(tmp_path / "net.onnx", 1).run({"pictures": pictures})
    assert list(found) == list(TAPS)
    expected = maps_of(module, pictures)
    for name, channels in TAPS.items():
        part = int(name.removeprefix("tap_"))
        assert found[name].shape == (2, channels, 128 // part, 96 // part)
        assert np.abs(found[name] - expected[LAYERS[name]]).max() < 1e-3


def maps_of(module, pictures):
    """Return what comes out of each layer, for pictures of RGB 0..255."""
    middle, spread = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    x, maps = (torch.from_numpy(pictures) / 255 - middle) / spread, []
    with torch.inference_mode():
        for layer in module.features:
            x = layer(x)
            maps.append(x.numpy())
    return maps


def test_another_network_has_no_taps():
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    with pytest.raises(GraphUnknown):
        tapped(onnx.helper.make_model(graph))


@pytest.mark.real
def test_the_given_graph_has_taps(shared_folder, noise):
    taps = Taps(shared_folder / "weights" / "mobilenet_v3_small_features.onnx", 1)
    found = taps.run({"pictures": noise.integers(0, 256, (1, 3, 128, 128)).astype(np.float32)})
    assert {name: maps.shape[1] for name, maps in found.items()} == TAPS
