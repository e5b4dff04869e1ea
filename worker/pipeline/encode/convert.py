"""Turns weight files, once, into the graphs that ONNX Runtime serves; keeps them in the cache.

A graph is named by the file that it was made from and stands beside a receipt with its own SHA-256,
so the file itself may go once its graph is there.
"""

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog
from numpy.typing import NDArray

from worker.pipeline.weights import Found, WeightFile, record_for, sha256_of

if TYPE_CHECKING:  # a CPU worker imports it only to convert a file
    import torch

Tensors = Mapping[str, NDArray[np.float32]]

FORM = {"vision_encoder": "fp32", "audio_encoder": "int8"}
GRAPH_VERSION = "4"  # of what the code below makes of a file
HEAD_WIDTH = 64  # of every Whisper model
OPSET = 20

log = structlog.get_logger(__name__)


def graph_of(role: str, found: Found, cache_dir: Path) -> Path:
    """Return the graph of a weight file, made now if the cache has none."""
    if found.path.suffix == ".onnx":
        return found.path
    path = graph_path(role, found.file, cache_dir)
    if not is_whole(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            made = Path(scratch) / path.name
            MAKE[role](found.path, made)
            receipt_of(path).write_text(json.dumps({"sha256": sha256_of(made)}))
            os.replace(made, path)
    return path


def kept_graph(role: str, cache_dir: Path) -> Found | None:
    """Return a whole graph in the cache, made from a file that need no longer be there."""
    for file in record_for(role).files:
        path = graph_path(role, file, cache_dir)
        if is_whole(path):
            return Found(path, file)
    return None


def graph_path(role: str, file: WeightFile, cache_dir: Path) -> Path:
    """Name the graph of a weight file."""
    name = f"{file.weights}-{file.sha256[:16]}-{FORM.get(role, 'none')}-v{GRAPH_VERSION}.onnx"
    return cache_dir / "graphs" / name


def receipt_of(path: Path) -> Path:
    """Name a graph's receipt."""
    return path.with_suffix(".json")


def is_whole(path: Path) -> bool:
    """Tell whether a graph is there and is what was made; a damaged one is said in the log."""
    try:
        expected = json.loads(receipt_of(path).read_text())["sha256"]
    except (OSError, ValueError, KeyError):
        return False
    if not path.is_file():
        return False
    if sha256_of(path) == expected:
        return True
    log.error("graph_damaged", path=str(path))
    return False


def make_vision(source: Path, path: Path) -> None:
    """Write MobileNetV3-small as ONNX with a free batch size, in full precision."""
    import torch

    module = vision_module(source)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it asks for torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own: what its exporter calls will go one day
        torch.onnx.export(
            module,
            (torch.zeros(2, 3, 224, 224),),
            str(path),
            input_names=["pictures"],
            output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def vision_module(source: Path) -> "torch.nn.Module":
    """Load MobileNetV3-small from torchvision's file, or from one without its classifier."""
    from worker.pipeline.architectures.backbones import MobileNetV3Small

    module = MobileNetV3Small()
    module.load_state_dict(convolutions(source), strict=True)
    return module.eval()


def convolutions(source: Path) -> "dict[str, torch.Tensor]":
    """Read the part of a file of torchvision's that makes features, in full precision."""
    import torch

    state = torch.load(source, map_location="cpu", weights_only=True)
    named = {  # a bare nn.Sequential has numbered its layers: 0 was `features`
        "features." + k.removeprefix("0.") if k.startswith("0.") else k: v for k, v in state.items()
    }
    return {k: v.float() for k, v in named.items() if k.startswith("features.")}


def make_audio(source: Path, path: Path) -> None:
    """Write Whisper's encoder as ONNX; its MatMuls in INT8, per channel (docs/bundles.md).

    All but the first one, which reads the spectrogram and loses the most by it.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from worker.pipeline.encode.whisper_graph import encoder_graph

    tensors = audio_tensors(source)
    layers, heads = shape_of(tensors)
    quantize_dynamic(
        encoder_graph(tensors, layers, heads),
        str(path),
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=["conv1.product"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


def audio_tensors(source: Path) -> Tensors:
    """Read the encoder's tensors from openai-whisper's checkpoint or from an archive of them."""
    if source.suffix == ".npz":
        with np.load(source, allow_pickle=False) as stored:
            return {name: stored[name].astype(np.float32) for name in stored.files}
    import torch

    state = torch.load(source, map_location="cpu", weights_only=True)["model_state_dict"]
    mine = {k.removeprefix("encoder."): v for k, v in state.items() if k.startswith("encoder.")}
    return {name: tensor.float().numpy() for name, tensor in mine.items()}


def audio_module(source: Path) -> "torch.nn.Module":
    """Load Whisper's encoder into torch."""
    import torch

    from worker.pipeline.encode.whisper_torch import WhisperEncoder

    tensors = audio_tensors(source)
    layers, heads = shape_of(tensors)
    module = WhisperEncoder(tensors["ln_post.weight"].shape[0], heads, layers)
    given = {n: torch.from_numpy(t) for n, t in tensors.items() if n != "positional_embedding"}
    module.load_state_dict(given, strict=True)
    return module.eval()


def shape_of(tensors: Tensors) -> tuple[int, int]:
    """Return layers and heads."""
    layers = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    return layers, tensors["ln_post.weight"].shape[0] // HEAD_WIDTH


MAKE: dict[str, Callable[[Path, Path], None]] = {
    "vision_encoder": make_vision,
    "audio_encoder": make_audio,
}
