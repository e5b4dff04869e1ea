"""Loads the networks once per process and runs the three steps in order."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import structlog

from shared.memory import give_back
from worker.pipeline import bundles
from worker.pipeline.bundles import Bundle
from worker.pipeline.encode import EncodeModels, encode, find_graph, load_encoders
from worker.pipeline.extract import Detector, Extract, ExtractModels, extract, load_tagger
from worker.pipeline.extract.detect import PetDetector
from worker.pipeline.extract.efficientdet import EfficientDet, InTurn
from worker.pipeline.extract.given_pose import load_pose_network
from worker.pipeline.extract.mmod import MmodDetector
from worker.pipeline.extract.mmod_file import NetworkUnreadable, read_mmod
from worker.pipeline.extract.pose import PoseNetwork
from worker.pipeline.extract.taps import Taps
from worker.pipeline.fuse import Assessment, fuse
from worker.pipeline.runtime import AT_ONCE, compute_alone
from worker.pipeline.weights import find_weights, places_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Models:
    """Everything loaded: networks for the first two steps and the bundle that decides."""

    extract: ExtractModels
    encode: EncodeModels
    bundle: Bundle


def load_models(
    weights_dir: Path | None,
    cache_dir: Path,
    threads: int,
    *,
    bundle_dir: Path = bundles.BUILT_IN,
) -> Models:
    """Load every network whose weights are found, and a bundle; what is missing stays out.

    Raises BundleInvalid.
    """
    return Models(
        extract=load_extract_models(weights_dir, cache_dir, threads),
        encode=load_encoders(weights_dir, cache_dir, threads),
        bundle=bundles.load_bundle(bundle_dir),
    )


def load_extract_models(weights_dir: Path | None, cache_dir: Path, threads: int) -> ExtractModels:
    """Load only what the first step needs, for a process that runs nothing else."""
    compute_alone()
    tagger = find_weights("sound_tagger", weights_dir, cache_dir)
    each = max(1, threads // AT_ONCE)
    models = ExtractModels(
        detector=load_detector(weights_dir, cache_dir, each),
        tagger=load_tagger(tagger, each) if tagger else None,
        pose=load_pose(weights_dir, cache_dir, each),
        heads=load_heads(weights_dir, cache_dir, each),
    )
    give_back()
    return models


def load_detector(weights_dir: Path | None, cache_dir: Path, threads: int) -> PetDetector | None:
    """Load the detector, and the second one beside it, or in its place, where that was pulled."""
    path = find_weights("detector", weights_dir, cache_dir)
    first = Detector(path, threads) if path else None
    second = load_second(weights_dir, cache_dir)
    if first is None or second is None:
        return first or second
    return InTurn(first, second)


def load_second(weights_dir: Path | None, cache_dir: Path) -> EfficientDet | None:
    """Load the second detector; None where it was not pulled or MediaPipe cannot run."""
    path = find_weights("second_detector", weights_dir, cache_dir)
    try:
        return EfficientDet(path) if path else None
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        log.warning("second_detector_missing", why=str(error))
        return None


def load_heads(weights_dir: Path | None, cache_dir: Path, threads: int) -> MmodDetector | None:
    """Load the head detector; None where its file is missing, or none of its kind."""
    path = find_weights("head_detector", weights_dir, cache_dir)
    try:
        return MmodDetector(read_mmod(path), threads) if path else None
    except NetworkUnreadable as error:
        log.error("weights_refused", path=str(path), why=str(error))
        return None


def load_pose(weights_dir: Path | None, cache_dir: Path, threads: int) -> PoseNetwork | None:
    """Load a given keypoint network, or our own: with MobileNetV3's maps where its weights are."""
    taps = load_taps(weights_dir, cache_dir, threads)
    return load_pose_network(places_of(weights_dir, cache_dir), threads, taps)


def load_taps(weights_dir: Path | None, cache_dir: Path, threads: int) -> Taps | None:
    """Load what a tapped keypoint network reads; None where no graph is, nor one can be made."""
    try:
        graph = find_graph("vision_encoder", weights_dir, cache_dir)
    except ImportError as error:  # only a torch that loads turns MobileNetV3's file into a graph
        log.warning("taps_missing", why=str(error))
        return None
    return Taps(graph.path, threads) if graph else None


def analyze(
    path: Path,
    *,
    species: str,
    breed: str = "",
    models: Models,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> Assessment:
    """Run the three steps on one clip; progress is measured, 0..1.

    Raises what `extract` raises.
    """
    return analyze_all(path, species=species, breed=breed, models=models, on_progress=on_progress)[
        1
    ]


def analyze_all(
    path: Path,
    *,
    species: str,
    breed: str = "",
    models: Models,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[Extract, Assessment]:
    """Run the three steps on one clip; give what was measured as well. Raises as `analyze`."""
    started = perf_counter()
    faces = models.bundle.manifest.reads_faces
    extracted = extract(
        path,
        species=species,
        models=models.extract,
        faces=faces,
        on_progress=lambda f: on_progress(0.9 * f),
    )
    extracted_at = perf_counter()
    encoding = encode(extracted, models.encode, faces=faces)
    encoded_at = perf_counter()
    on_progress(0.97)
    assessment = fuse(extracted, encoding, models.bundle, species, breed)
    fused_at = perf_counter()
    on_progress(1.0)
    timings = {
        "extract": round(extracted_at - started, 4),
        "encode": round(encoded_at - extracted_at, 4),
        "fuse": round(fused_at - encoded_at, 4),
    }
    return extracted, dataclasses.replace(assessment, timings_s=timings)
