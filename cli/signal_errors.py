"""Compares what the pipeline measures on a generated clip with the clip's truth. Prints nothing."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tests.clips import ClipSpec, SoundTruth, Truth
    from worker.pipeline.extract import Extract, ExtractModels
    from worker.pipeline.extract.locate import Pet
    from worker.pipeline.extract.sound import SoundEvent

ONSET_TOLERANCE_S = 0.1
LOWEST_F0_HZ = 60.0  # below it (a purr) the pitch is not looked for
STILL_PROGRAMMES = ("stand", "lie", "freeze")
MOVES_BL_S = 0.1  # from here on a true speed is worth a relative error


@dataclass(frozen=True, slots=True)
class Rate:
    """One rhythm: what is true (0: none, None: cannot be said), and what was found."""

    true_hz: float | None
    found_hz: float | None


@dataclass(frozen=True, slots=True)
class Errors:
    """One clip's truth beside its measures. Speeds as (true, found)."""

    beat: Rate
    tremble: Rate
    pace: Rate
    travel_bl_s: tuple[float, float] | None
    camera_widths_s: tuple[float, float]
    onsets: tuple[int, int, int]  # hits, false, missed
    f0_cents: tuple[float | None, ...]  # of each hit with a true pitch; None: not declared
    gate: str | None
    overlaps: tuple[float, ...]  # of boxes with the truth, empty without a detector
    tail_deg: tuple[tuple[float, float | None], ...]  # of each picture; found None: not declared
    curvature: tuple[tuple[float, float | None], ...]


def measure(spec: "ClipSpec", models: "ExtractModels") -> Errors:
    """Render a clip, measure it, and compare."""
    from tests.clips import render
    from worker.pipeline.extract import extract

    with TemporaryDirectory() as folder:
        path = Path(folder) / f"clip.{spec.encoding.container}"
        truth = render(spec, path)
        species = spec.animal.species.value if spec.animal else "dog"
        return compare(spec, truth, extract(path, species=species, models=models))


def compare(spec: "ClipSpec", truth: "Truth", extracted: "Extract") -> Errors:
    """Put each measure beside its truth."""
    from worker.pipeline.fuse.gates import closed_gate

    facts = extracted.facts
    events = facts.sound.events if facts.sound else ()
    pairs, counts = matched(truth.sounds, events)
    beat, tremble, pace = (
        r.rate_hz if r else None
        for r in (facts.movement.beat, facts.movement.tremble, facts.movement.pace)
    )
    return Errors(
        beat=Rate(true_beat(spec, truth), beat),
        tremble=Rate(truth.tremble_hz, tremble),
        pace=Rate(truth.pace_hz, pace),
        travel_bl_s=speeds(truth, facts.movement.travel_median),
        camera_widths_s=(true_camera(truth, spec.width), facts.movement.camera_speed),
        onsets=counts,
        f0_cents=tuple(cents(t, e) for t, e in pairs if (t.f0_hz or 0) >= LOWEST_F0_HZ),
        gate=closed_gate(extracted),
        overlaps=overlaps(spec, truth, facts.pet, extracted.picture_times_s),
        tail_deg=postures(truth, truth.tail_angle_deg, extracted, "tail_angle", 90.0),
        curvature=postures(truth, truth.spine_curvature, extracted, "spine_curvature", 1.0),
    )


def true_beat(spec: "ClipSpec", truth: "Truth") -> float | None:
    """Return the one rhythm of 1-7 Hz; None where several or a gait's own would all be right."""
    rates = [hz for hz in (truth.wag_hz, truth.pant_hz) if hz]
    if len(rates) > 1 or spec.animal is None or spec.animal.motion not in STILL_PROGRAMMES:
        return None
    return rates[0] if rates else 0.0


def speeds(truth: "Truth", found: float) -> tuple[float, float] | None:
    """Return the median speed of the centre of mass, true and found; None where it hardly moves.

    As travel is defined: the velocity's mean over 0.7 s, so that trembling in place is none.
    """
    if not len(truth.speed_bl_s) or not np.isfinite(truth.centre_px).all():
        return None
    true = float(np.nanmedian(true_travel(truth)))
    return (true, found) if true >= MOVES_BL_S else None


