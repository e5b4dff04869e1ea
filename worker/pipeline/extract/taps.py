"""Maps from inside MobileNetV3-small, cut out of the graph that encodes the pet's crops.

The keypoint network reads them beside its picture (docs/pose-card.md).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper

from worker.pipeline.architectures.inputs import IMAGENET_DEVIATION, IMAGENET_MEAN, TAPS
from worker.pipeline.runtime import Arrays, OnnxNetwork

SCALE = 1 / (255 * np.array(IMAGENET_DEVIATION, np.float32)[:, None, None])
MEANS = ("ReduceMean", "GlobalAveragePool")
SHIFT = (np.array(IMAGENET_MEAN) / IMAGENET_DEVIATION).astype(np.float32)[:, None, None]


class GraphUnknown(ValueError):
    """A graph is not MobileNetV3-small's."""


class Taps:
    """Gives the maps of TAPS for `pictures` (n, 3, h, w) float32, RGB in 0..255."""

    inputs: tuple[str, ...] = ("pictures",)
    outputs: tuple[str, ...] = tuple(TAPS)

    def __init__(self, graph: Path, threads: int) -> None:
        self.network = OnnxNetwork(tapped(onnx.load(graph)).SerializeToString(), threads)

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Return the four maps."""
        normal = np.asarray(inputs["pictures"] * SCALE - SHIFT, np.float32)
        maps = self.network.run({self.network.inputs[0]: normal})
        return {name: maps[own] for name, own in zip(TAPS, self.network.outputs, strict=True)}


def tapped(model: ModelProto) -> ModelProto:
    """Return the graph with the maps of TAPS as its outputs, for pictures of any size.

    Each map is what the block reads that halves it; the last is what the mean is taken of. Raises
    GraphUnknown.
    """
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    halving = [node for node in graph.node if halves(node)][1:]  # the first one reads the stem
    try:
        maps = [read_by(made_by, node.input[0], ("Conv",)) for node in halving]
        maps.append(read_by(made_by, graph.output[0].name, MEANS))
    except KeyError as error:
        raise GraphUnknown("a block has no convolution before it") from error
    if len(maps) != len(TAPS):
        raise GraphUnknown(f"{len(maps)} maps where MobileNetV3-small has {len(TAPS)}")
    del graph.output[:], graph.value_info[:]
    graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in maps
    )
    for axis, name in ((0, "n"), (2, "height"), (3, "width")):
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    return model


def halves(node: NodeProto) -> bool:
    """Tell whether a node is a depthwise convolution that halves its map."""
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return bool(
        node.op_type == "Conv"
        and given.get("group", 1) > 1
        and list(given.get("strides", ())) == [2, 2]
    )


def read_by(made_by: Mapping[str, NodeProto], name: str, kinds: Sequence[str]) -> str:
    """Return what the last node of some kinds on the way to an array reads. Raises KeyError."""
    node = made_by[name]
    while node.op_type not in kinds:
        node = made_by[node.input[0]]
    return str(node.input[0])
