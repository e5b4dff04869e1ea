"""The registry of weight files: what the product publishes about each, and where one is found.

Looks files up and checks them; loads no network. A file is used only if its SHA-256 is known here.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file that the loader of its record reads, by content.

    `weights` names the numbers: two files of one name give the same features. Only an official file
    has `urls`, all of the same content, tried in order.
    """

    name: str
    weights: str
    sha256: str
    bytes: int
    origin: str
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightRecord:
    """What the product publishes about one network's weights; `files` in order of preference.

    `by_name_only`: fetched where its name is given, as it costs more than it mostly gains.
    """

    name: str
    role: str
    adds: str  # what an owner gains by it
    code_licence: str
    weights_licence: str
    takes: str
    gives: str
    files: tuple[WeightFile, ...]
    by_name_only: bool = False

    @property
    def official(self) -> WeightFile:
        """The file that `tailtrend models pull` fetches."""
        return next(f for f in self.files if f.urls)


RECORDS = (
    WeightRecord(
        name="yolox-nano",
        role="detector",
        adds="checks that a cat or dog is there, and crops to it",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        takes="BGR 0-255 float32 (1, 3, 416, 416), letterboxed with 114",
        gives="(1, 3549, 85) raw boxes, objectness and 80 COCO classes",
        files=(
            WeightFile(
                "yolox_nano.onnx",
                "yolox-nano",
                "e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd",
                3_678_356,
                "ONNX, batch 1",
            ),
            WeightFile(
                "yolox_nano.onnx",
                "yolox-nano",
                "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
                3_659_407,
                "release 0.1.1rc0",
                (
                    "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx",
                ),
            ),
        ),
    ),
    WeightRecord(
        name="efficientdet-lite0",
        role="second_detector",
        adds="looks again, through MediaPipe, where the first detector sees neither dog nor cat",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        takes="RGB 0-255 uint8 (1, 320, 320, 3)",
        gives="boxes, COCO classes and scores of up to 25 things",
        by_name_only=True,
        files=(
            WeightFile(
                "efficientdet_lite0.tflite",
                "efficientdet-lite0",
                "0720bf247bd76e6594ea28fa9c6f7c5242be774818997dbbeffc4da460c723bb",
                4_602_795,
                "MediaPipe's own, int8, version 1",
                (
                    "https://storage.googleapis.com/mediapipe-models/object_detector/efficientdet_lite0/int8/1/efficientdet_lite0.tflite",
                ),
            ),
        ),
    ),
    WeightRecord(
        name="dlib-dog-head",
        role="head_detector",
        adds="finds the face for learned bundles that read it: dogs, and some cats",
        code_licence="BSL-1.0",
        weights_licence="CC0-1.0 by dlib-models; none in its own repository",
        takes="RGB uint8 (h, w, 3), any size; faces from 80 px",
        gives="boxes of faces with a score, 0 where training drew the line",
        files=(
            WeightFile(
                "dlib_dog_head.dat",
                "dlib-dog-head",
                "578100645954228f2ddbb8ce9885625cba92e73ebc4773836c14048b9da3e461",
                726_098,
                "the official file under another name",
            ),
            WeightFile(
                "dogHeadDetector.dat",
                "dlib-dog-head",
                "578100645954228f2ddbb8ce9885625cba92e73ebc4773836c14048b9da3e461",
                726_098,
                "kairess/dog_face_detector, from tureckova/Doggie-smile; dlib's serialisation",
                (
                    "https://raw.githubusercontent.com/kairess/dog_face_detector/b911cacc5e695c6f8f3a43dda63be103a05f331e/dogHeadDetector.dat",
                ),
            ),
        ),
    ),
    WeightRecord(
        name="yamnet",
        role="sound_tagger",
        adds="names barks, whines, meows and purrs, and tells speech and music apart",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        takes="mono 16 kHz float32, 15 600 samples",
        gives="(1, 521) AudioSet scores",
        files=(
            WeightFile(
                "yamnet.tflite",
                "yamnet",
                "2d6243b4753f2962ed0d849d8a4403703bd79cc58151a3e23fbb69a881abb157",
                4_083_102,
                "LiteRT with metadata",
            ),
            WeightFile(
                "yamnet.tflite",
                "yamnet",
                "10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de",
                4_126_810,
                "MediaPipe's own, as its external_files.bzl pins it",
                (
                    "https://storage.googleapis.com/mediapipe-assets/tasks/testdata/audio/yamnet_audio_classifier_with_metadata.tflite?generation=1782183748090824",
                    "https://storage.googleapis.com/mediapipe-assets/yamnet_audio_classifier_with_metadata.tflite?generation=1661875980774466",
                    "https://storage.googleapis.com/mediapipe-models/audio_classifier/yamnet/float32/1/yamnet.tflite",
                ),
            ),
        ),
    ),
    WeightRecord(
        name="mobilenet-v3-small",
        role="vision_encoder",
        adds="describes the pictures for learned bundles; the keypoint network sees better with it",
        code_licence="BSD-3-Clause",
        weights_licence="BSD-3-Clause",
        takes="RGB float32 (n, 3, 224, 224), ImageNet-normalised",
        gives="(n, 576)",
        files=(
            WeightFile(
                "mobilenet_v3_small_features.onnx",
                "mobilenet-v3-small",
                "f4288158ae24fa8f3b78ee1b3c74cb7b73d98674bdea5a693d103ab742d39a98",
                3_882_620,
                "without the classifier, batch norm folded",
            ),
            WeightFile(
                "mobilenet_v3_small_features.pt",
                "mobilenet-v3-small",
                "282d4d1d3f1887c0af9f9259f7e46133d6d7cb2a7a6110c6251a73b046de300d",
                3_836_475,
                "without the classifier, keys 0.N for features.N",
            ),
            WeightFile(
                "mobilenet_v3_small-047dcff4.pth",
                "mobilenet-v3-small",
                "047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
                10_306_551,
                "torchvision, IMAGENET1K_V1",
                ("https://download.pytorch.org/models/mobilenet_v3_small-047dcff4.pth",),
            ),
        ),
    ),
    WeightRecord(
        name="whisper-tiny",
        role="audio_encoder",
        adds="describes the sound for learned bundles",
        code_licence="MIT",
        weights_licence="MIT",
        takes="log-mel float32 (80, 2 n), 16 kHz, hop 10 ms",
        gives="(n, 384)",
        files=(
            WeightFile(
                "tiny.pt",
                "whisper-tiny",
                "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9",
                75_572_083,
                "openai/whisper, multilingual; its encoder is used",
                (
                    "https://openaipublic.azureedge.net/main/whisper/models/65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9/tiny.pt",
                ),
            ),
            WeightFile(
                "tiny.en.pt",
                "whisper-tiny.en",
                "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
                75_571_315,
                "openai/whisper, English; its encoder is used",
            ),
            WeightFile(
                "whisper_tiny_en_encoder.npz",
                "whisper-tiny.en",
                "4db8ade3c15d352bd0b53e4c1fc82d5d6ed486dc6a59bf3a23c303e007bbb874",
                32_851_970,
                "encoder of tiny.en",
            ),
        ),
    ),
)
ROLES = tuple(r.role for r in RECORDS)


