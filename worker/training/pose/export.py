"""Writes a trained keypoint network as ONNX, computing in INT8, with its card."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from worker.pipeline.architectures.export import ExportDiffers, graph_of
from worker.pipeline.extract.pose import as_input
from worker.pipeline.runtime import Network
from worker.training.pose.fit import Progress
from worker.training.pose.network import OUTPUTS, KeypointNet
from worker.training.pose.quantise import Inputs, quantised
from worker.training.pose.score import Scores
from worker.training.pose.stream import BATCH

MAX_DIFFERENCE = 0.25  # of an output's deviation
AT_ONCE = 16


def export_network(
    net: KeypointNet, path: Path, drawn: NDArray[np.uint8], taps: Network | None = None
) -> float:
    """Write the graph with a free batch size, in INT8; return how far its answers are from fp32's.

    `drawn` pictures (n, 128, 128, 3): the first three quarters give the maps their ranges, the
    others are what is compared. Raises ExportDiffers above MAX_DIFFERENCE.
    """
    net = net.cpu().eval()
    batches = [inputs_of(drawn[at : at + AT_ONCE], taps) for at in range(0, len(drawn), AT_ONCE)]
    shown = max(1, len(batches) * 3 // 4)
    onnx.save(quantised(graph_in_fp32(net, batches[0]), batches[:shown]), path)
    difference = max(compare(net, path, batch) for batch in batches[shown:] or batches)
    if not difference <= MAX_DIFFERENCE:
        raise ExportDiffers(f"The graph's answers differ by {difference:.2g} of their deviation.")
    return difference


def inputs_of(drawn: NDArray[np.uint8], taps: Network | None) -> dict[str, NDArray[np.float32]]:
    """Return what a network reads of pictures (n, 128, 128, 3)."""
    picture = as_input(drawn)
    return {"picture": picture, **(taps.run({"pictures": picture}) if taps else {})}


def graph_in_fp32(net: KeypointNet, batch: Inputs) -> onnx.ModelProto:
    """Return the graph as it was trained."""
    each = {0: torch.export.Dim.DYNAMIC}
    free = (each, (each,) * (len(batch) - 1)) if len(batch) > 1 else (each,)
    given = tuple(torch.from_numpy(batch[name]) for name in net.inputs)
    return graph_of(net, given, free, net.inputs, OUTPUTS)


def compare(net: KeypointNet, path: Path, batch: Inputs) -> float:
    """Return the root mean square difference between a network and its file, as a share of the
    standard deviation of what the network says; of the output where that is greatest."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        ours = [o.numpy() for o in net(*(torch.from_numpy(batch[n]) for n in net.inputs))]
    theirs = session.run(list(OUTPUTS), dict(batch))
    return max(
        float(np.sqrt(np.square(a - b).mean()) / a.std()) for a, b in zip(ours, theirs, strict=True)
    )


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
