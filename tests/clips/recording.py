"""From a spec to a file and its truth: draw, encode and note each frame in one pass."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import encode, soundtrack
from .scene import Drawn, Stage
from .skeleton import dorsal
from .soundtrack import Soundtrack
from .spec import Animal, ClipSpec, Ears, Motion
from .truth import KEYPOINTS, Truth


def tail_angle_deg(drawn: Drawn) -> float:
    """Measure the tail on the drawn joints: base to tip against withers to tail base."""
    back, tail = drawn.bones.back, drawn.bones.tail
    rear = (back[-1] - back[0]) / np.linalg.norm(back[-1] - back[0])
    reach = tail[-1] - tail[0]
    return float(np.degrees(np.arctan2(reach @ dorsal(rear), reach @ rear)))


def curvature(drawn: Drawn) -> float:
    """Measure the spine on the drawn joints: mid back to chord, by the chord's length."""
    back = drawn.bones.back
    chord, middle = back[-1] - back[0], back[len(back) // 2] - back[0]
    length = np.linalg.norm(chord)
    return float(abs(chord[0] * middle[1] - chord[1] * middle[0]) / length**2)


def rates(animal: Animal) -> dict[str, float]:
    return {
        "wag_hz": animal.wag_hz if animal.wag_amplitude_deg else 0.0,
        "wag_amplitude_deg": animal.wag_amplitude_deg if animal.wag_hz else 0.0,
        "pace_hz": animal.pace_hz if animal.motion == Motion.PACE else 0.0,
        "tremble_hz": animal.tremble_hz,
        "pant_hz": animal.pant_hz,
    }


def truth_of(spec: ClipSpec, stage: Stage, notes: list[Drawn], track: Soundtrack | None) -> Truth:
    """Gather what is true of each frame into arrays."""
    n, animal = len(notes), spec.animal
    has_pet = animal is not None

    def column(of, *shape: int) -> np.ndarray:
        if not has_pet or not n:
            return np.full((n, *shape), np.nan)
        return np.array([of(note) for note in notes], dtype=float)

    has_ears = has_pet and animal.ears != Ears.DROP
    seen = [d.keypoints_visible for d in notes] if has_pet else np.zeros((n, len(KEYPOINTS)))
    return Truth(
        times_s=np.array([d.time_s for d in notes]),
        camera=np.array([d.view for d in notes]).reshape(n, 2, 3),
        tail_angle_deg=column(tail_angle_deg),
        ear_position=column(lambda d: d.pose.ear_position if has_ears else np.nan),
        spine_curvature=column(curvature),
        facing=column(lambda d: d.pose.facing),
        centre_px=column(lambda d: d.centre_px, 2),
        trunk_px=column(lambda d: d.trunk_px, 2),
        speed_px_s=column(lambda d: d.speed_px_s),
        speed_bl_s=column(lambda d: d.speed_px_s / d.body_length_px),
        body_length_px=column(lambda d: d.body_length_px),
        box_px=column(lambda d: d.box_px, 4),
        visible_share=column(lambda d: d.visible_share),
        keypoints_px=column(lambda d: d.keypoints_px, len(KEYPOINTS), 2),
        keypoints_visible=np.array(seen, dtype=bool).reshape(n, len(KEYPOINTS)),
        sounds=track.events if track else (),
        **(rates(animal) if has_pet else {}),
    )


def frames(spec: ClipSpec) -> Iterator[Drawn]:
    """Draw a clip without writing it: pictures before the codec, with the pet's mask."""
    return Stage(spec).frames()


def render(spec: ClipSpec, path: str | Path) -> Truth:
    """Write the clip to `path` and return what is true of it."""
    stage, track = Stage(spec), soundtrack.compose(spec)
    notes: list[Drawn] = []

    def timed() -> Iterator[tuple[float, np.ndarray]]:
        for drawn in stage.frames():
            notes.append(drawn.without_pixels())
            yield drawn.time_s, drawn.bgr

    encode.write(spec, timed(), track, Path(path))
    return truth_of(spec, stage, notes, track)


def truth(spec: ClipSpec) -> Truth:
    """Return the truth of a clip without writing it."""
    stage = Stage(spec)
    notes = [drawn.without_pixels() for drawn in stage.frames()] if spec.encoding.has_video else []
    return truth_of(spec, stage, notes, soundtrack.compose(spec))
