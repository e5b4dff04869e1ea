"""A keypoint network that the owner gives (SuperAnimal, AP-10K, ...) in our own one's place.

`pose.json` in the weights' directory says what the file holds: its hash, how it wants pictures, and
which of its heat maps is which point. What it has no map for is not known, and nothing is claimed
of posture and ears.
"""

import hashlib
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker.pipeline.extract.keypoints import EARS, MASK_PX, NAMES, POINTS, POSTURES
from worker.pipeline.extract.pose import BUILT_IN, HEAT_PX, TAPPED, Outputs, PoseNetwork
from worker.pipeline.runtime import Network, OnnxNetwork

MANIFEST = "pose.json"
NEVER = 1e-9
Three = tuple[float, float, float]

log = structlog.get_logger(__name__)


class Schema(BaseModel):
    """What a given file is; `points` maps our names to the number of its heat map."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.onnx$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    licence: str
    input_px: Annotated[int, Field(ge=32, le=1024)] = 256
    mean: Three = (123.675, 116.28, 103.53)  # of RGB 0..255
    deviation: Three = (58.395, 57.12, 57.375)
    points: dict[str, Annotated[int, Field(ge=0)]]


class GivenPoseNetwork(PoseNetwork):
    """A given network: (n, 3, s, s) float32 in, heat maps (n, k, h, w) with peaks up to 1 out."""

    def __init__(self, path: Path, threads: int, schema: Schema) -> None:
        self.path, self.network, self.schema = path, OnnxNetwork(path, threads), schema
        self.made_by, self.mirrored = schema.name, False

    def run(self, cut: NDArray[np.uint8]) -> Outputs:
        """Return the outputs of our own network as far as this one gives them."""
        side = self.schema.input_px
        large = np.stack([cv2.resize(c, (side, side)) for c in cut]).astype(np.float32)
        normal = (large - self.schema.mean) / self.schema.deviation
        given = {self.network.inputs[0]: np.ascontiguousarray(normal.transpose(0, 3, 1, 2), "f4")}
        maps = self.network.run(given)[self.network.outputs[0]]
        heat = np.full((len(cut), POINTS, HEAT_PX, HEAT_PX), NEVER, np.float32)
        seen = np.zeros((len(cut), POINTS), np.float32)
        for name, k in self.schema.points.items():
            at = NAMES.index(name)
            seen[:, at] = np.clip(maps[:, k].max(axis=(1, 2)), 0, 1)
            heat[:, at] = np.stack([peaked(m, HEAT_PX) for m in maps[:, k]])
        n = len(cut)
        return {
            "heat": heat,
            "seen": seen,
            "mask": np.zeros((n, MASK_PX, MASK_PX), np.float32),
            "posture": np.zeros((n, len(POSTURES)), np.float32),
            "ears": np.zeros((n, len(EARS)), np.float32),
            "view": facing(heat, seen),
        }


def peaked(heat: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return one map at our size: its peak's height shared out around it, the rest everywhere."""
    positive = np.maximum(cv2.resize(heat, (side, side), interpolation=cv2.INTER_LINEAR), 0) ** 2
    peak = float(np.clip(heat.max(), 0, 1))
    shape = positive / max(float(positive.sum()), NEVER)
    return np.asarray(peak * shape + (1 - peak) / side**2, np.float32)


def facing(heat: NDArray[np.float32], seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Guess the view from where nose and tail base lie: far apart across means from the side."""
    ends = [NAMES.index("nose"), NAMES.index("tail_base")]
    columns = heat[:, ends].sum(axis=2).argmax(axis=2) / heat.shape[3]
    across = np.clip((columns[:, 0] - columns[:, 1]) / 0.6, -1, 1) * seen[:, ends].min(axis=1)
    return np.stack([across, np.zeros_like(across)], axis=1).astype(np.float32)


def load_pose_network(
    places: list[Path], threads: int, taps: Network | None = None
) -> PoseNetwork | None:
    """Return the first network that a place gives, else our own; None where that was left out.

    Our own reads the maps of `taps` where there are some. A manifest that is wrong, or a file that
    is not the one it names, is refused in the log.
    """
    for place in places:
        manifest = place / MANIFEST
        if manifest.is_file() and (found := given(manifest, threads)):
            return found
    if taps is not None and TAPPED.is_file():
        return PoseNetwork(TAPPED, threads, taps=taps)
    return PoseNetwork(threads=threads) if BUILT_IN.is_file() else None


def given(manifest: Path, threads: int) -> PoseNetwork | None:
    """Return the network that a manifest describes, None with a line in the log if it is not so."""
    try:
        schema = Schema.model_validate_json(manifest.read_text("utf-8"))
        path = manifest.parent / schema.file
        unknown = sorted(set(schema.points) - set(NAMES))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        log.error("pose_network_refused", manifest=str(manifest), why=str(error))
        return None
    if unknown or digest != schema.sha256:
        why = f"unknown points {unknown}" if unknown else f"its sha256 is {digest}"
        log.error("pose_network_refused", manifest=str(manifest), why=why)
        return None
    return GivenPoseNetwork(path, threads, schema)
