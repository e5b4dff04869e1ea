"""One pet's clips with their evidence: the windows that are compared and the CUSUMs over them."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.trend.cusum import (
    MIN_BASELINE_WEEKS,
    WEEK,
    Direction,
    Walk,
    first_onset_allowed,
    in_baseline,
    walk,
)
from shared.trend.evidence import (
    NEGATIVE_SHARE,
    PLAY_SHARE,
    Side,
    log_ratios,
    score_table,
    session_log_likelihood,
)
from shared.trend.lines import Line, line
from shared.trend.mood import ClassShare, mood
from shared.trend.observations import (
    NEGATIVE,
    PLAY,
    Observation,
    Reason,
    Timeline,
    day_name,
    first_of,
    select,
)
from shared.trend.rate import (
    DESIGN_EFFECT,
    NEGATIVE_PRIOR,
    PLAY_PRIOR,
    RATE_GRID,
    Array,
    Ints,
    Rate,
    RatePrior,
    log_prior,
    p_rise,
    posterior,
    rate_of,
)
from shared.trend.thresholds import sessions_per_week_before, threshold

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Priors:
    """What is known before the first clip: of the population, and of the bundle's scores.

    `negative_share`, `play_share`: the share of those classes in what the scores were calibrated
    on.
    """

    negative_rate: RatePrior = NEGATIVE_PRIOR
    play_rate: RatePrior = PLAY_PRIOR
    negative_share: float = NEGATIVE_SHARE
    play_share: float = PLAY_SHARE


NO_KNOWLEDGE = Priors()


PERIOD_DAYS = 28  # "lately"
MIN_PERIOD_SESSIONS = 4
QUESTIONS: tuple[tuple[str, Direction], ...] = (
    ("rise", "rise"),
    ("fall", "fall"),
    ("play_fall", "fall"),
)


@dataclass(frozen=True, slots=True)
class Cusum:
    """One CUSUM today. Days are ISO dates on the owner's calendar; scores are in nats."""

    score: float | None  # None while the baseline is learned
    threshold: float
    is_open: bool
    onset: str | None  # the week in which the change began, of the open alarm or the best guess
    alarmed_on: str | None  # the day on which the open alarm opened
    alarms: tuple[str, ...]  # every day on which an alarm opened, the open one included


@dataclass(frozen=True, slots=True)
class Comparison:
    """One rate lately against usual; `p_rise` and `p_fall` are of more than 10 points."""

    now: Rate | None
    usual: Rate | None
    p_rise: float | None
    p_fall: float | None


def bundle_in_use(line: Timeline, today: int) -> str | None:
    """Name the bundle whose clips are compared: the most used of the last 28 days, else the last.

    Scores of different bundles are never compared with each other, so none can make a trend.
    """
    if not line.clips:
        return None
    recent = [
        clip.bundle_id
        for clip, day in zip(line.clips, line.day.tolist(), strict=True)
        if day > today - PERIOD_DAYS
    ]
    if not recent:
        return line.clips[-1].bundle_id
    counts = Counter(recent)
    last_seen = {bundle: index for index, bundle in enumerate(recent)}
    return max(counts, key=lambda bundle: (counts[bundle], last_seen[bundle]))


