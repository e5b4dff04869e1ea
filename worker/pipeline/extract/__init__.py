"""The first step: decode, gate, locate, measure. Knows no state of mind and no weights registry."""

from worker.pipeline.extract.artifact import ArtifactInvalid
from worker.pipeline.extract.detect import Detector
from worker.pipeline.extract.stage import Extract, ExtractModels, extract, load, save
from worker.pipeline.extract.tag import SoundTagger, load_tagger

__all__ = [
    "ArtifactInvalid",
    "Detector",
    "Extract",
    "ExtractModels",
    "SoundTagger",
    "extract",
    "load",
    "load_tagger",
    "save",
]
