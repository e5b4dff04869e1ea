"""Has the rate moved, and since when? A one-sided CUSUM against an anchored, uncertain baseline.

For every week k in which a change may have begun, the clips since k are weighed under "moved by
SHIFT logits" against "as usual", averaged over everything the usual rate may be after the clips
before k (at most the first twelve weeks). The score is the largest log of these Bayes factors:
Page's CUSUM (Page 1954) with the nuisance rate integrated out instead of plugged in, because a
usual rate estimated from few sessions is the main cause of false alarms. Arrays carry series in
front, so the simulator runs thousands of pets through the very code that answers for one.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from shared.trend.rate import LOGIT_GRID, Array

Direction = Literal["rise", "fall"]

WEEK = 7  # days in a block
SHIFT = 1.0  # logits: 20 % -> 40 %, or 40 % -> 20 %
TILT = 0.65  # nats more that a rise needs per logit of the usual rate, as the baseline tells it:
# without it a pet whose usual is 50 % has several times the false alerts of one at 10 %
WEEK_SD = 0.5  # logits a stable pet wanders from week to week (notes: weekly logit SD .5)
BASELINE_SD = 0.1  # logits by which "as usual" may differ between baseline and now
MEMORY_WEEKS = 26  # a change may have begun at most this long ago
BASELINE_WEEKS = 12  # weeks with clips; those of later weeks never move the usual rate
MIN_BASELINE_WEEKS = 2
MIN_BASELINE_DAYS = MIN_BASELINE_WEEKS * WEEK
MIN_BASELINE_SESSIONS = 8
CLOSING_WEEKS = 4  # an alarm closes when this many weeks look usual again ...
CLOSING_FACTOR = -1.0  # ... by this many nats
TINY = 1e-100  # keeps products of two out of the denormal numbers


def _spread(sd: float, shift: float = 0.0) -> Array:
    """Return P(rate of a week | usual rate), a column for each usual rate. (39, 39)"""
    apart = (LOGIT_GRID[:, None] - LOGIT_GRID[None, :] - shift) / sd
    mass = np.exp(-0.5 * apart**2)
    return np.asarray(mass / mass.sum(axis=0))


AS_USUAL = _spread(WEEK_SD)
MOVED = {"rise": _spread(WEEK_SD, SHIFT), "fall": _spread(WEEK_SD, -SHIFT)}
LOOSENED = _spread(BASELINE_SD)
CAUTION = {"rise": TILT * (LOGIT_GRID - logit(0.2)), "fall": np.zeros(len(LOGIT_GRID))}


@dataclass(frozen=True, slots=True)
class Walk:
    """The CUSUM of each series on each day, and the alarms it made.

    score: (n_series, n_weeks, 7) nats; -inf while the baseline is learned
    onset_week: (n_series, n_weeks) at the end of each week, the week in which a change fits best
    threshold: (n_series, n_weeks) nats
    opened: (n_series, n_weeks, 7) True on the day on which an alarm opened
    closed: (n_series, n_weeks) True in the week at whose end one closed
    alarm_onset_week: (n_series, n_weeks) onset of the alarm open at the end of the week, else -1
    """

    score: Array
    onset_week: NDArray[np.int64]
    threshold: Array
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    alarm_onset_week: NDArray[np.int64]


def first_onset_allowed(sessions_per_week: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say in which weeks a change may begin: after >= 14 days with >= 8 sessions. (n, n_weeks)"""
    before = np.cumsum(sessions_per_week, axis=1) - sessions_per_week
    week = np.arange(sessions_per_week.shape[1])
    return np.asarray((before >= MIN_BASELINE_SESSIONS) & (week >= MIN_BASELINE_WEEKS))


