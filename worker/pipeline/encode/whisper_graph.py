"""Writes Whisper's audio encoder as an ONNX graph from its tensors; needs no torch."""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20  # the first with Gelu

Tensors = Mapping[str, NDArray[np.float32]]


def encoder_graph(tensors: Tensors, layers: int, heads: int) -> onnx.ModelProto:
    """Return the graph mel (1, 80, 2 n) + positions (1, n, d) -> frames (1, n, d).

    Source: openai/whisper, whisper/model.py, AudioEncoder.
    """
    writer = Writer(tensors)
    width = tensors["positional_embedding"].shape[1]
    x = writer.node("Transpose", ["mel"], perm=[0, 2, 1])
    x = writer.convolve(x, "conv1", stride=1)
    x = writer.convolve(x, "conv2", stride=2)
    x = writer.node("Add", [x, "positions"])
    for i in range(layers):
        x = writer.attend(x, f"blocks.{i}", heads, width // heads)
        x = writer.think(x, f"blocks.{i}")
    writer.node("LayerNormalization", [x, *writer.pair("ln_post")], out="frames", epsilon=1e-5)
    return writer.model(width)


class Writer:
    """Collects nodes and initialisers; each method returns the name of what it computes."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}

    def node(
        self,
        kind: str,
        inputs: list[str],
        out: str | None = None,
        **attributes: int | float | list[int],
    ) -> str:
        """Add a node."""
        name = out or f"{kind}_{len(self.nodes)}"
        node = helper.make_node(kind, inputs, [name], name)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self.nodes.append(node)
        return name

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add an initialiser."""
        self.initialisers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, name: str) -> str:
        """Add a tensor as it is."""
        return self.constant(name, self.tensors[name].astype(np.float32))

    def pair(self, name: str) -> list[str]:
        """Add a layer's weight and bias."""
        return [self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]

    def convolve(self, x: str, name: str, stride: int) -> str:
        """Add a convolution of three frames (1, n, d) and a GELU.

        As one product over each frame and its neighbours, which INT8 does four times as fast.
        """
        ends = self.constant("one_frame", np.array([0, 1, 0, 0, 1, 0], np.int64))
        padded = self.node("Pad", [x, ends])
        step = self.constant(f"step_{stride}", np.array([stride], np.int64))
        axis = self.constant("frames_axis", np.array([1], np.int64))
        seen = []
        for k, end in enumerate((-2, -1, np.iinfo(np.int64).max)):
            first = self.constant(f"from_{k}", np.array([k], np.int64))
            last = self.constant(f"to_{k}", np.array([end], np.int64))
            seen.append(self.node("Slice", [padded, first, last, axis, step]))
        kernel = self.tensors[f"{name}.weight"].astype(np.float32)  # (out, in, 3)
        matrix = kernel.transpose(2, 1, 0).reshape(-1, len(kernel))
        beside = self.node("Concat", seen, axis=2)
        mixed = [beside, self.constant(f"{name}.matrix", matrix)]
        x = self.node("MatMul", mixed, out=f"{name}.product")
        return self.node("Gelu", [self.node("Add", [x, self.weight(f"{name}.bias")])])

    def linear(self, x: str, name: str) -> str:
        """Add x W^T + b; the key projection has no b."""
        matrix = self.tensors[f"{name}.weight"].astype(np.float32).T
        x = self.node("MatMul", [x, self.constant(f"{name}.matrix", matrix)])
        if f"{name}.bias" not in self.tensors:
            return x
        return self.node("Add", [x, self.weight(f"{name}.bias")])

    def heads_of(self, x: str, heads: int, width: int, perm: list[int]) -> str:
        """Split (1, n, d) into heads and transpose."""
        shape = self.constant(f"shape_{heads}", np.array([1, -1, heads, width], np.int64))
        return self.node("Transpose", [self.node("Reshape", [x, shape])], perm=perm)

    def attend(self, x: str, block: str, heads: int, width: int) -> str:
        """Add the self-attention half of a block, with its residual."""
        normed = self.node("LayerNormalization", [x, *self.pair(f"{block}.attn_ln")], epsilon=1e-5)
        q = self.linear(normed, f"{block}.attn.query")
        k = self.linear(normed, f"{block}.attn.key")
        v = self.linear(normed, f"{block}.attn.value")
        q = self.heads_of(q, heads, width, [0, 2, 1, 3])  # (1, heads, n, width)
        k = self.heads_of(k, heads, width, [0, 2, 3, 1])  # (1, heads, width, n)
        v = self.heads_of(v, heads, width, [0, 2, 1, 3])
        scale = self.constant("scale", np.array(width**-0.5, np.float32))
        scores = self.node("Mul", [self.node("MatMul", [q, k]), scale])
        mixed = self.node("MatMul", [self.node("Softmax", [scores], axis=-1), v])
        mixed = self.node("Transpose", [mixed], perm=[0, 2, 1, 3])
        flat = self.constant("flat", np.array([1, -1, heads * width], np.int64))
        out = self.linear(self.node("Reshape", [mixed, flat]), f"{block}.attn.out")
        return self.node("Add", [x, out])

    def think(self, x: str, block: str) -> str:
        """Add the feed-forward half of a block, with its residual."""
        normed = self.node("LayerNormalization", [x, *self.pair(f"{block}.mlp_ln")], epsilon=1e-5)
        hidden = self.node("Gelu", [self.linear(normed, f"{block}.mlp.0")])
        return self.node("Add", [x, self.linear(hidden, f"{block}.mlp.2")])

    def model(self, width: int) -> onnx.ModelProto:
        """Return the checked model."""
        mel = helper.make_tensor_value_info("mel", TensorProto.FLOAT, [1, 80, "two_n"])
        places = helper.make_tensor_value_info("positions", TensorProto.FLOAT, [1, "n", width])
        frames = helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1, "n", width])
        graph = helper.make_graph(
            self.nodes, "whisper", [mel, places], [frames], list(self.initialisers.values())
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 10
        onnx.checker.check_model(model)
        return model
