"""Day and week summaries of one pet's clips, and the hours that two pets share. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from shared.trend.context import part_shares, reason_shares
from shared.trend.course import course
from shared.trend.evidence import (
    NEGATIVE_SIDE,
    PLAY_SIDE,
    log_ratios,
    score_table,
    session_log_likelihood,
)
from shared.trend.observations import (
    EPOCH_DAY,
    SESSION_S,
    Observation,
    Timeline,
    day_name,
    select,
    timeline,
)
from shared.trend.rate import (
    DESIGN_EFFECT,
    NEGATIVE_PRIOR,
    PLAY_PRIOR,
    Array,
    Ints,
    Rate,
    intervals,
)

Bucket = Literal["day", "week", "month"]
SIDES, PRIORS = (NEGATIVE_SIDE, PLAY_SIDE), (NEGATIVE_PRIOR, PLAY_PRIOR)
MIN_JOINT_SESSIONS = 3
HOUSEHOLD_P = 0.05

Evidence = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Summary:
    """One day, ISO week or month of a pet, on the owner's calendar; `begins` is an ISO date."""

    begins: str
    n_clips: int  # abstained ones included
    n_sessions: int
    n_abstained: int
    n_verdicts: int
    n_used_sessions: int  # those with a clip that can be used
    n_tense: int  # clips that speak for tense signs rather than against them, errors included
    negative: Rate | None  # None when no clip of the bucket can be used
    play: Rate | None
    reasons: dict[str, float]
    parts_of_day: dict[str, float]
    bundles: dict[str, int]

    @property
    def n_used_clips(self) -> int:
        """Clips with a result or a verdict."""
        return self.n_clips - self.n_abstained


@dataclass(frozen=True, slots=True)
class Counted:
    """One day, week or month before its neighbours are known: a summary without rates.

    evidence (2, 39) float32: log likelihoods of the negative and the play rate on the grid; None
    when no clip can be used.
    """

    summary: Summary
    evidence: Evidence | None


def summarize(observations: Sequence[Observation], time_zone: str, bucket: Bucket) -> list[Summary]:
    """Summarise the days, ISO weeks or months that have clips, in order of time."""
    return rated(count(observations, time_zone, bucket))


def count(observations: Sequence[Observation], time_zone: str, bucket: Bucket) -> list[Counted]:
    """Count days, ISO weeks or months; each knows nothing of the others."""
    line = timeline(observations, ZoneInfo(time_zone))
    begins = _begins(line.day, bucket)
    return [_counted(select(line, begins == begin), int(begin)) for begin in np.unique(begins)]


def rated(counted: Sequence[Counted]) -> list[Summary]:
    """Tell the rates of periods in order of time, each with what its neighbours say."""
    summaries = [one.summary for one in counted]
    known = {n: one.evidence for n, one in enumerate(counted) if one.evidence is not None}
    days = [date.fromisoformat(summaries[n].begins) for n in known]
    told = rates(days, np.array(list(known.values())))
    for n, (negative, play) in zip(known, told, strict=True):
        one = summaries[n]
        used = {"n_clips": one.n_used_clips, "n_sessions": one.n_used_sessions}
        summaries[n] = replace(one, negative=_rate(negative, used), play=_rate(play, used))
    return summaries


def _rate(told: Sequence[float], used: Mapping[str, int]) -> Rate:
    mean, low, high = told
    return Rate(mean, low, high, **used)


def rates(begins: Sequence[date], evidence: Evidence) -> list[list[list[float]]]:
    """Return mean, low and high of the negative and the play rate of periods in order of time.

    evidence (n, 2, 39).
    """
    if not len(begins):
        return []
    days = np.array([day.toordinal() for day in begins])
    masses = course(evidence.astype(np.float64).swapaxes(0, 1), days, PRIORS)
    told: list[list[list[float]]] = np.stack([intervals(mass) for mass in masses], 1).tolist()
    return told


def _begins(day: Ints, bucket: Bucket) -> Ints:
    """Return the first day of the bucket that each day lies in."""
    if bucket == "day":
        return day
    if bucket == "week":
        return np.asarray(day - _weekday(day))
    return day.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(int)


def _weekday(day: Ints) -> Array:
    monday_1970 = date(1969, 12, 29).toordinal() - EPOCH_DAY
    return np.asarray((day - monday_1970) % 7)


