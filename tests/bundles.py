"""Small learned bundles with seeded random weights: what they say means nothing."""

import functools
import json
import tempfile
from pathlib import Path

import numpy as np

from worker.pipeline.architectures.inputs import (
    MODALITIES,
    PRESENT,
    QUALITY,
    SEQUENCE_FRAMES,
    SPECIES,
    WIDTHS,
)
from worker.pipeline.bundles import write_manifest
from worker.pipeline.manifest import Manifest

CALIBRATION = {"calibrated": True, "temperature": {"*": 1.0}}
CONFIG = {
    "masked_fusion": {"width": 16, "hidden": 16},
    "late_fusion": {"modalities": ["vision", "audio"]},
    "face_sequence": {"backbone": "features", "over_time": "tcn", "hidden": 8},
}


def features_of(arch: str) -> list[dict]:
    """Describe a network's inputs."""
    if arch == "face_sequence":
        return [{"name": "face", "width": 576, "frames": SEQUENCE_FRAMES, "of": "pet"}]
    read = CONFIG[arch].get("modalities", MODALITIES)
    rows = [{"name": m, "width": WIDTHS[m]} for m in read]
    if arch == "late_fusion":
        return rows
    rows += [{"name": m + PRESENT, "width": 1} for m in MODALITIES]
    return [
        *rows,
        {"name": "quality", "width": len(QUALITY)},
        {"name": "species", "width": len(SPECIES)},
    ]


@functools.cache
def exported(arch: str) -> tuple[bytes, int]:
    """Export a network of seeded weights, its last layer five times as loud, once a run.

    Give the graph and the width of its embedding.
    """
    import torch

    from worker.pipeline.architectures.build import build
    from worker.pipeline.architectures.export import export

    torch.manual_seed(3)
    model = build(arch, CONFIG[arch])
    with torch.no_grad():
        model.classify.weight *= 5
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(model, path)
        return path.read_bytes(), model.classify.in_features


def make(folder: Path, arch: str = "masked_fusion", *, ood: bool = False, **changes) -> Path:
    """Write a bundle, its manifest changed as asked; give its folder."""
    graph, width = exported(arch)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(graph)
    files = {"model.onnx": "0" * 64}
    calibration = dict(changes.pop("calibration", CALIBRATION))
    if ood:
        np.savez(folder / "ood.npz", mean=np.zeros(width), precision=np.eye(width))
        files["ood.npz"] = "0" * 64
        calibration["ood"] = {"file": "ood.npz", "max_score": 1e-6}
    told = {
        "schema": 1, "name": "trial", "version": "1.0.0", "arch": arch, "decides": "alone",
        "species": ["dog", "cat"], "files": files, "weights": {"onnx": "model.onnx"},
        "features": features_of(arch), "config": CONFIG[arch], "calibration": calibration,
        "licences": {"code": "Apache-2.0", "weights": "Apache-2.0"},
    }  # fmt: skip
    write_manifest(folder, Manifest.model_validate(json.loads(json.dumps(told | changes))))
    return folder