@dataclass(frozen=True, slots=True)
class History:
    """One pet's clips with their evidence, the CUSUMs over them and the two windows compared."""

    clips: Timeline
    today: int
    first_day: int
    negative: Array  # (n_sessions, 39) log likelihoods
    play: Array  # (n_sessions, 39)
    walks: Walk | None  # series in the order of QUESTIONS
    baseline_end: int | None  # first day after the smallest baseline; None while learning
    usual_end: int  # first day after the baseline as far as it has grown
    priors: Priors

    @classmethod
    def of(
        cls,
        clips: Timeline,
        today: int,
        budget_per_year: float,
        priors: Priors,
    ) -> "History":
        scores = score_table(clips.clips)
        sides = (
            log_ratios(clips.clips, scores, Side(NEGATIVE, priors.negative_share)),
            log_ratios(clips.clips, scores, Side(PLAY, priors.play_share)),
        )
        negative, play = (
            session_log_likelihood(ratio, clips.session, clips.day) for ratio in sides
        )
        first_day = int(clips.day.min()) if len(clips.day) else today
        walks, baseline_end = None, None
        n_weeks = (today - first_day) // WEEK + 1
        weekly = _sessions_per_week(clips, first_day, n_weeks)
        allowed = first_onset_allowed(weekly[None])
        if allowed.any():
            baseline_end = first_day + int(np.argmax(allowed[0])) * WEEK
            walks = _walk(clips, (negative, play), weekly, first_day, budget_per_year, priors)
        weeks_usual = int(np.flatnonzero(in_baseline(weekly[None])[0])[-1]) + 1
        usual_end = first_day + weeks_usual * WEEK
        return cls(clips, today, first_day, negative, play, walks, baseline_end, usual_end, priors)

    def routine_only(self, budget_per_year: float, priors: Priors) -> "History | None":
        """Return the history of routine clips alone, or None where they make no comparison."""
        routine = np.array([clip.reason == Reason.ROUTINE for clip in self.clips.clips], dtype=bool)
        history = History.of(select(self.clips, routine), self.today, budget_per_year, priors)
        return history if history.sessions_now() >= MIN_PERIOD_SESSIONS else None

    def window_now(self) -> tuple[int, int]:
        """Return the first and last day of "lately": four weeks, none of the smallest baseline."""
        earliest = self.today - PERIOD_DAYS + 1
        return max(earliest, self.baseline_end or earliest), self.today

    def window_usual(self) -> tuple[int, int]:
        """Return the first and last day of "usual": the baseline, or until the change or lately."""
        end = min(self.usual_end, self.window_now()[0])
        for series in (0, 1):
            onset = self.open_onset_day(series)
            end = end if onset is None else min(end, onset)
        return self.first_day, end - 1

    def open_onset_day(self, series: int) -> int | None:
        """Return the day on which the change of an open alarm began."""
        if self.walks is None:
            return None
        onset = self.walks.alarm_onset_week[series]
        week = int(onset[-1])
        # The week that is still running cannot close an alarm.
        if week < 0 and self.walks.closed[series, -1] and not self._is_last_week_whole():
            week = int(onset[-2])
        return None if week < 0 else self.first_day + week * WEEK

    def _is_last_week_whole(self) -> bool:
        return (self.today - self.first_day) % WEEK == WEEK - 1

    def inside(self, window: tuple[int, int]) -> Bools:
        return np.asarray((self.clips.day >= window[0]) & (self.clips.day <= window[1]))

    def sessions_now(self) -> int:
        if self.baseline_end is None:
            return 0
        return len(np.unique(self.clips.session[self.inside(self.window_now())]))

    def clips_now_and_usual(self) -> tuple[list[Observation], list[Observation]]:
        if self.baseline_end is None:
            return [], []
        return self._clips(self.window_now()), self._clips(self.window_usual())

    def _clips(self, window: tuple[int, int]) -> list[Observation]:
        return [self.clips.clips[index] for index in np.flatnonzero(self.inside(window))]

    def compare(self, side: Array, prior: RatePrior) -> Comparison:
        """Compare a rate lately with usual; no probability below four sessions lately."""
        if self.baseline_end is None:
            return Comparison(
                None, self._rate(side, prior, (self.first_day, self.today))[1], None, None
            )
        now_mass, now = self._rate(side, prior, self.window_now())
        usual_mass, usual = self._rate(side, prior, self.window_usual())
        if now_mass is None or usual_mass is None or self.sessions_now() < MIN_PERIOD_SESSIONS:
            return Comparison(now, usual, None, None)
        return Comparison(now, usual, p_rise(now_mass, usual_mass), p_rise(usual_mass, now_mass))

    def _rate(
        self, side: Array, prior: RatePrior, window: tuple[int, int]
    ) -> tuple[Array | None, Rate | None]:
        chosen = self.inside(window)
        if not chosen.any():
            return None, None
        numbers = np.unique(self.clips.session[chosen])
        mass = posterior(side[numbers], prior)
        return mass, rate_of(mass, int(chosen.sum()), len(numbers))

    def mood(self, window: tuple[int, int]) -> dict[str, ClassShare] | None:
        chosen = self.inside(window)
        return mood(self._clips(window), self.clips.weight[chosen]) if chosen.any() else None

    def cusum(self, series: int) -> Cusum | None:
        """Summarise one CUSUM as of today."""
        if self.walks is None:
            return None
        day = (self.today - self.first_day) % WEEK
        score = float(self.walks.score[series, -1, day])
        onset = self.open_onset_day(series)
        guess = self.first_day + int(self.walks.onset_week[series, -1]) * WEEK
        opened = np.flatnonzero(self.walks.opened[series].ravel()) + self.first_day
        alarms = tuple(day_name(int(number)) for number in opened)
        best = onset if onset is not None else guess
        return Cusum(
            score=score if np.isfinite(score) else None,
            threshold=float(self.walks.threshold[series, -1]),
            is_open=onset is not None,
            onset=day_name(best) if np.isfinite(score) or onset is not None else None,
            alarmed_on=alarms[-1] if onset is not None else None,
            alarms=alarms,
        )

    def line(self) -> Line | None:
        """Draw the line through weekly rates."""
        n_weeks = (self.today - self.first_day) // WEEK + 1
        weekly = _by_day(self.negative, _session_days(self.clips) - self.first_day, n_weeks).sum(
            axis=1
        )
        numbers = np.flatnonzero(_sessions_per_week(self.clips, self.first_day, n_weeks))
        mass = np.exp(weekly[numbers] / DESIGN_EFFECT + log_prior(self.priors.negative_rate))
        rates = mass @ RATE_GRID / mass.sum(axis=1)
        return line(numbers.astype(np.float64), rates)

    def sessions_per_week(self) -> float:
        """Return the mean number of sessions in a week so far."""
        n_sessions = len(np.unique(self.clips.session))
        weeks = max(MIN_BASELINE_WEEKS, (self.today - self.first_day + 1) / WEEK)
        return n_sessions / weeks


