"""Writes a trained keypoint network as ONNX, its weights as 16-bit floats, with its card."""

import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper

from worker.pipeline.architectures.export import OPSET, ExportDiffers
from worker.training.pose.fit import Progress
from worker.training.pose.network import OUTPUTS, PICTURE_PX, KeypointNet
from worker.training.pose.score import Scores

MAX_DIFFERENCE = 0.05  # of a logit: the weights are rounded to 11 bits
SMALL = 256  # numbers; smaller arrays stay as they are


def export_network(net: KeypointNet, path: Path) -> float:
    """Write the graph with a free batch size; return the greatest difference of a logit.

    Raises ExportDiffers above MAX_DIFFERENCE.
    """
    net = net.cpu().eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own: what its exporter calls will go one day
        torch.onnx.export(
            net,
            (torch.rand(2, 3, PICTURE_PX, PICTURE_PX) * 255,),
            str(path),
            input_names=list(net.inputs),
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    onnx.save(halved(onnx.load(path)), path)
    difference = compare(net, path)
    if not difference <= MAX_DIFFERENCE:
        raise ExportDiffers(f"logits differ by {difference:.2g}")
    return difference


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large weights as float16 with a cast behind each; ONNX Runtime folds those at load."""
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weight)
        if values.size < SMALL:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    return model


def compare(net: KeypointNet, path: Path) -> float:
    """Return the greatest difference of a logit between the network and its file."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    made = torch.Generator().manual_seed(1)
    picture = torch.rand(3, 3, PICTURE_PX, PICTURE_PX, generator=made) * 255
    with torch.inference_mode():
        ours = net(picture)
    theirs = session.run(list(OUTPUTS), {net.inputs[0]: picture.numpy()})
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(ours, theirs, strict=True))


def write_card(path: Path, progress: Progress, scores: Scores, difference: float) -> None:
    """Write what the network learnt from and how right it is on held-out drawings."""
    card = {
        "training": {
            "data": "drawn animals only; no photograph, no pretrained weight",
            "seed": progress.seed,
            "drawn_samples": progress.batches,
            "learnt_samples": progress.samples,
            "seconds": round(progress.seconds),
            "loss": round(progress.loss, 3),
        },
        "held_out_drawings": asdict(scores),
        "export_difference": round(difference, 5),
    }
    path.write_text(json.dumps(card, indent=1) + "\n", "utf-8")
