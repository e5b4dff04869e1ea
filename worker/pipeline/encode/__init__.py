"""The second step: MobileNetV3-small on crops, Whisper-tiny on sound. Decides nothing."""

from worker.pipeline.encode.convert import kept_graph
from worker.pipeline.encode.loading import find_graph, load_encoders, prepare
from worker.pipeline.encode.stage import EncodeModels, Encoding, encode, load, save
from worker.pipeline.encode.vision import VisionEncoder
from worker.pipeline.encode.whisper import AudioEncoder

__all__ = [
    "AudioEncoder",
    "EncodeModels",
    "Encoding",
    "VisionEncoder",
    "encode",
    "find_graph",
    "kept_graph",
    "load",
    "load_encoders",
    "prepare",
    "save",
]
