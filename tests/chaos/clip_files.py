"""The files of the load: small good clips, bad ones, and poison that kills who decodes it."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from tests.clips import SAMPLES, Animal, ClipSpec, Motion, Species, broken, render

TINY = {"duration_s": 2.0, "width": 160, "height": 120}
# Behind the last box of a good clip, where no decoder looks.
KILLS_SANDBOX = b"\0\0\0\x16freekills-sandbox!"
KILLS_POOL = b"\0\0\0\x13freekills-pool!"


class Kind(StrEnum):
    """What a file is, and so how its job must end."""

    GOOD = "good"
    UNREADABLE = "unreadable"
    TOO_SHORT = "too_short"
    NO_VIDEO = "no_video"
    KILLS_SANDBOX = "kills_sandbox"
    KILLS_POOL = "kills_pool"
    TEXT = "text"


ENDS: dict[Kind, tuple[str, str | None]] = {  # status and error code
    Kind.GOOD: ("succeeded", None),
    Kind.UNREADABLE: ("failed", "clip_unreadable"),
    Kind.TOO_SHORT: ("failed", "clip_too_short"),
    Kind.NO_VIDEO: ("failed", "clip_no_video"),
    Kind.KILLS_SANDBOX: ("failed", "attempts_exhausted"),
    Kind.KILLS_POOL: ("failed", "attempts_exhausted"),
}


def make(folder: Path) -> dict[Kind, list[bytes]]:
    """Render the files once; give their bytes."""
    good = [_rendered(folder / f"good-{spec.seed}.mp4", spec) for spec in _good()]
    no_video = _rendered(folder / "no_video.mp4", replace(SAMPLES["no_video"], duration_s=2.0))
    too_short = _rendered(folder / "short.mp4", ClipSpec(seed=5, **TINY | {"duration_s": 0.4}))
    broken.text_named_mp4(folder / "text.mp4")
    return {
        Kind.GOOD: good,
        Kind.UNREADABLE: [good[0][:32] + bytes(900)],
        Kind.TOO_SHORT: [too_short],
        Kind.NO_VIDEO: [no_video],
        Kind.KILLS_SANDBOX: [good[0] + KILLS_SANDBOX],
        Kind.KILLS_POOL: [good[0] + KILLS_POOL],
        Kind.TEXT: [(folder / "text.mp4").read_bytes()],
    }


def unlike_any_other(content: bytes, key: str) -> bytes:
    """Make a file differ in its bytes alone: the same ones would not be analysed again."""
    poison = next((mark for mark in (KILLS_SANDBOX, KILLS_POOL) if content.endswith(mark)), b"")
    box = (8 + len(key)).to_bytes(4, "big") + b"free" + key.encode()
    return content.removesuffix(poison) + box + poison


def _good() -> list[ClipSpec]:
    cat = Animal(species=Species.CAT, motion=Motion.WALK)
    return [ClipSpec(seed=1, **TINY), ClipSpec(seed=2, animal=cat, **TINY)]


def _rendered(path: Path, spec: ClipSpec) -> bytes:
    render(spec, path)
    return path.read_bytes()
