"""What a trend is computed from: one pet's clips, on the owner's calendar. Knows no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

CLASSES = ("Relaxed", "Alert", "Anxious", "Playful", "Distressed")
NEGATIVE = ("Anxious", "Distressed")
PLAY = ("Playful", "Relaxed")

SESSION_S = 2 * 3600  # clips that begin within two hours of a session's first clip belong to it
DAY_S = 86_400
SAME_SESSION = 0.6  # correlation of what two clips of one session show: same scene, same mood
SAME_DAY = 0.2  # of two sessions of one day: day-to-day wander of SD 0.5 in logits gives about 0.05
EPOCH_DAY = date(1970, 1, 1).toordinal()


class Reason(StrEnum):
    """Why the owner filmed."""

    ROUTINE = "routine"
    WORRIED = "worried"
    CUTE = "cute"
    OTHER = "other"


class VerdictBy(StrEnum):
    """Who corrected an assessment."""

    OWNER = "owner"
    VET = "vet"


@dataclass(frozen=True, slots=True)
class Observation:
    """One assessment of one clip; `probabilities` is None when the assessment abstained."""

    clip_id: str
    recorded_at: datetime  # aware
    probabilities: Mapping[str, float] | None  # the five classes, sum 1
    bundle_id: str = ""
    calibrated: bool = False
    reason: str = Reason.OTHER
    verdict: str | None = None  # one of CLASSES
    verdict_by: str | None = None
    assessment_id: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether it says anything: it has a result or a verdict."""
        return self.probabilities is not None or self.verdict is not None


@dataclass(frozen=True, slots=True)
class Anchor:
    """An explicit new start of the baseline; only clips recorded from `at` on count after it."""

    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Clips in order of time, with the owner's calendar day and the session of each.

    `day` counts local calendar days since 1970-01-01, `hour` is the local time of day in hours;
    a session lies on the day of its first clip. `weight` is each clip's share of evidence.
    """

    clips: tuple[Observation, ...]
    time_s: NDArray[np.float64]  # (n,) seconds since 1970 UTC
    day: NDArray[np.int64]  # (n,)
    hour: NDArray[np.float64]  # (n,)
    session: NDArray[np.int64]  # (n,) 0, 1, 2, ...
    weight: NDArray[np.float64] = field(repr=False)  # (n,)


def timeline(observations: Iterable[Observation], time_zone: tzinfo) -> Timeline:
    """Order the clips and place each on the owner's calendar."""
    clips = tuple(_one_per_clip(observations))
    time_s = np.array([clip.recorded_at.timestamp() for clip in clips], dtype=np.float64)
    local_s = time_s + utc_offsets_s(time_s, time_zone)
    session = sessions(time_s)
    day = np.floor(local_s[first_of(session)] / DAY_S).astype(np.int64)[session]
    return Timeline(
        clips, time_s, day, local_s % DAY_S / 3600, session, evidence_weights(session, day)
    )


def select(line: Timeline, keep: NDArray[np.bool_]) -> Timeline:
    """Keep some of the clips; sessions and weights are those of what is kept."""
    if keep.all():
        return line
    time_s, day = line.time_s[keep], line.day[keep]
    session = sessions(time_s)
    clips = tuple(clip for clip, kept in zip(line.clips, keep, strict=True) if kept)
    day = day[first_of(session)][session]
    return Timeline(clips, time_s, day, line.hour[keep], session, evidence_weights(session, day))


def _one_per_clip(observations: Iterable[Observation]) -> list[Observation]:
    """Drop repeats of a clip within one bundle: the last assessment stays, whatever the order."""
    last: dict[tuple[str, str], Observation] = {}
    for clip in observations:
        key = (clip.bundle_id, clip.clip_id)
        known = last.setdefault(key, clip)
        if known is not clip and _rank(clip) > _rank(known):
            last[key] = clip
    return sorted(last.values(), key=lambda clip: (clip.recorded_at, clip.clip_id, clip.bundle_id))


def _rank(clip: Observation) -> tuple[str, str]:
    return clip.assessment_id, repr(clip)


def utc_offsets_s(time_s: NDArray[np.float64], time_zone: tzinfo) -> NDArray[np.float64]:
    """Return local time minus UTC in seconds, exact also on the days on which clocks change.

    The zone is asked twice per UTC day instead of once per clip: ten thousand clips are fast.
    """
    utc_day = np.floor(time_s / DAY_S).astype(np.int64)
    days, where = np.unique(utc_day, return_inverse=True)
    begin = np.array([_offset_s(day * DAY_S, time_zone) for day in days.tolist()])
    end = np.array([_offset_s((day + 1) * DAY_S - 1, time_zone) for day in days.tolist()])
    offset = begin[where].astype(np.float64) if len(days) else np.zeros(0)
    for at in np.flatnonzero((begin != end)[where]) if len(days) else ():
        offset[at] = _offset_s(float(time_s[at]), time_zone)
    return offset


def _offset_s(time_s: float, time_zone: tzinfo) -> float:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_s)
    offset = moment.astimezone(time_zone).utcoffset()
    assert offset is not None
    return offset.total_seconds()


def sessions(time_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number the sessions of clips in order of time: a session spans at most two hours."""
    number, start = -1, -np.inf
    numbers = np.empty(len(time_s), dtype=np.int64)
    for index, moment in enumerate(time_s.tolist()):
        if moment - start > SESSION_S:
            number, start = number + 1, moment
        numbers[index] = number
    return numbers


def first_of(session: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return at which clip each session begins. (n_sessions,)"""
    return np.unique(session, return_index=True)[1]


def evidence_weights(session: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each clip's share of evidence: n alike looks count as n / (1 + (n - 1) * rho).

    The usual design effect of clusters (Kish 1965), for clips in a session and sessions in a day.
    """
    in_session = np.bincount(session)
    per_clip = session_weights(day[first_of(session)]) / (1 + (in_session - 1) * SAME_SESSION)
    return np.asarray(per_clip[session])


def session_weights(day: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each session's share of evidence, by how many sessions its day has. (n_sessions,)"""
    _, number, in_day = np.unique(day, return_inverse=True, return_counts=True)
    return np.asarray(1 / (1 + (in_day[number] - 1) * SAME_DAY))


def local_day(moment: datetime, time_zone: tzinfo) -> int:
    """Return the owner's calendar day of a moment, in days since 1970-01-01."""
    return moment.astimezone(time_zone).date().toordinal() - EPOCH_DAY


def day_name(day: int) -> str:
    """Return a day number as an ISO date."""
    return date.fromordinal(int(day) + EPOCH_DAY).isoformat()


def days_without_clips(days: Sequence[int], until: int) -> tuple[int, int]:
    """Return the longest run of days without a clip and the days since the last one."""
    if not days:
        return 0, 0
    known = sorted({*days})
    gaps = [later - earlier - 1 for earlier, later in pairwise(known)]
    since = max(0, until - known[-1])
    return max([*gaps, since]), since
