"""Makes the encoders from what is found: ONNX Runtime on CPU, torch on a CUDA device."""

from pathlib import Path

import structlog

from worker.pipeline import weights
from worker.pipeline.encode import convert
from worker.pipeline.encode.batching import Batched
from worker.pipeline.encode.mel import N_MELS
from worker.pipeline.encode.stage import EncodeModels
from worker.pipeline.encode.vision import VisionEncoder
from worker.pipeline.encode.whisper import LOOK_AROUND, WIDTH, AudioEncoder
from worker.pipeline.extract.crop import CROP_PX
from worker.pipeline.runtime import AT_ONCE, OnnxNetwork, TorchNetwork, compute_alone
from worker.pipeline.weights import Found

CPU = "cpu"
TORCH_READS = {"vision_encoder": (".pt", ".pth"), "audio_encoder": (".npz", ".pt")}
MOST_PICTURES, MOST_SOUNDS = 64, 16  # in one batch on a GPU

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
    places, device, each = (weights_dir, cache_dir), usable(device), max(1, threads // AT_ONCE)
    if found := for_torch("vision_encoder", *places, device):
        vision: VisionEncoder | None = vision_on(device, found)
    elif found := find_graph("vision_encoder", *places):
        vision = VisionEncoder(OnnxNetwork(found.path, each), found.file.weights)
    else:
        vision = None
    if found := for_torch("audio_encoder", *places, device):
        audio: AudioEncoder | None = audio_on(device, found, precision)
    elif found := find_graph("audio_encoder", *places):
        audio = AudioEncoder(OnnxNetwork(found.path, each), found.file.weights)
    else:
        audio = None
    return EncodeModels(vision, audio)


def for_torch(role: str, weights_dir: Path | None, cache_dir: Path, device: str) -> Found | None:
    """Return a role's file for torch; None on a CPU, and with a word in the log if none is one."""
    if device == CPU:
        return None
    found = weights.find(role, weights_dir, cache_dir, suffixes=TORCH_READS[role])
    if found is None:
        log.warning("device_unused", role=role, device=device, why="no weights that torch reads")
    return found


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


def vision_on(device: str, found: Found) -> VisionEncoder:
    """Load MobileNetV3-small into torch on a device; callers in threads share its batches."""
    import torch

    from worker.pipeline.encode.vision_torch import FromPixels

    torch.backends.cudnn.allow_tf32 = False  # else cuDNN keeps ten bits of fp32's mantissa
    network = TorchNetwork(
        FromPixels(convert.vision_module(found.path)),
        inputs=("pictures",),
        outputs=("features",),
        device=device,
        precision="fp32",
        shapes=((MOST_PICTURES, CROP_PX, CROP_PX, 3),),
    )
    shared = Batched(network, most=MOST_PICTURES)
    return VisionEncoder(shared, found.file.weights, batch=MOST_PICTURES, normalises=True)


def audio_on(device: str, found: Found, precision: str = "bf16") -> AudioEncoder:
    """Load Whisper's encoder into torch on a device; callers in threads share its batches."""
    network = TorchNetwork(
        convert.audio_module(found.path),
        inputs=("mel", "positions"),
        outputs=("frames",),
        device=device,
        precision=precision,
        shapes=((MOST_SOUNDS, N_MELS, 2 * LOOK_AROUND), (MOST_SOUNDS, LOOK_AROUND, WIDTH)),
    )
    return AudioEncoder(Batched(network, most=MOST_SOUNDS), found.file.weights)


def usable(device: str) -> str:
    """Return the device, or `cpu` with a word in the log where it cannot be used."""
    if device == CPU:
        return CPU
    try:
        import torch
    except (ImportError, OSError) as error:  # not installed, or a build for a GPU that is not here
        log.warning("device_missing", device=device, instead=CPU, why=str(error))
        return CPU
    if device.startswith("cuda") and not torch.cuda.is_available():
        log.warning("device_missing", device=device, instead=CPU, why="no CUDA device")
        return CPU
    return device
