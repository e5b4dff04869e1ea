"""Red flags of one clip: what asks for a person today, whatever the state is. Apart from the trend.

They are rare on purpose: each asks for something that goes on, in an animal that was looked for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.extract import Extract
from worker.pipeline.extract.keypoints import POSTURES
from worker.pipeline.extract.listen import ENCODER_RATE_HZ
from worker.pipeline.extract.tag import HOP

PANT_SCORE = 0.3  # of the tagger, in each window that counts
PANT_WINDOWS = 6  # half-overlapping seconds: three seconds of panting
YELPS, YELPS_S = 5, 3.0  # at least so many, spread over at least so long
UPRIGHT = ("standing", "walking", "sitting", "crouching", "bowing")
SURE_POSTURE = 0.6
FELL_WITHIN_S, LAY_S = 1.5, 2.0


@dataclass(frozen=True, slots=True)
class RedFlag:
    """One flag: its code, where it was seen or heard, for how long in all, and how often."""

    code: str
    span_s: tuple[float, float]
    seconds: float
    count: int


def red_flags(extracted: Extract) -> list[RedFlag]:
    """Return the red flags of a clip in which a pet was seen."""
    if not extracted.facts.pet.pet_frames_share:
        return []
    found = [panting_cat(extracted), sustained_yelping(extracted)]
    if extracted.pose is not None:
        found.append(collapse(extracted.picture_times_s, extracted.pose.posture))
    return [flag for flag in found if flag is not None]


def panting_cat(extracted: Extract) -> RedFlag | None:
    """Hear a cat pant for seconds: unusual in cats, unlike in dogs (notes/evidence.md 4.5)."""
    tags = extracted.facts.tags
    if extracted.facts.species != "cat" or tags is None:
        return None
    heard = np.flatnonzero(tags.of("pant") >= PANT_SCORE)
    if len(heard) < PANT_WINDOWS:
        return None
    first, last = tags.starts_s[heard[0]], tags.starts_s[heard[-1]]
    hop_s = HOP / ENCODER_RATE_HZ
    seconds = round(len(heard) * hop_s, 1)
    return RedFlag("panting_cat", (round(first, 2), round(last + 2 * hop_s, 2)), seconds, 1)


def sustained_yelping(extracted: Extract) -> RedFlag | None:
    """Hear a dog yelp again and again (expert consensus: pain, fright, or rough play)."""
    yelps = [c for c in extracted.facts.calls if c.kind == "yip"]
    if len(yelps) < YELPS:
        return None
    start_s, end_s = yelps[0].span_s[0], yelps[-1].span_s[1]
    if end_s - start_s < YELPS_S:
        return None
    lasting = round(end_s - start_s, 1)
    return RedFlag("sustained_yelping", (round(start_s, 2), round(end_s, 2)), lasting, len(yelps))


def collapse(times_s: NDArray[np.float64], posture: NDArray[np.float32]) -> RedFlag | None:
    """See an animal go from its feet to its side within a moment, and stay there.

    times_s (n,) of the pictures, posture (n, 7) in the order of POSTURES. An animal that lies down
    to rest is slower; one that was down from the beginning is no flag.
    """
    names = np.array(POSTURES)[posture.argmax(axis=1)]
    sure = posture.max(axis=1) >= SURE_POSTURE
    down = sure & (names == "lying_side")
    up = sure & np.isin(names, UPRIGHT)
    for i in np.flatnonzero(down):
        stood = np.flatnonzero(up[:i])
        if not len(stood) or times_s[i] - times_s[stood[-1]] > FELL_WITHIN_S:
            continue
        lying_s = float(times_s[-1] - times_s[i])
        if lying_s >= LAY_S and down[i:].mean() >= SURE_POSTURE and not up[i:].any():
            span = (round(float(times_s[stood[-1]]), 2), round(float(times_s[-1]), 2))
            return RedFlag("collapse", span, round(lying_s, 1), 1)
    return None
