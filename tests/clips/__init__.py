"""Generated clips of a dog or a cat with known truth, for the demo, the tests and the benchmarks.

`render(spec, path)` writes one and returns its truth; `samples.SAMPLES` names ready-made specs.
"""

from .recording import frames, render, truth
from .samples import SAMPLES
from .spec import (
    Animal,
    Call,
    Camera,
    ClipSpec,
    Coat,
    Ears,
    Encoding,
    Motion,
    Picture,
    Scenery,
    Sound,
    Species,
    Track,
    VideoCodec,
    Voice,
)
from .truth import KEYPOINTS, SoundTruth, Truth

__all__ = [
    "KEYPOINTS",
    "SAMPLES",
    "Animal",
    "Call",
    "Camera",
    "ClipSpec",
    "Coat",
    "Ears",
    "Encoding",
    "Motion",
    "Picture",
    "Scenery",
    "Sound",
    "SoundTruth",
    "Species",
    "Track",
    "Truth",
    "VideoCodec",
    "Voice",
    "frames",
    "render",
    "truth",
]
