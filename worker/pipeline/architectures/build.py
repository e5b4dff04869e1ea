"""From a manifest's `arch` and `config` to a network."""

from collections.abc import Mapping

import torch

from worker.pipeline.architectures.face_sequence import FaceSequence, FaceSequenceConfig
from worker.pipeline.architectures.late_fusion import LateFusion, LateFusionConfig
from worker.pipeline.architectures.masked_fusion import MaskedFusion, MaskedFusionConfig

Network = LateFusion | MaskedFusion | FaceSequence  # each says its `inputs` and `outputs`, in order


Config = LateFusionConfig | MaskedFusionConfig | FaceSequenceConfig
CONFIGS: dict[str, type[Config]] = {
    "late_fusion": LateFusionConfig,
    "masked_fusion": MaskedFusionConfig,
    "face_sequence": FaceSequenceConfig,
}


def configured(arch: str, config: Mapping[str, object]) -> Config:
    """Check an architecture's settings. Raises pydantic's ValidationError."""
    return CONFIGS[arch].model_validate(dict(config))


def build(arch: str, config: Mapping[str, object]) -> Network:
    """Make an untrained network; seed torch before for the same numbers again.

    Raises pydantic's ValidationError for a config that the architecture does not take.
    """
    match configured(arch, config):
        case LateFusionConfig() as found:
            return LateFusion(found)
        case MaskedFusionConfig() as found:
            return MaskedFusion(found)
        case found:
            return FaceSequence(found)


def inputs_of(arch: str, config: Mapping[str, object]) -> tuple[str, ...]:
    """Return what a network reads, without drawing its numbers."""
    with torch.device("meta"):
        return build(arch, config).inputs