def true_travel(truth: "Truth") -> NDArray[np.float64]:
    """Return the speed (n,) of the silhouette's centre against the scene, smoothed as measured."""
    from worker.pipeline.extract.movement import TRAVEL_SMOOTH_S, smooth

    turn, shift = truth.camera[:, :, :2], truth.camera[:, :, 2]
    place = np.linalg.solve(turn, (truth.centre_px - shift)[:, :, None])[:, :, 0]  # in the scene
    zoom = np.sqrt(np.abs(np.linalg.det(turn)))[:, None]
    velocity = np.gradient(place, truth.times_s, axis=0) * zoom / truth.body_length_px[:, None]
    fps = 1 / float(np.median(np.diff(truth.times_s)))
    across, down = (smooth(velocity[:, k], fps, TRAVEL_SMOOTH_S) for k in (0, 1))
    return np.hypot(across, down).astype(np.float64)


def true_camera(truth: "Truth", width: int) -> float:
    """Return the 75th percentile of the camera's shift in picture widths a second.

    Averaged over a fifteenth of a second, as short as a measured step can be.
    """
    shift: NDArray[np.float64] = truth.camera[:, :, 2]
    step = max(1, round((1 / 30) / float(np.median(np.diff(truth.times_s)))))
    moved = np.hypot(*(shift[step:] - shift[:-step]).T)
    lasted = truth.times_s[step:] - truth.times_s[:-step]
    return float(np.percentile(moved / lasted, 75)) / width


def matched(
    sounds: "tuple[SoundTruth, ...]", events: "tuple[SoundEvent, ...]"
) -> "tuple[list[tuple[SoundTruth, SoundEvent]], tuple[int, int, int]]":
    """Pair true sounds with events whose onset lies within 0.1 s; count hits, false, missed."""
    left = list(events)
    pairs = []
    for sound in sounds:
        near = [e for e in left if abs(e.onset_s - sound.onset_s) <= ONSET_TOLERANCE_S]
        if near:
            pairs.append((sound, near[0]))
            left.remove(near[0])
    return pairs, (len(pairs), len(left), len(sounds) - len(pairs))


def cents(sound: "SoundTruth", event: "SoundEvent") -> float | None:
    """Return the pitch's absolute error in cents, None where no pitch is declared."""
    if event.f0_hz is None or sound.f0_hz is None:
        return None
    return abs(1200 * float(np.log2(event.f0_hz / sound.f0_hz)))


def postures(
    truth: "Truth", series: NDArray[np.float64], extracted: "Extract", feature: str, unit: float
) -> tuple[tuple[float, float | None], ...]:
    """Return one measure of posture in each picture, true and found, in the truth's unit."""
    posture = extracted.posture
    pairs = []
    for i, time_s in enumerate(extracted.picture_times_s):
        true = float(series[int(np.abs(truth.times_s - time_s).argmin())])
        if np.isnan(true):
            continue
        known = posture is not None and bool(posture.flags(feature)[i])
        pairs.append(
            (true, unit * float(posture.column(feature)[i]) if known and posture else None)
        )
    return tuple(pairs)


def overlaps(
    spec: "ClipSpec",
    truth: "Truth",
    pet: "Pet",
    times_s: NDArray[np.float64],
) -> tuple[float, ...]:
    """Return the intersection over union of each box with the true one; none of those guessed."""
    from worker.pipeline.extract.detect import overlap

    scale = np.array([spec.width, spec.height] * 2, float)
    found = []
    if pet.pet_frames_share is None:
        return ()
    for box, time_s in zip(pet.boxes, times_s, strict=True):
        x0, y0, x1, y1 = truth.box_px[int(np.abs(truth.times_s - time_s).argmin())] / scale
        if box is not None and x1 > x0:
            found.append(overlap(box, (x0, y0, x1, y1)))
    return tuple(found)
