"""Whisper-tiny's audio encoder on ONNX Runtime: 384 numbers for the real seconds of sound.

The graph is built here from the checkpoint's tensors, quantised (MatMul weights only) and kept in
the cache. Positions are cut to the clip's length: no silence is encoded, and no silence dilutes.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from worker.pipeline.encode.mel import log_mel

WIDTH = 384
HEADS = 6
LAYERS = 4
MAX_POSITIONS = 1500  # 30 s
SAMPLES_PER_POSITION = 320
MIN_SAMPLES = 1600
GRAPH_VERSION = "1"


class AudioEncoder:
    """The encoder of Whisper tiny (Radford et al. 2022, arXiv 2212.04356), INT8 MatMuls."""

    def __init__(self, weights: Path, cache_dir: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        graph = cached_graph(weights, cache_dir)
        self.session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        with np.load(weights, allow_pickle=False) as tensors:
            self.positions = tensors["positional_embedding"].astype(np.float32)

    def encode(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean (384,) over the real frames of mono 16 kHz float samples."""
        chunk = MAX_POSITIONS * SAMPLES_PER_POSITION
        parts = [self.frames(samples[i : i + chunk]) for i in range(0, len(samples), chunk)]
        frames = np.concatenate([p for p in parts if len(p)])
        return np.asarray(frames.mean(axis=0), np.float32)

    def frames(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 384), one row per 20 ms; nothing for a rest below a tenth of a second."""
        if len(samples) < MIN_SAMPLES:
            return np.empty((0, WIDTH), np.float32)
        mel = log_mel(samples)[:, : 2 * MAX_POSITIONS]
        positions = self.positions[: (mel.shape[1] + 1) // 2]
        out = self.session.run(None, {"mel": mel[None], "positions": positions})[0][0]
        return np.asarray(out, np.float32)


def cached_graph(weights: Path, cache_dir: Path) -> Path:
    """Return the quantised graph of a weight file, building it once per content and version."""
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path = cache_dir / "graphs" / f"whisper-tiny-{digest[:16]}-int8-v{GRAPH_VERSION}.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        build(weights, path)
    return path


def build(weights: Path, path: Path) -> None:
    """Build and quantise the graph beside its place, then move it there in one step."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from worker.pipeline.encode.whisper_graph import encoder_graph

    with np.load(weights, allow_pickle=False) as stored:
        tensors = {name: stored[name] for name in stored.files}
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        quantised = Path(scratch) / path.name
        quantize_dynamic(
            encoder_graph(tensors, LAYERS, HEADS),
            str(quantised),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        os.replace(quantised, path)
