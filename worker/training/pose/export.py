"""Writes a trained keypoint network as ONNX, its weights as int8, with its card."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from worker.pipeline.architectures.export import ExportDiffers, graph_of
from worker.pipeline.architectures.inputs import TAPS
from worker.training.pose.fit import Progress
from worker.training.pose.network import HEAT_PX, OUTPUTS, PICTURE_PX, KeypointNet
from worker.training.pose.score import Scores
from worker.training.pose.stream import BATCH

MAX_DIFFERENCE = 0.25  # of a logit of noise: the weights are rounded to 8 bits
SMALL = 256  # numbers; smaller arrays stay as they are


def export_network(net: KeypointNet, path: Path) -> float:
    """Write the graph with a free batch size; return the greatest difference of a logit.

    Raises ExportDiffers above MAX_DIFFERENCE.
    """
    net = net.cpu().eval()
    batch = noise(net, 2)
    each = {0: torch.export.Dim.DYNAMIC}
    free = (each, (each,) * (len(batch) - 1)) if len(batch) > 1 else (each,)
    onnx.save(rounded(graph_of(net, batch, free, net.inputs, OUTPUTS)), path)
    difference = compare(net, path)
    if not difference <= MAX_DIFFERENCE:
        raise ExportDiffers(f"logits differ by {difference:.2g}")
    return difference


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large weights as int8 with a scale per output channel, a quarter of the bytes.

    Plain casts and products turn them back: ONNX Runtime folds those when it loads the file, so
    that running it costs nothing more.
    """
    restored: list[onnx.NodeProto] = []
    small: list[onnx.TensorProto] = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < SMALL or values.ndim < 2:
            small.append(weight)
            continue
        name, axes = weight.name, tuple(range(1, values.ndim))
        scale = np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-8) / 127
        whole = np.round(values / scale).astype(np.int8)
        small.append(numpy_helper.from_array(whole, f"{name}_int8"))
        small.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}_scale"))
        restored += [
            helper.make_node("Cast", [f"{name}_int8"], [f"{name}_cast"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name]),
        ]
    nodes = list(model.graph.node)
    for field, filled in ((model.graph.node, restored + nodes), (model.graph.initializer, small)):
        del field[:]
        field.extend(filled)
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    return model


def noise(net: KeypointNet, rows: int) -> tuple[Tensor, ...]:
    """Return noise for every input of a network."""
    made = torch.Generator().manual_seed(rows)
    picture = torch.rand(rows, 3, PICTURE_PX, PICTURE_PX, generator=made) * 255
    sides = (HEAT_PX, HEAT_PX // 2, HEAT_PX // 4, HEAT_PX // 8)
    shapes = [(rows, TAPS[n], s, s) for n, s in zip(net.inputs[1:], sides, strict=False)]
    return picture, *(torch.randn(*shape, generator=made) for shape in shapes)


def compare(net: KeypointNet, path: Path) -> float:
    """Return the greatest difference of a logit between the network and its file."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    batch = noise(net, 3)
    with torch.inference_mode():
        ours = net(*batch)
    fed = {name: given.numpy() for name, given in zip(net.inputs, batch, strict=True)}
    theirs = session.run(list(OUTPUTS), fed)
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(ours, theirs, strict=True))


def write_card(
    path: Path, progress: Progress, scores: Scores, difference: float, *, tapped: bool
) -> None:
    """Write what the network learnt from and how right it is on held-out drawings."""
    card = {
        "training": {
            "data": "drawn animals only; no photograph, no pretrained weight in it",
            "reads": "RGB and maps of MobileNetV3-small" if tapped else "RGB",
            "seed": progress.seed,
            "drawn_samples": progress.batches * BATCH,
            "learnt_samples": progress.samples,
            "seconds": round(progress.seconds),
            "loss": round(progress.loss, 3),
        },
        "held_out_drawings": asdict(scores),
        "export_difference": round(difference, 5),
    }
    path.write_text(json.dumps(card, indent=1) + "\n", "utf-8")
