"""From a manifest's `arch` and `config` to a network."""

from collections.abc import Mapping

from worker.pipeline.architectures.face_sequence import FaceSequence, FaceSequenceConfig
from worker.pipeline.architectures.late_fusion import LateFusion, LateFusionConfig
from worker.pipeline.architectures.masked_fusion import MaskedFusion, MaskedFusionConfig

Network = LateFusion | MaskedFusion | FaceSequence  # each says its `inputs` and `outputs`, in order


def build(arch: str, config: Mapping[str, object]) -> Network:
    """Make an untrained network; seed torch before for the same numbers again.

    Raises pydantic's ValidationError for a config that the architecture does not take.
    """
    described = dict(config)
    if arch == "late_fusion":
        return LateFusion(LateFusionConfig.model_validate(described))
    if arch == "masked_fusion":
        return MaskedFusion(MaskedFusionConfig.model_validate(described))
    assert arch == "face_sequence"
    return FaceSequence(FaceSequenceConfig.model_validate(described))
