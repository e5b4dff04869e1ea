"""Writes a network as ONNX and proves that both give the same numbers."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from shared.errors import TailTrendError
from worker.pipeline.architectures.build import Network
from worker.pipeline.architectures.face_sequence import FaceSequence
from worker.pipeline.architectures.inputs import (
    LOGITS,
    PICTURE_PX,
    PRESENT,
    QUALITY,
    SEQUENCE_FRAMES,
    SPECIES,
    WIDTHS,
)
from worker.pipeline.architectures.late_fusion import LateFusion

OPSET = 20
LOUD = {
    "torch.onnx": logging.ERROR,  # it asks for torchvision
    "onnxscript": logging.WARNING,  # a line for each thing that its optimiser finds or does not
    "onnx_ir": logging.WARNING,
}
MAX_DIFFERENCE = 1e-4  # of a logit, between torch and ONNX Runtime, fp32 on CPU
COLUMNS = {**WIDTHS, **{m + PRESENT: 1 for m in WIDTHS}, "quality": len(QUALITY),
           "species": len(SPECIES)}  # fmt: skip


class ExportDiffers(TailTrendError):
    """The exported network gives other numbers than the one it was made from."""

    code = "export_differs"


def export(model: Network, path: Path) -> float:
    """Write one of our networks to `path` as ONNX with a free batch size, and compare the two.

    Returns the greatest difference of a logit. Raises ExportDiffers above MAX_DIFFERENCE.
    """
    model.cpu().eval()
    batch = example(model, rows=2)
    free = tuple({0: torch.export.Dim.DYNAMIC} for _ in batch)
    shapes = (free,) if isinstance(model, LateFusion) else free
    onnx.save(graph_of(model, batch, shapes, model.inputs, model.outputs), path)
    difference = max(compare(model, path, example(model, rows=n)) for n in (1, 3))
    if not difference <= MAX_DIFFERENCE:
        raise ExportDiffers(f"The graph's logits differ by {difference:.2g}.")
    return difference


def graph_of(
    model: nn.Module,
    batch: tuple[Tensor, ...],
    dynamic_shapes: tuple[object, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> onnx.ModelProto:
    """Return a torch module as a graph that says nothing of the machine that made it."""
    for name, level in LOUD.items():
        logging.getLogger(name).setLevel(level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own: what its exporter calls will go one day
        program = torch.onnx.export(
            model,
            batch,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=dynamic_shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    forget_where(graph)
    return graph


def forget_where(model: onnx.ModelProto) -> None:
    """Drop what torch notes of the machine: stack traces with its paths, on every node."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")


def compare(model: Network, path: Path, batch: tuple[Tensor, ...]) -> float:
    """Return the greatest difference of a logit between a network and its ONNX file."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = {n: t.numpy() for n, t in zip(model.inputs, batch, strict=True)}
    with torch.inference_mode():
        ours = model(*batch)[0].numpy()
    return float(np.abs(session.run([LOGITS], feed)[0] - ours).max())


def example(model: Network, rows: int) -> tuple[Tensor, ...]:
    """Return noise for a network; in each row after the first a modality is missing."""
    made = torch.Generator().manual_seed(rows)
    if isinstance(model, FaceSequence):
        one = (3, PICTURE_PX, PICTURE_PX) if model.looks else (WIDTHS["vision"],)
        return (torch.randn(rows, SEQUENCE_FRAMES, *one, generator=made),)
    parts = {name: torch.randn(rows, COLUMNS[name], generator=made) for name in model.inputs}
    for i, name in enumerate(n for n in parts if n.endswith(PRESENT)):
        parts[name] = torch.ones(rows, 1)
        parts[name][1 + i :: len(WIDTHS)] = 0.0
    return tuple(parts.values())