@dataclass(frozen=True, slots=True)
class Found:
    """A verified weight file on this machine."""

    path: Path
    file: WeightFile


def record_for(role: str) -> WeightRecord:
    """Return the record of a role."""
    return next(r for r in RECORDS if r.role == role)


def places_of(weights_dir: Path | None, cache_dir: Path) -> list[Path]:
    """List the directories that are looked in: the given one, then the cache."""
    return [p for p in (weights_dir, cache_dir / "weights") if p is not None]


def find(
    role: str, weights_dir: Path | None, cache_dir: Path, *, suffixes: tuple[str, ...] = ()
) -> Found | None:
    """Return a role's verified file; with `suffixes`, only a form that the loader reads.

    None, with a line in the log, where its SHA-256 is not a known one or where it is missing,
    unless it is fetched by name only.
    """
    places = places_of(weights_dir, cache_dir)
    for path in candidates(role, places, suffixes):
        if found := recognised(role, path):
            return found
    if not record_for(role).by_name_only:
        log.info("weights_missing", role=role, looked_in=[str(p) for p in places])
    return None


def find_weights(role: str, weights_dir: Path | None, cache_dir: Path) -> Path | None:
    """Return the path of what `find` finds."""
    found = find(role, weights_dir, cache_dir)
    return found.path if found else None


def candidates(role: str, places: list[Path], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files that bear an accepted name, nearest place first."""
    names = dict.fromkeys(f.name for f in record_for(role).files)
    for place in places:
        for name in names:
            path = place / name
            if (not suffixes or path.suffix in suffixes) and path.is_file():
                yield path


def recognised(role: str, path: Path) -> Found | None:
    """Return what a file is by its content; an unknown one is refused with a line in the log."""
    digest = sha256_of(path)
    accepted = [f for f in record_for(role).files if f.name == path.name]
    for file in accepted:
        if digest == file.sha256:
            return Found(path, file)
    expected = [f.sha256 for f in accepted]
    log.error("weights_refused", path=str(path), sha256=digest, expected=expected)
    return None


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
