"""Runs a network: ONNX Runtime on CPU, torch on a GPU. Knows arrays by name, no architecture."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:  # a CPU worker never imports it
    import torch

AT_ONCE = 2  # pieces of one clip's work, each in a thread: networks this small share none well
SLOWER = ["SkipLayerNormFusion"]  # five times as slow as what it joins (ONNX Runtime 1.31)

Array = NDArray[np.float32] | NDArray[np.uint8]
Arrays = Mapping[str, Array]


class Network(Protocol):
    """Something with named inputs and outputs; the first axis is the batch."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Return every output for a batch."""
        ...


class OnnxNetwork:
    """A graph on ONNX Runtime's CPU provider, fp32 or as it was quantised."""

    def __init__(self, graph: Path | bytes, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # as fast without, and 70 MB less in a worker
        options.log_severity_level = 3  # a file may declare batch 1 and run any
        source = graph if isinstance(graph, bytes) else str(graph)
        self.session = ort.InferenceSession(
            source, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER
        )
        self.inputs = tuple(i.name for i in self.session.get_inputs())
        self.outputs = tuple(o.name for o in self.session.get_outputs())

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Return every output for a batch."""
        found = self.session.run(self.outputs, {name: inputs[name] for name in self.inputs})
        return dict(zip(self.outputs, (np.asarray(f, np.float32) for f in found), strict=True))


def compute_alone() -> None:
    """Have OpenCV and BLAS compute in the thread that asks, in this whole process.

    Pictures of 160 px gain nothing from OpenCV's threads, and BLAS' own keep a core busy with
    waiting for some 30 ms after each product, while a network could have it.
    """
    cv2.setNumThreads(1)
    threadpool_limits(limits=1, user_api="blas")


class TorchNetwork:
    """A torch module on a device, on a GPU in bf16 or fp32; answers in fp32 (docs/bundles.md).

    `inputs` are the names of forward's arguments in order, `outputs` those of what it returns.
    `shapes`, one per input, are what it computes whatever it is given, filled up with zeros: a GPU
    prepares itself anew for every other shape, and in one shape a row's numbers don't depend on
    how many others came along.
    """

    def __init__(
        self,
        module: "torch.nn.Module",
        *,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        device: str,
        precision: str = "bf16",
        shapes: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        self.module = module.eval().to(device)
        self.inputs, self.outputs = inputs, outputs
        self.device, self.precision, self.shapes = device, precision, shapes

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """Return every output for a batch."""
        import torch

        rows = len(inputs[self.inputs[0]])
        with torch.inference_mode(), self._precision():
            found = self.module(*self._given(inputs))
        parts = found if isinstance(found, tuple) else (found,)
        arrays = (part[:rows].float().cpu().numpy() for part in parts)
        return dict(zip(self.outputs, arrays, strict=True))

    def _given(self, inputs: Arrays) -> "list[torch.Tensor]":
        import torch

        given = [torch.from_numpy(inputs[name]).to(self.device) for name in self.inputs]
        if not self.shapes:
            return given
        padded = [
            torch.zeros(shape, dtype=part.dtype, device=self.device)
            for shape, part in zip(self.shapes, given, strict=True)
        ]
        for whole, part in zip(padded, given, strict=True):
            whole[tuple(map(slice, part.shape))] = part
        return padded

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        import torch

        if self.device == "cpu" or self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.split(":")[0], torch.bfloat16)