def in_baseline(sessions_per_week: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which weeks tell what is usual: the first twelve that have clips. (n, n_weeks)

    Weeks with clips, so that one old clip does not use the baseline up.
    """
    with_clips = np.cumsum(sessions_per_week > 0, axis=1)
    return np.asarray((with_clips <= BASELINE_WEEKS) | ~first_onset_allowed(sessions_per_week))


def walk(
    day_log_likelihood: Array,
    sessions_per_week: NDArray[np.int64],
    threshold: Array,
    *,
    prior: Array,
    directions: tuple[Direction, ...],
) -> Walk:
    """Run the CUSUM over days in blocks of seven, opening and closing alarms on the way.

    day_log_likelihood: (n_series, n_weeks, 7, 39); sessions, threshold: (n_series, n_weeks);
    prior: (n_series, 39) log mass; directions: one per series.
    """
    usual, moved = _week_likelihoods(day_log_likelihood, directions)
    allowed = first_onset_allowed(sessions_per_week)
    state = _State.begin(prior, directions)
    n_series, n_weeks = allowed.shape
    grows = in_baseline(sessions_per_week)
    score = np.full((n_series, n_weeks, WEEK), -np.inf)
    onset = np.zeros((n_series, n_weeks), dtype=np.int64)
    opened = np.zeros((n_series, n_weeks, WEEK), dtype=np.bool_)
    closed = np.zeros((n_series, n_weeks), dtype=np.bool_)
    alarm = np.full((n_series, n_weeks), -1, dtype=np.int64)
    for week in range(n_weeks):
        state.admit_onset(week, allowed[:, week])
        factors = state.log_factors(usual[:, week], moved[:, week])  # (n_series, slots, 7)
        score[:, week] = factors.max(axis=1)
        onset[:, week] = state.best_onset(factors[:, :, -1])
        opened[:, week] = state.open_alarms(score[:, week], factors, threshold[:, week])
        closed[:, week] = state.close_alarms(week, factors[:, :, -1], opened[:, week])
        alarm[:, week] = state.alarm_onset
        state.pass_week(usual[:, week, -1], moved[:, week, -1], grows[:, week])
    return Walk(score, onset, threshold, opened, closed, alarm)


def _week_likelihoods(
    day_log_likelihood: Array, directions: tuple[Direction, ...]
) -> tuple[Array, Array]:
    """Return the likelihood of each week up to each of its days, as usual and moved, by usual rate.

    The rate of the week is integrated out around the usual rate. Both (n_series, n_weeks, 7, 39),
    up to a factor that they share.
    """
    so_far = np.cumsum(day_log_likelihood, axis=2)
    likelihood = np.exp(so_far - so_far.max(axis=-1, keepdims=True))
    usual = likelihood @ AS_USUAL
    moved = np.empty_like(usual)
    for direction in {*directions}:
        rows = [index for index, name in enumerate(directions) if name == direction]
        moved[rows] = likelihood[rows] @ MOVED[direction]
    return usual, moved


@dataclass(slots=True)
class _State:
    """What the walk carries from week to week: one slot for each week a change may have begun."""

    baseline: Array  # (n_series, 39) log mass of the usual rate after the weeks so far
    caution: Array  # (n_series, 39) nats by usual rate
    usual: Array  # (n_series, slots, 39) baseline mass x clips since the onset, as usual; 0: none
    moved: Array  # the same, moved; a slot's two masses share a factor that is left out
    slot_week: NDArray[np.int64]  # (n_series, slots)
    alarm_onset: NDArray[np.int64]  # (n_series,) -1: no alarm is open

    @classmethod
    def begin(cls, prior: Array, directions: tuple[Direction, ...]) -> "_State":
        n_series = len(directions)
        caution = np.stack([CAUTION[direction] for direction in directions])
        slots = np.zeros((n_series, MEMORY_WEEKS, len(LOGIT_GRID)))
        weeks = np.full((n_series, MEMORY_WEEKS), -1, dtype=np.int64)
        no_alarm = np.full(n_series, -1, dtype=np.int64)
        return cls(prior.copy(), caution, slots, slots.copy(), weeks, no_alarm)

    def admit_onset(self, week: int, allowed: NDArray[np.bool_]) -> None:
        """Let a change begin in this week; the oldest candidate makes room."""
        mass = np.exp(self.baseline - self.baseline.max(axis=-1, keepdims=True))
        mass = mass / mass.sum(axis=-1, keepdims=True) @ LOOSENED.T
        slot = week % MEMORY_WEEKS
        self.usual[:, slot] = np.where(allowed[:, None], mass, 0.0)
        expected = (mass * self.caution).sum(axis=-1, keepdims=True)
        self.moved[:, slot] = self.usual[:, slot] * np.exp(-expected)
        self.slot_week[:, slot] = week

    def log_factors(self, usual: Array, moved: Array) -> Array:
        """Return each onset's log Bayes factor on each day of the week. (n_series, slots, 7)"""
        for_moved = self.moved @ moved.transpose(0, 2, 1)
        for_usual = self.usual @ usual.transpose(0, 2, 1)
        factors = np.log(np.maximum(for_moved, TINY) / np.maximum(for_usual, TINY))
        return np.asarray(np.where(for_usual > 0, factors, -np.inf))

    def best_onset(self, factors: Array) -> NDArray[np.int64]:
        """Return the week of the largest factor. (n_series, slots) -> (n_series,)"""
        slot = factors.argmax(axis=1)[:, None]
        return np.asarray(np.take_along_axis(self.slot_week, slot, axis=1)[:, 0])

    def open_alarms(self, score: Array, factors: Array, threshold: Array) -> NDArray[np.bool_]:
        """Open an alarm on the first day at or over the threshold, where none is open."""
        over = (score >= threshold[:, None]) & (self.alarm_onset < 0)[:, None]
        if not over.any():
            return np.asarray(over)
        first = over & (np.cumsum(over, axis=1) == 1)
        on_day = np.take_along_axis(factors, np.argmax(first, axis=1)[:, None, None], axis=2)
        began = self.best_onset(on_day[:, :, 0])
        self.alarm_onset = np.where(first.any(axis=1), began, self.alarm_onset)
        return np.asarray(first)

    def close_alarms(
        self, week: int, factors: Array, opened: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Close an alarm when the last four weeks look usual; a change then has to begin anew."""
        since = np.maximum(week - CLOSING_WEEKS + 1, self.alarm_onset)
        slot = (since % MEMORY_WEEKS)[:, None]
        recent = np.take_along_axis(factors, slot, axis=1)[:, 0]
        closes = (self.alarm_onset >= 0) & ~opened.any(axis=1) & (recent < CLOSING_FACTOR)
        self.alarm_onset = np.where(closes, -1, self.alarm_onset)
        self.usual[closes] = 0.0
        self.moved[closes] = 0.0
        return np.asarray(closes)

    def pass_week(self, usual: Array, moved: Array, grows: NDArray[np.bool_]) -> None:
        """Add a whole week to every candidate, and to the baselines that still grow."""
        usual = np.maximum(usual, TINY)
        self.usual *= usual[:, None]
        self.moved *= np.maximum(moved, TINY)[:, None]
        largest = np.maximum(self.usual.max(axis=-1), self.moved.max(axis=-1))
        scale = (1 / np.where(largest > 0, largest, 1.0))[:, :, None]
        self.usual *= scale
        self.moved *= scale
        self.baseline = np.where(grows[:, None], self.baseline + np.log(usual), self.baseline)