def _sessions_per_week(clips: Timeline, first_day: int, n_weeks: int) -> Ints:
    weeks = (_session_days(clips) - first_day) // WEEK
    return np.bincount(weeks, minlength=n_weeks).astype(np.int64)


def _session_days(clips: Timeline) -> Ints:
    return clips.day[first_of(clips.session)]


def _walk(
    clips: Timeline,
    sides: tuple[Array, Array],
    weekly: Ints,
    first_day: int,
    budget_per_year: float,
    priors: Priors,
) -> Walk:
    """Run the three CUSUMs of one pet side by side."""
    days = _session_days(clips) - first_day
    negative, play = (_by_day(side, days, len(weekly)) for side in sides)
    pace = sessions_per_week_before(weekly[None])
    limits = [threshold(question, pace, budget_per_year)[0] for question, _ in QUESTIONS]
    rates = (priors.negative_rate, priors.negative_rate, priors.play_rate)
    masses = [log_prior(prior) for prior in rates]
    return walk(
        np.stack([negative, negative, play]),
        np.repeat(weekly[None], len(QUESTIONS), axis=0),
        np.stack(limits),
        prior=np.stack(masses),
        directions=tuple(direction for _, direction in QUESTIONS),
    )


def _by_day(side: Array, day: Ints, n_weeks: int) -> Array:
    """Sum sessions' log likelihoods by day. (n_sessions, 39) -> (n_weeks, 7, 39)"""
    days = np.zeros((n_weeks * WEEK, side.shape[1]))
    if len(day):
        order = np.argsort(day, kind="stable")  # clocks set back at midnight disorder the days
        starts = np.flatnonzero(np.diff(day[order], prepend=-1))
        days[day[order][starts]] = np.add.reduceat(side[order], starts, axis=0)
    return days.reshape(n_weeks, WEEK, -1)
