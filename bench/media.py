"""The clips that are measured: drawn once by the generator of the tests, kept under build/bench."""

from pathlib import Path

from tests.clips import Animal, Call, Camera, ClipSpec, Motion, Sound, Voice, render

FOLDER = Path("build/bench")
WHINES = tuple(Call(Voice.WHINE, onset_s, 0.7) for onset_s in (0.5, 2.6, 4.1, 6.4, 8.2))


def clip(*, height: int, duration_s: float) -> Path:
    """Give an H.264 + AAC clip of a pacing dog that whines, 30 frames a second, 16:9."""
    path = FOLDER / f"{height}p-{duration_s:g}s.mp4"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"part-{path.name}")
        render(_spec(height, duration_s), str(part))
        part.replace(path)
    return path


def _spec(height: int, duration_s: float) -> ClipSpec:
    calls = tuple(call for call in WHINES if call.onset_s + call.duration_s < duration_s)
    return ClipSpec(
        seed=7,
        duration_s=duration_s,
        width=height * 16 // 9,
        height=height,
        animal=Animal(motion=Motion.PACE, tail_deg=-60, pant_hz=4.5),
        camera=Camera(shake_px=1.5, shake_hz=0.9, jitter_px=0.6),
        sound=Sound(calls=calls),
    )
