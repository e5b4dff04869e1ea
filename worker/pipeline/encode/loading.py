"""Makes the encoders from what is found: ONNX Runtime on CPU, torch on a CUDA device."""

from importlib.util import find_spec
from pathlib import Path

import structlog

from worker.pipeline import weights
from worker.pipeline.encode import convert
from worker.pipeline.encode.batching import Batched
from worker.pipeline.encode.stage import EncodeModels
from worker.pipeline.encode.vision import BATCH, VisionEncoder
from worker.pipeline.encode.whisper import AudioEncoder
from worker.pipeline.runtime import AT_ONCE, Network, OnnxNetwork, TorchNetwork, compute_alone
from worker.pipeline.weights import Found

CPU = "cpu"
TORCH_READS = {"vision_encoder": (".pt", ".pth"), "audio_encoder": (".npz", ".pt")}
MOST_PICTURES, MOST_SOUNDS = 256, 16  # in one batch on a GPU

log = structlog.get_logger(__name__)


def load_encoders(
    weights_dir: Path | None,
    cache_dir: Path,
    threads: int,
    *,
    device: str = CPU,
    precision: str = "bf16",
) -> EncodeModels:
    """Load every encoder whose weights are found, on a device; on CPU where that is not there."""
    compute_alone()
    made = {
        role: network_for(role, weights_dir, cache_dir, threads, usable(device), precision)
        for role in ("vision_encoder", "audio_encoder")
    }
    vision, audio = made["vision_encoder"], made["audio_encoder"]
    return EncodeModels(
        vision=VisionEncoder(vision[0], vision[1], batch=vision[2]) if vision else None,
        audio=AudioEncoder(audio[0], audio[1]) if audio else None,
    )


def network_for(
    role: str,
    weights_dir: Path | None,
    cache_dir: Path,
    threads: int,
    device: str,
    precision: str,
) -> tuple[Network, str, int] | None:
    """Return a role's network, the name of its numbers, and how many pictures it takes at once."""
    if device != CPU:
        found = weights.find(role, weights_dir, cache_dir, suffixes=TORCH_READS[role])
        if found is not None:
            return on_device(role, found, device, precision)
        log.warning("device_unused", role=role, device=device, why="no weights that torch reads")
    graph = find_graph(role, weights_dir, cache_dir)
    if graph is None:
        return None
    network = OnnxNetwork(graph.path, max(1, threads // AT_ONCE))
    return network, graph.file.weights, BATCH


def find_graph(role: str, weights_dir: Path | None, cache_dir: Path) -> Found | None:
    """Return a role's graph: of the given file, of a pulled one, or the one kept of it."""
    found = weights.find(role, weights_dir, cache_dir)
    if found is None:
        return convert.kept_graph(role, cache_dir)
    return Found(convert.graph_of(role, found, cache_dir), found.file)


def prepare(role: str, found: Found, cache_dir: Path) -> bool:
    """Make a pulled file's graph now; tell whether that graph serves a CPU in its place."""
    if role not in convert.MAKE or found.path.suffix == ".onnx":
        return False
    convert.graph_of(role, found, cache_dir)
    return True


def on_device(
    role: str, found: Found, device: str, precision: str = "bf16"
) -> tuple[Network, str, int]:
    """Return a role's torch network on a device; callers in several threads share its batches."""
    if role == "vision_encoder":
        network = TorchNetwork(
            convert.vision_module(found.path),
            inputs=("pictures",),
            outputs=("features",),
            device=device,
            precision=precision,
        )
        return Batched(network, most=MOST_PICTURES), found.file.weights, MOST_PICTURES
    network = TorchNetwork(
        convert.audio_module(found.path),
        inputs=("mel", "positions"),
        outputs=("frames",),
        device=device,
        precision=precision,
    )
    return Batched(network, most=MOST_SOUNDS), found.file.weights, MOST_SOUNDS


def usable(device: str) -> str:
    """Return the device, or `cpu` with a word in the log where it cannot be used."""
    if device == CPU:
        return CPU
    if find_spec("torch") is None:
        log.warning("device_missing", device=device, instead=CPU, why="torch is not installed")
        return CPU
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        log.warning("device_missing", device=device, instead=CPU, why="no CUDA device")
        return CPU
    return device
