"""The registry of weight files, and the bundles that decide.

Looks files up and checks them; loads no network. A file is used only if its SHA-256 is known here.
"""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

BUILT_IN = Path(__file__).parent / "ethogram"


@dataclass(frozen=True, slots=True)
class AcceptedFile:
    """One file that the loader of its record reads, by content."""

    name: str
    sha256: str
    bytes: int
    origin: str


@dataclass(frozen=True, slots=True)
class WeightRecord:
    """What the product publishes about one network's weights."""

    name: str
    role: str
    url: str
    url_sha256: str  # of the official file; a prefix where its publisher states no more
    code_licence: str
    weights_licence: str
    takes: str
    gives: str
    files: tuple[AcceptedFile, ...]


RECORDS = (
    WeightRecord(
        name="yolox-nano",
        role="detector",
        url="https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx",
        url_sha256="",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        takes="BGR 0-255 float32 (1, 3, 416, 416), letterboxed with 114",
        gives="(1, 3549, 85) raw boxes, objectness and 80 COCO classes",
        files=(
            AcceptedFile(
                "yolox_nano.onnx",
                "e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd",
                3_678_356,
                "ONNX, batch 1",
            ),
        ),
    ),
    WeightRecord(
        name="yamnet",
        role="sound_tagger",
        url="https://storage.googleapis.com/mediapipe-models/audio_classifier/yamnet/float32/1/yamnet.tflite",
        url_sha256="",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        takes="mono 16 kHz float32, 15 600 samples",
        gives="(1, 521) AudioSet scores",
        files=(
            AcceptedFile(
                "yamnet.tflite",
                "2d6243b4753f2962ed0d849d8a4403703bd79cc58151a3e23fbb69a881abb157",
                4_083_102,
                "LiteRT with metadata",
            ),
        ),
    ),
    WeightRecord(
        name="mobilenet-v3-small",
        role="vision_encoder",
        url="https://download.pytorch.org/models/mobilenet_v3_small-047dcff4.pth",
        url_sha256="047dcff4",
        code_licence="BSD-3-Clause",
        weights_licence="BSD-3-Clause",
        takes="RGB float32 (n, 3, 224, 224), ImageNet-normalised",
        gives="(n, 576)",
        files=(
            AcceptedFile(
                "mobilenet_v3_small_features.onnx",
                "f4288158ae24fa8f3b78ee1b3c74cb7b73d98674bdea5a693d103ab742d39a98",
                3_882_620,
                "the same numbers without the classifier, batch norm folded",
            ),
        ),
    ),
    WeightRecord(
        name="whisper-tiny",
        role="audio_encoder",
        url="https://openaipublic.azureedge.net/main/whisper/models/65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9/tiny.pt",
        url_sha256="65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9",
        code_licence="MIT",
        weights_licence="MIT",
        takes="log-mel float32 (80, 2 n), 16 kHz, hop 10 ms",
        gives="(n, 384)",
        files=(
            AcceptedFile(
                "whisper_tiny_en_encoder.npz",
                "4db8ade3c15d352bd0b53e4c1fc82d5d6ed486dc6a59bf3a23c303e007bbb874",
                32_851_970,
                "encoder of tiny.en",
            ),
        ),
    ),
)


def record_for(role: str) -> WeightRecord:
    """Return the record of a role."""
    return next(r for r in RECORDS if r.role == role)


def find_weights(role: str, weights_dir: Path | None, cache_dir: Path) -> Path | None:
    """Return a role's verified weight file, looked up in `weights_dir`, then in the cache.

    None, with a line in the log, where it is missing or where its SHA-256 is not the known one.
    """
    places = [p for p in (weights_dir, cache_dir / "weights") if p is not None]
    for accepted in record_for(role).files:
        for place in places:
            path = place / accepted.name
            if path.is_file() and verified(path, accepted):
                return path
    log.info("weights_missing", role=role, looked_in=[str(p) for p in places])
    return None


def verified(path: Path, accepted: AcceptedFile) -> bool:
    """Tell whether a file is the accepted one; a wrong one is refused with a line in the log."""
    digest = sha256_of(path)
    if digest == accepted.sha256:
        return True
    log.error("weights_refused", path=str(path), sha256=digest, expected=accepted.sha256)
    return False


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A versioned directory that decides; `sha256` is over the names and contents of its files."""

    name: str
    version: str
    arch: str
    sha256: str
    directory: Path


@functools.cache
def load_bundle(directory: Path = BUILT_IN) -> Bundle:
    """Read a bundle's manifest and hash its files."""
    manifest = json.loads((directory / "manifest.json").read_text("utf-8"))
    digest = hashlib.sha256()
    for name in sorted(manifest["files"]):
        digest.update(name.encode() + b"\0" + (directory / name).read_bytes())
    digest.update((directory / "manifest.json").read_bytes())
    return Bundle(
        manifest["name"], manifest["version"], manifest["arch"], digest.hexdigest(), directory
    )