def _counted(line: Timeline, begin: int) -> Counted:
    usable = np.array([clip.is_usable for clip in line.clips], dtype=bool)
    clips = select(line, usable)
    ratios = [log_ratios(clips.clips, score_table(clips.clips), side) for side in SIDES]
    summary = Summary(
        begins=day_name(begin),
        n_clips=len(line.clips),
        n_sessions=len(np.unique(line.session)),
        n_abstained=int((~usable).sum()),
        n_verdicts=sum(clip.verdict is not None for clip in line.clips),
        n_used_sessions=len(np.unique(clips.session)),
        n_tense=int((ratios[0] > 0).sum()),
        negative=None,
        play=None,
        reasons=reason_shares(line.clips),
        parts_of_day=part_shares(line.hour),
        bundles=dict(sorted(Counter(clip.bundle_id for clip in line.clips).items())),
    )
    return Counted(summary, _evidence(clips, ratios) if clips.clips else None)


def _evidence(clips: Timeline, ratios: Sequence[Array]) -> Evidence:
    per_side = [
        session_log_likelihood(ratio, clips.session, clips.day).sum(axis=0) for ratio in ratios
    ]
    return np.asarray(np.stack(per_side) / DESIGN_EFFECT, np.float32)


@dataclass(frozen=True, slots=True)
class SharedHours:
    """Two pets of one household filmed in the same two hours: do they tense up together?

    `p_value`: one-sided Fisher test of the sessions in which both were filmed.
    """

    pets: tuple[str, str]
    n_joint: int  # pairs of sessions within two hours
    n_both_negative: int
    n_only_first: int
    n_only_second: int
    p_value: float
    points_to_household: bool
    when: tuple[datetime, ...]  # UTC, when both showed tense signs


def household(pets: Mapping[str, Sequence[Observation]]) -> list[SharedHours]:
    """Compare every two pets: tense signs in the same hours point to the surroundings."""
    sessions = {name: _session_signs(clips) for name, clips in pets.items()}
    return [
        _shared(pair, *(sessions[name] for name in pair)) for pair in combinations(sorted(pets), 2)
    ]


def _session_signs(clips: Sequence[Observation]) -> list[tuple[float, bool]]:
    """Return each session's start in seconds since 1970 and whether it shows tense signs."""
    line = timeline(clips, UTC)
    ratio = log_ratios(line.clips, score_table(line.clips), NEGATIVE_SIDE)
    usable = ~np.isnan(ratio)
    signs = []
    for number in np.unique(line.session[usable]):
        chosen = usable & (line.session == number)
        signs.append((float(line.time_s[chosen][0]), bool(ratio[chosen].mean() > 0)))
    return signs


def _shared(
    pair: tuple[str, str], first: list[tuple[float, bool]], second: list[tuple[float, bool]]
) -> SharedHours:
    joint = [
        (begin, here, there)
        for begin, here in first
        for other, there in [min(second, key=lambda s: abs(s[0] - begin), default=(np.inf, False))]
        if abs(other - begin) <= SESSION_S
    ]
    both = [begin for begin, here, there in joint if here and there]
    only_first = sum(here and not there for _, here, there in joint)
    only_second = sum(there and not here for _, here, there in joint)
    p = fisher_p(
        len(both), only_first, only_second, len(joint) - len(both) - only_first - only_second
    )
    points = len(both) >= MIN_JOINT_SESSIONS and p < HOUSEHOLD_P
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    when = tuple(epoch + timedelta(seconds=begin) for begin in both)
    return SharedHours(pair, len(joint), len(both), only_first, only_second, p, points, when)


def fisher_p(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Return the one-sided p of at least `both` by chance, the margins given (Fisher 1935)."""
    row, column = both + only_first, both + only_second
    total = row + only_second + neither
    k = np.arange(both, min(row, column) + 1)
    log_p = _log_choose(row, k) + _log_choose(total - row, column - k) - _log_choose(total, column)
    return float(min(1.0, np.exp(log_p).sum()))


def _log_choose(n: int, k: Ints | int) -> Array:
    return np.asarray(gammaln(n + 1) - gammaln(np.add(k, 1)) - gammaln(n - np.asarray(k) + 1))
