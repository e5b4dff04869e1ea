"""Follows one pet through a clip: looks at some pictures, links what is found, fills the rest.

Without a detector nothing is claimed about the subject (`guess.py` says where something moves).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract.detect import (
    COCO_SPECIES,
    PERSON,
    Box,
    Found,
    PetDetector,
    area,
    as_box,
    overlap,
    suppress,
)
from worker.pipeline.extract.track import match

MIN_SCORE = 0.2
FAINT = 0.1  # counts only where it continues what was seen surely
CLEAR = 0.6  # below it a second look from further away may show the whole animal
CONTINUES = 0.3  # overlap with its neighbour from which a faint box is believed
LOOK_INTERVAL_S = 2.0
STEADY_OVERLAP = 0.6  # of two looks' boxes: no need to look in between
ON_ITS_WAY = 0.8  # of a look's box and the one halfway between two others: it went straight on
BRIDGED_S = 2.0  # between two detections no farther apart the pet is known to be
STEP_BACK = 1.5
CLOSER = 2
SMALL = 0.04  # of the picture: an animal up to here is looked for again from closer
ALIKE = 4.0  # times as large, or as small, as it was
MOSTLY_INSIDE = 0.7
SURE = 0.4  # from here on an animal counts when they are counted
LINK = 2.0  # what a full overlap with the look before counts, in nats of prominence
LARGE = 0.3  # of the picture: a larger box is no likelier the pet's
OTHER_ANIMAL = 0.25  # the same for a sheep or a bear


class How(StrEnum):
    """Why a picture's box is believed."""

    DETECTED = "detected"
    TRACKED = "tracked"
    ASSUMED = "assumed"  # the nearest known box: nothing says that the pet is still there
    GUESSED = "guessed"  # no detector: where something moves
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Pet:
    """Where the pet is: one box per picture (None where unknown), and what the detector saw.

    `pet_frames_share`, `pets_seen` and `species_seen` are None when no detector looked; `how` says
    of each box why it is believed.
    """

    boxes: tuple[Box | None, ...]
    pet_frames_share: float | None
    pets_seen: int | None
    species_seen: str | None
    mean_score: float
    how: tuple[How, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Look:
    """One picture's animals: those that are sure enough, and all that may continue a track."""

    sure: list[Found]
    all: list[Found]


Span = tuple[int, int]
Each = Callable[[Callable[[Span], dict[int, Look]], Iterable[Span]], Iterable[dict[int, Look]]]


def locate(
    pictures: NDArray[np.uint8],
    times_s: NDArray[np.float64],
    detector: PetDetector | None,
    looks: Mapping[int, Look] = MappingProxyType({}),
    each: Each = map,
) -> Pet:
    """Follow one pet through pictures (n, h, w, 3) RGB; `looks`: those that were taken already.

    Looks every two seconds, and in between as long as two looks do not show the same animal in the
    same place, or on its way; boxes are carried over what was not looked at, and matched where it
    was missed. `each` takes several looks as `map` does, in threads of its own if it likes.
    """
    if detector is None:
        return nothing(len(pictures), None)
    looks = look_through(pictures, times_s, detector, looks, each)
    looked = sorted(looks)
    sure = [looks[i].sure for i in looked]
    pets = [f for found in sure for f in found if f.kind in COCO_SPECIES]
    if not pets:
        return nothing(len(pictures), 0)
    track = believed(follow([looks[i].all for i in looked]))
    known = {i: f for i, f in zip(looked, track, strict=True) if f is not None}
    boxes, how = fill(pictures, times_s, known, [i for i in looked if i not in known])
    return Pet(
        boxes=boxes,
        pet_frames_share=round(sum(bool(s) for s in sure) / len(sure), 4),
        pets_seen=how_many(sure),
        species_seen=species_of(pets),
        mean_score=round(float(np.mean([f.score for f in track if f])), 4),
        how=how,
    )


def nothing(count: int, seen: int | None) -> Pet:
    """Return the answer without a box: nobody looked (None), or nothing was seen (0)."""
    share = None if seen is None else 0.0
    return Pet((None,) * count, share, seen, None, 0.0, (How.UNKNOWN,) * count)


def look_through(
    pictures: NDArray[np.uint8],
    times_s: NDArray[np.float64],
    detector: PetDetector,
    taken: Mapping[int, Look],
    each: Each,
) -> dict[int, Look]:
    """Look every two seconds, and in between where that is not enough (`look_between`)."""
    looks: dict[int, Look] = {}
    for i in due(times_s):
        looks[i] = taken.get(i) or look_for_animals(pictures[i], detector, expected(looks, i))

    def settle(span: Span) -> dict[int, Look]:
        return look_between(pictures, times_s, detector, looks, span, taken)

    for found in list(each(settle, pairwise(sorted(looks)))):
        looks |= found
    return looks


def look_between(
    pictures: Mapping[int, NDArray[np.uint8]] | NDArray[np.uint8],
    times_s: NDArray[np.float64],
    detector: PetDetector,
    looks: Mapping[int, Look],
    span: Span,
    taken: Mapping[int, Look] = MappingProxyType({}),
) -> dict[int, Look]:
    """Look halfway between two looks, and so on, until neighbours agree, nothing lies between them,
    or the pet was halfway where it was halfway in time. What lies after `span` changes nothing.
    """
    i, k = span
    if k - i < 2 or same_animal(looks[i].all, looks[k].all):
        return {}
    j = (i + k) // 2
    found = {j: taken.get(j) or look_for_animals(pictures[j], detector, expected(looks, j))}
    known = {**looks, **found}
    if goes_straight([known[n].all for n in (i, j, k)], times_s[[i, j, k]]):
        return found
    for half in ((i, j), (j, k)):
        found |= look_between(pictures, times_s, detector, known, half, taken)
    return found


def goes_straight(seen: list[list[Found]], times_s: NDArray[np.float64]) -> bool:
    """Tell whether three looks show one animal, in the second where the others say it must be."""
    if not all(len(found) == 1 for found in seen):
        return False
    first, middle, last = (found[0].box for found in seen)
    (carried,) = carry(times_s[1:2], [times_s[0], times_s[2]], [first, last])
    return carried is not None and overlap(carried, middle) >= ON_ITS_WAY


def expected(looks: Mapping[int, Look], i: int) -> Box | None:
    """Return where the last look before a picture saw an animal."""
    for k in sorted((k for k in looks if k < i), reverse=True):
        if looks[k].sure:
            return max(looks[k].sure, key=prominence).box
    return None


def same_animal(before: list[Found], after: list[Found]) -> bool:
    """Tell whether two looks show one animal in one place."""
    one_each = len(before) == len(after) == 1
    return one_each and overlap(before[0].box, after[0].box) >= STEADY_OVERLAP


def look_for_animals(
    picture: NDArray[np.uint8], detector: PetDetector, last: Box | None = None
) -> Look:
    """Return a picture's animals; where none is clear, look again from closer or further away.

    Closer where the last one seen was small, and not found again. Further else: a face that fills
    the picture is not found at full size (0 of 10 pictures of a beagle's face at a threshold of .3,
    6 at .2, all 10 with half as much room again), and of a body that nearly fills it only a part
    is, or more than it: an unclear large box gives way to the farther look's.
    """
    near = animals(detector.detect(picture, min_score=FAINT))
    sure = [f for f in near if f.score >= MIN_SCORE]
    if any(f.score >= CLEAR for f in sure):
        return Look(sure, sure)
    if last is not None and area(last) <= SMALL:
        if any(overlap(f.box, last) >= STEADY_OVERLAP for f in sure):
            return Look(sure, near)
        if close := look_closer(picture, detector, last):
            return Look(close, suppress(near + close))
    far = animals(detector.detect(picture, room=STEP_BACK, min_score=FAINT))
    fits = [f for f in near if area(f.box) <= LARGE] if far else near
    return Look(sure or [f for f in far if f.score >= MIN_SCORE], suppress(fits + far))


def look_closer(picture: NDArray[np.uint8], detector: PetDetector, last: Box) -> list[Found]:
    """Return the animals of about the last one's size in half the picture around it."""
    height, width = picture.shape[:2]
    across, down = width // CLOSER, height // CLOSER
    left = round((last[0] + last[2]) / 2 * width - across / 2)
    top = round((last[1] + last[3]) / 2 * height - down / 2)
    left, top = min(max(left, 0), width - across), min(max(top, 0), height - down)
    part = picture[top : top + down, left : left + across]
    scale, corner = np.array([across, down] * 2), np.array([left, top] * 2)
    found = [
        replace(f, box=as_box((corner + np.array(f.box) * scale) / np.array([width, height] * 2)))
        for f in animals(detector.detect(part, min_score=MIN_SCORE))
    ]
    return [f for f in found if 1 / ALIKE <= area(f.box) / max(area(last), 1e-6) <= ALIKE]


def animals(found: list[Found]) -> list[Found]:
    """Leave people out."""
    return [f for f in found if f.kind != PERSON]


def due(times_s: NDArray[np.float64]) -> list[int]:
    """Return the pictures to look at: the first, then one every two seconds, and the last."""
    chosen: list[int] = []
    for i, t in enumerate(times_s):
        if is_due(t, times_s[chosen[-1]] if chosen else None):
            chosen.append(i)
    if len(times_s) - 1 not in chosen:
        chosen.append(len(times_s) - 1)
    return chosen


def is_due(time_s: float, looked_s: float | None) -> bool:
    """Tell whether a picture is looked at, given when the last one was."""
    return looked_s is None or time_s - looked_s >= LOOK_INTERVAL_S - 0.05


def follow(looks: list[list[Found]]) -> list[Found | None]:
    """Choose one animal per look: the sequence of the most prominent that overlap from one look to
    the next (Viterbi); None where nothing was found."""
    track: list[Found | None] = [None] * len(looks)
    filled = [i for i, found in enumerate(looks) if found]
    scores = [math.log(prominence(f)) for f in looks[filled[0]]]
    back: list[list[int]] = []
    for i, j in pairwise(filled):
        rows = [
            [s + LINK * overlap(a.box, b.box) for s, a in zip(scores, looks[i], strict=True)]
            for b in looks[j]
        ]
        back.append([row.index(max(row)) for row in rows])
        scores = [max(row) + math.log(prominence(b)) for row, b in zip(rows, looks[j], strict=True)]
    k = scores.index(max(scores))
    track[filled[-1]] = looks[filled[-1]][k]
    for i, choices in zip(reversed(filled[:-1]), reversed(back), strict=True):
        k = choices[k]
        track[i] = looks[i][k]
    return track


def believed(track: list[Found | None]) -> list[Found | None]:
    """Drop faint boxes that do not continue a neighbour which is believed itself."""
    kept = [f if f is not None and f.score >= MIN_SCORE else None for f in track]
    for order in (range(1, len(track)), range(len(track) - 2, -1, -1)):
        for i in order:
            one, beside = track[i], kept[i - order.step]
            if one and beside and overlap(one.box, beside.box) >= CONTINUES:
                kept[i] = one
    return kept


def prominence(found: Found) -> float:
    """Rank a detection: sure, large, and of a pet's class."""
    kind = 1.0 if found.kind in COCO_SPECIES else OTHER_ANIMAL
    return found.score * math.sqrt(math.sqrt(min(area(found.box), LARGE))) * kind + 1e-9


def fill(
    pictures: NDArray[np.uint8],
    times_s: NDArray[np.float64],
    known: dict[int, Found],
    missed: Sequence[int],
) -> tuple[tuple[Box | None, ...], tuple[How, ...]]:
    """Give every picture a box: known, between two known ones, matched by its looks, or assumed."""
    sites = {i: f.box for i, f in known.items()}
    found = sites | match(pictures, sites, missed)
    at = sorted(found)
    boxes = carry(times_s, [times_s[i] for i in at], [found[i] for i in at])
    how = [How.ASSUMED] * len(pictures)
    for i, j in pairwise(at):
        if times_s[j] - times_s[i] <= BRIDGED_S + 0.05:
            how[i + 1 : j] = [How.TRACKED] * (j - i - 1)
    for i in at:
        sure = i in known and known[i].score >= MIN_SCORE
        how[i] = How.DETECTED if sure else How.TRACKED
    return boxes, tuple(how)


def carry(
    times_s: NDArray[np.float64], looked_s: list[float], boxes: Sequence[Box | None]
) -> tuple[Box | None, ...]:
    """Interpolate boxes to every picture; ends keep the nearest one."""
    known = [(t, b) for t, b in zip(looked_s, boxes, strict=True) if b is not None]
    if not known:
        return (None,) * len(times_s)
    at = np.array([t for t, _ in known])
    edges = np.array([b for _, b in known])
    full = np.stack([np.interp(times_s, at, edges[:, k]) for k in range(4)], axis=1)
    return tuple(as_box(row) for row in full)


def how_many(animals: list[list[Found]]) -> int:
    """Return how many sure cats and dogs are in sight at once: the 70th percentile of the looks.

    Other classes do not count: a dog's rump in the corner was a bear of its own.
    """
    sure = [
        [f.box for f in found if f.score >= SURE and f.kind in COCO_SPECIES] for found in animals
    ]
    counts = [len(apart(boxes)) for boxes in sure]
    return max(1, int(np.percentile(counts, 70, method="lower")))


def apart(boxes: list[Box]) -> list[Box]:
    """Return the boxes that do not lie mostly inside a larger one: a head is no second animal."""
    kept: list[Box] = []
    for box in sorted(boxes, key=area, reverse=True):
        if all(inside(box, k) < MOSTLY_INSIDE for k in kept):
            kept.append(box)
    return kept


def inside(small: Box, large: Box) -> float:
    """Return the share of one box that lies in another."""
    width = max(0.0, min(small[2], large[2]) - max(small[0], large[0]))
    height = max(0.0, min(small[3], large[3]) - max(small[1], large[1]))
    return width * height / area(small) if area(small) > 0 else 1.0


def species_of(pets: list[Found]) -> str:
    """Return the species with the larger sum of scores. Kittens often read as dogs."""
    dog = sum(f.score for f in pets if COCO_SPECIES[f.kind] == "dog")
    return "dog" if dog >= sum(f.score for f in pets) / 2 else "cat"
