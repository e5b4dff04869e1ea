"""The course of a clip as a drawing: probabilities over time, stacked, in a box of 1000 x 100."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.trend.observations import CLASSES

WIDTH, HEIGHT = 1000.0, 100.0
STACKED = ("Distressed", "Anxious", "Alert", "Playful", "Relaxed")  # from the top
assert set(STACKED) == set(CLASSES)
SHORTEST_S = 1.0
MIN_CALL_SHARE = 0.05  # of a second that a call must fill to be drawn as one


@dataclass(frozen=True, slots=True)
class Area:
    """One class over the whole clip: a closed SVG path."""

    emotion: str
    path: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The sound around one moment: a bar from the floor up."""

    x: float
    width: float
    height: float
    is_call: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A clip's course: areas, how long it is, and its sound where there was some."""

    duration_s: float
    areas: tuple[Area, ...]
    sound: tuple[Bar, ...] = ()


def draw(result: dict[str, Any]) -> Drawn | None:
    """Draw an assessment's timeline; None when it has none."""
    points = result["timeline"]
    if not points:
        return None
    duration_s = _duration_s(result)
    times = [min(1.0, point["t_s"] / duration_s) * WIDTH for point in points]
    times = [0.0, *times, WIDTH]
    shares = [_shares(point["probabilities"]) for point in points]
    shares = [shares[0], *shares, shares[-1]]
    areas, top = [], [0.0] * len(times)
    for number, emotion in enumerate(STACKED):
        bottom = [above + share[number] * HEIGHT for above, share in zip(top, shares, strict=True)]
        areas.append(Area(emotion, _closed(times, top, bottom)))
        top = bottom
    return Drawn(duration_s, tuple(areas), _bars(result.get("sound_strip", []), duration_s))


def _bars(heard: list[dict[str, Any]], duration_s: float) -> tuple[Bar, ...]:
    """Draw how loud it was: windows overlap by half, so a bar is as wide as their step."""
    times = [point["t_s"] for point in heard]
    step = times[1] - times[0] if len(times) > 1 else SHORTEST_S
    scale = WIDTH / duration_s
    return tuple(
        Bar(
            max(0.0, one["t_s"] - step / 2) * scale,
            step * scale,
            max(2.0, one["level"] * HEIGHT),
            one["calls"] >= MIN_CALL_SHARE,
        )
        for one in heard
    )


def _duration_s(result: dict[str, Any]) -> float:
    """Give the time that the drawing spans: as far as anything was found, half a step on."""
    times = [point["t_s"] for point in result["timeline"]]
    step = times[1] - times[0] if len(times) > 1 else 0.0
    spans = [one["span_s"] for one in [*result["signal_details"], *result["moments"]]]
    ends = [span[1] for span in spans if span]
    return float(max([times[-1] + step / 2, SHORTEST_S, *ends]))


def _shares(probabilities: dict[str, float]) -> list[float]:
    """Give the classes' shares in the order of the stack; they add up to one."""
    values = [max(0.0, probabilities.get(emotion, 0.0)) for emotion in STACKED]
    total = sum(values) or 1.0
    return [value / total for value in values]


def _closed(times: Sequence[float], top: Sequence[float], bottom: Sequence[float]) -> str:
    there = [f"{x:.1f} {y:.1f}" for x, y in zip(times, top, strict=True)]
    back = [f"{x:.1f} {y:.1f}" for x, y in zip(times, bottom, strict=True)]
    return f"M{'L'.join(there)}L{'L'.join(reversed(back))}Z"
