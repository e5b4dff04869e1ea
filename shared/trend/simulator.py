"""Pets whose truth is known, by the thousand: what the trend's error rates are measured on.

Each pet has a rate of negative moments that wanders from week to week and from day to day, an
owner who films at some rate and perhaps more when it looks bad, and a classifier that errs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from shared.trend.answer import State, trend
from shared.trend.cusum import WEEK, Direction, Walk, walk
from shared.trend.evidence import (
    LARGEST_RATIO,
    NEGATIVE_SHARE,
    P_SMALLEST,
    UNCALIBRATED_TEMPER,
    session_log_likelihood,
)
from shared.trend.observations import DAY_S, Observation, Reason, first_of, sessions
from shared.trend.rate import (
    NEGATIVE_PRIOR,
    PLAY_PRIOR,
    Array,
    Ints,
    RatePrior,
    log_prior,
)
from shared.trend.thresholds import sessions_per_week_before, threshold

Wander = Literal["weekly", "regime", "seasonal", "walk"]
Moments = tuple[Ints, Array, NDArray[np.bool_]]  # pet, time_s, whether it is negative
BEGIN = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
BATCH = 500  # pets that are drawn at once


@dataclass(frozen=True, slots=True)
class Scenario:
    """How one kind of pets, owners and classifiers behaves; the defaults are the note's."""

    clips_per_week: float = 5.0
    n_weeks: int = 26
    base_rate: float | tuple[float, float] = 0.2  # a rate, or a Beta's two parameters
    wander: Wander = "weekly"
    wander_sd: float = 0.5  # logits
    wander_memory: float = 0.0  # correlation of one week with the next
    daily_sd: float = 0.0  # logits
    d_prime: float | tuple[float, float] = 1.96  # or a range from which each pet's is drawn
    confusion: tuple[tuple[float, ...], ...] | None = None  # rows: true class; instead of d'
    beta_spread: float | None = None  # a + b of Beta scores, calibrated exactly; instead of d'
    overconfidence: float = 1.0  # factor on the score's log odds
    pet_bias_sd: float = 0.0  # the classifier's own leaning per pet, in nats
    score_shift: float = 0.0  # nats added to every score: another class prior than assumed
    calibrated: bool = True  # what the scores claim
    worry: float = 0.0  # further clips filmed per negative moment (Poisson mean)
    selection: float = 1.0  # odds factor by which negative moments are filmed rather than others
    burst: float = 0.0  # further clips within minutes of each (Poisson mean), mostly of its mood
    labelled: float = 0.5  # share of the further clips that say reason = worried
    spell_week: int | None = None  # from here on, six weeks long, `spell_worry` replaces `worry`
    spell_worry: float = 2.0
    one_clip_hour: bool = False  # every clip of a day at the same hour
    rise_week: int | None = None
    rise_to: float = 0.5
    ramp_weeks: int = 0


@dataclass(frozen=True, slots=True)
class Clips:
    """The clips of many pets, by pet and time; `time_s` counts from the first Monday, 0:00."""

    n_pets: int
    n_weeks: int
    pet: Ints
    time_s: Array
    negative: NDArray[np.bool_]
    log_ratio: Array  # nats, what a calibrated score would say, then distorted by the scenario
    worried: NDArray[np.bool_]
    routine: NDArray[np.bool_]


def simulate(scenario: Scenario, n_pets: int, rng: np.random.Generator) -> Clips:
    """Draw the clips of many pets."""
    rate = daily_rates(scenario, n_pets, rng)
    moments = _filmed(scenario, rate, rng)
    bursts = _filmed_in_bursts(scenario, rate, moments, rng)
    pet, time_s, negative = _joined(moments, bursts)
    worried = negative & (rng.random(len(pet)) < 0.3 * (scenario.worry > 0))
    routine = ~worried & (rng.random(len(pet)) < 0.7)
    more = _filmed_out_of_worry(scenario, rate, moments, rng)
    pet, time_s, negative = _joined((pet, time_s, negative), more)
    labelled = rng.random(len(more[0])) < scenario.labelled
    worried = np.concatenate([worried, labelled])
    routine = np.concatenate([routine, np.zeros(len(labelled), dtype=bool)])
    order = np.lexsort((time_s, pet))
    clips = (pet[order], time_s[order], negative[order])
    ratio = _scores(scenario, n_pets, clips[0], clips[2], rng)
    return Clips(n_pets, scenario.n_weeks, *clips, ratio, worried[order], routine[order])


def _joined(first: Moments, second: Moments) -> Moments:
    pet, time_s, negative = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    return pet, time_s, negative


def daily_rates(scenario: Scenario, n_pets: int, rng: np.random.Generator) -> Array:
    """Draw each pet's true rate of negative moments on each day. (n_pets, n_weeks * 7)"""
    level = _base_logits(scenario, n_pets, rng)[:, None]
    week = np.arange(scenario.n_weeks)
    path = level + _wander(scenario, n_pets, rng)
    if scenario.rise_week is not None:
        share = np.clip((week - scenario.rise_week + 1) / (scenario.ramp_weeks + 1), 0, 1)
        path = path + share * (logit(scenario.rise_to) - level)
    daily = np.repeat(path, WEEK, axis=1)
    return np.asarray(expit(daily + rng.normal(0, scenario.daily_sd, daily.shape)))


def _base_logits(scenario: Scenario, n_pets: int, rng: np.random.Generator) -> Array:
    if isinstance(scenario.base_rate, tuple):
        return np.asarray(logit(np.clip(rng.beta(*scenario.base_rate, n_pets), 0.02, 0.7)))
    return np.full(n_pets, logit(scenario.base_rate))


def _wander(scenario: Scenario, n_pets: int, rng: np.random.Generator) -> Array:
    """Draw the weekly departure from a pet's level, in logits, SD `wander_sd`. (n_pets, n_weeks)"""
    shape = (n_pets, scenario.n_weeks)
    if scenario.wander == "seasonal":
        phase = rng.uniform(0, 2 * np.pi, (n_pets, 1))
        season = np.sqrt(2) * np.sin(2 * np.pi * np.arange(scenario.n_weeks) / 52 + phase)
        return np.asarray(scenario.wander_sd * season)
    if scenario.wander == "regime":
        flips = rng.random(shape) < 1 / 6  # a good or a bad spell lasts six weeks on average
        sign = np.where(np.cumsum(flips, axis=1) % 2 == rng.integers(0, 2, (n_pets, 1)), 1.0, -1.0)
        return np.asarray(scenario.wander_sd * sign)
    if scenario.wander == "walk":
        steps = rng.normal(0, scenario.wander_sd / np.sqrt(26), shape)
        return np.asarray(np.cumsum(steps, axis=1))
    noise = rng.normal(0, scenario.wander_sd, shape)
    for week in range(1, scenario.n_weeks):
        fresh = np.sqrt(1 - scenario.wander_memory**2) * noise[:, week]
        noise[:, week] = scenario.wander_memory * noise[:, week - 1] + fresh
    return noise


def _filmed(scenario: Scenario, rate: Array, rng: np.random.Generator) -> Moments:
    """Draw the moments that are filmed: pet, time, whether the moment is negative."""
    per_week = scenario.clips_per_week / (1 + scenario.burst)
    count = rng.poisson(per_week / WEEK, rate.shape)
    cell = np.repeat(np.arange(count.size), count.ravel())
    odds = scenario.selection * rate / (1 - rate)
    negative = rng.random(cell.size) < (odds / (1 + odds)).ravel()[cell]
    hour = np.full(cell.size, 12.0) if scenario.one_clip_hour else rng.uniform(7, 22, cell.size)
    pet, day = np.divmod(cell, rate.shape[1])
    return pet, day * DAY_S + hour * 3600, negative


def _filmed_in_bursts(
    scenario: Scenario, rate: Array, moments: Moments, rng: np.random.Generator
) -> Moments:
    """Draw what is filmed within half an hour of a moment: three in five show the same mood."""
    pet, time_s, negative = moments
    again = np.repeat(np.arange(len(pet)), rng.poisson(np.full(len(pet), scenario.burst)))
    latest_s = (time_s[again] // DAY_S + 1) * DAY_S - 60
    later_s = np.minimum(time_s[again] + rng.uniform(30, 1800, len(again)), latest_s)
    anew = rng.random(len(again)) < rate[pet[again], (later_s // DAY_S).astype(np.int64)]
    same = rng.random(len(again)) < 0.6
    return pet[again], later_s, np.where(same, negative[again], anew)


def _filmed_out_of_worry(
    scenario: Scenario, rate: Array, moments: Moments, rng: np.random.Generator
) -> Moments:
    """Draw what a worried owner films after a negative moment.

    Half of it within the hour, where the mood is the same four times in five; half later that
    day, when it is negative at least every second time.
    """
    pet, time_s, negative = moments
    week = (time_s // (WEEK * DAY_S)).astype(np.int64)
    worry = np.full(len(pet), scenario.worry)
    if scenario.spell_week is not None:
        in_spell = (week >= scenario.spell_week) & (week < scenario.spell_week + 6)
        worry[in_spell] = scenario.spell_worry
    again = np.repeat(np.arange(len(pet)), rng.poisson(worry * negative))
    soon = rng.random(len(again)) < 0.5
    wait_h = np.where(soon, rng.uniform(0, 1, len(again)), rng.uniform(1, 8, len(again)))
    latest_s = (time_s[again] // DAY_S + 1) * DAY_S - 60
    later_s = np.minimum(time_s[again] + wait_h * 3600, latest_s)
    chance = np.maximum(rate[pet[again], (later_s // DAY_S).astype(np.int64)], 0.5)
    chance = np.where(soon, 0.8, chance)
    return pet[again], later_s, rng.random(len(again)) < chance


def _scores(
    scenario: Scenario,
    n_pets: int,
    pet: Ints,
    negative: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Array:
    """Draw what the classifier says, as a log likelihood ratio in nats."""
    if scenario.confusion is not None:
        ratio = _scores_of_confusion(np.array(scenario.confusion), negative, rng)
    elif scenario.beta_spread is not None:
        ratio = _beta_scores(scenario.beta_spread, negative, rng)
    else:
        low, high = np.broadcast_to(scenario.d_prime, 2)
        d_prime = rng.uniform(low, high, n_pets)[pet]
        ratio = d_prime * (rng.normal(size=len(pet)) + np.where(negative, d_prime, -d_prime) / 2)
    bias = rng.normal(0, scenario.pet_bias_sd, n_pets)[pet]
    return np.asarray(scenario.overconfidence * (ratio + bias) + scenario.score_shift)


def _scores_of_confusion(
    confusion: Array, negative: NDArray[np.bool_], rng: np.random.Generator
) -> Array:
    """Draw a named class per clip and return its log ratio; rows in the order of CLASSES."""
    counts = np.array([confusion[[0, 1, 3]].sum(axis=0), confusion[[2, 4]].sum(axis=0)]) + 0.5
    chance = counts / counts.sum(axis=1, keepdims=True)
    edges = np.cumsum(chance, axis=1)
    named = (rng.random(len(negative))[:, None] > edges[negative.astype(int)]).sum(axis=1)
    return np.asarray(np.log(chance[1] / chance[0])[np.minimum(named, len(chance[0]) - 1)])


def _beta_scores(spread: float, negative: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """Draw scores p ~ Beta whose clips are negative with chance p, and return their log ratio."""
    a, b = spread * NEGATIVE_SHARE, spread * (1 - NEGATIVE_SHARE)
    score = np.where(negative, rng.beta(a + 1, b, len(negative)), rng.beta(a, b + 1, len(negative)))
    return np.asarray(logit(np.clip(score, P_SMALLEST, 1 - P_SMALLEST)) - logit(NEGATIVE_SHARE))


def day_evidence(clips: Clips, *, calibrated: bool = True) -> tuple[Array, Ints]:
    """Return days' log likelihoods (n_pets, n_weeks, 7, 39), sessions (n_pets, n_weeks, 7)."""
    n_days = clips.n_weeks * WEEK
    session = sessions(clips.time_s + clips.pet * float(2 * n_days * DAY_S))
    cell = clips.pet * n_days + (clips.time_s // DAY_S).astype(np.int64)
    limit = np.log(LARGEST_RATIO)
    ratio = clips.log_ratio * (1.0 if calibrated else UNCALIBRATED_TEMPER)
    per_session = session_log_likelihood(np.clip(ratio, -limit, limit), session, cell)
    cell = cell[first_of(session)]
    evidence = np.zeros((clips.n_pets * n_days, per_session.shape[1]))
    if len(cell):
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        evidence[cell[starts]] = np.add.reduceat(per_session, starts, axis=0)
    n_sessions = np.bincount(cell, minlength=clips.n_pets * n_days)
    shape = (clips.n_pets, clips.n_weeks, WEEK)
    return evidence.reshape(*shape, -1), n_sessions.reshape(shape)


def run(
    clips: Clips,
    *,
    question: str = "rise",
    budget_per_year: float = 0.5,
    prior: RatePrior | None = None,
    calibrated: bool = True,
    never_alarm: bool = False,
) -> Walk:
    """Run the product's CUSUM over simulated pets."""
    evidence, n_sessions = day_evidence(clips, calibrated=calibrated)
    weekly = n_sessions.sum(axis=2)
    limits = (
        np.full(weekly.shape, np.inf)
        if never_alarm
        else threshold(question, sessions_per_week_before(weekly), budget_per_year)
    )
    direction: Direction = "rise" if question == "rise" else "fall"
    prior = prior or (PLAY_PRIOR if question == "play_fall" else NEGATIVE_PRIOR)
    return walk(
        evidence,
        weekly,
        limits,
        prior=np.repeat(log_prior(prior)[None], clips.n_pets, axis=0),
        directions=(direction,) * clips.n_pets,
    )


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened: `n` of `total`, the rate and its 95 % bounds."""

    n: int
    total: float
    rate: float
    low: float
    high: float


def false_alerts(result: Walk) -> Count:
    """Count alarms of stable pets per pet-year of watching."""
    watched = float(np.isfinite(result.score[:, :, -1]).sum() / 52)
    return rate_per_year(int(result.opened.sum()), watched)


def rate_per_year(n: int, years: float) -> Count:
    """Return a Poisson rate with its approximate 95 % interval."""
    half = 1.96 * np.sqrt(max(n, 1))
    return Count(n, years, n / years, float(max(0.0, n - half)) / years, float(n + half) / years)


def caught(result: Walk, rise_week: int, within_weeks: int) -> Count:
    """Count pets whose alarm opened within some weeks of their rise (or was open already then)."""
    window = slice(rise_week, rise_week + within_weeks)
    open_before = result.alarm_onset_week[:, rise_week - 1] >= 0
    hit = result.opened[:, window].any(axis=(1, 2)) & ~open_before
    candidates = ~open_before
    return share(int(hit.sum()), int(candidates.sum()))


def share(n: int, total: int) -> Count:
    """Return a binomial share with its Wilson 95 % interval."""
    z, p = 1.96, n / max(total, 1)
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * np.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return Count(n, float(total), p, float(max(0.0, middle - half)), float(min(1.0, middle + half)))


def pet_observations(clips: Clips, pet: int) -> list[Observation]:
    """Write one simulated pet's clips the way the product stores them."""
    chosen = np.flatnonzero(clips.pet == pet)
    chance = expit(clips.log_ratio[chosen] + logit(NEGATIVE_SHARE))
    return [
        Observation(
            clip_id=f"clip-{index:06d}",
            recorded_at=BEGIN + timedelta(seconds=float(clips.time_s[index])),
            probabilities=_five_classes(float(p)),
            bundle_id="simulated",
            calibrated=True,
            reason=_reason(clips, int(index)),
        )
        for index, p in zip(chosen, chance, strict=True)
    ]


def weekly_states(clips: Clips, pet: int, weeks: Iterable[int]) -> list[State]:
    """Ask the product at the end of each of some weeks how one simulated pet is."""
    observations = pet_observations(clips, pet)
    return [
        trend(observations, time_zone="UTC", now=BEGIN + timedelta(weeks=week)).state
        for week in weeks
    ]


def _five_classes(negative: float) -> dict[str, float]:
    rest = 1 - negative
    return {
        "Relaxed": 0.4 * rest,
        "Alert": 0.4 * rest,
        "Anxious": 0.6 * negative,
        "Playful": 0.2 * rest,
        "Distressed": 0.4 * negative,
    }


def _reason(clips: Clips, index: int) -> Reason:
    if clips.worried[index]:
        return Reason.WORRIED
    return Reason.ROUTINE if clips.routine[index] else Reason.OTHER


# --- the table of thresholds ---------------------------------------------------------------

SESSIONS_PER_WEEK = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
BUDGETS = (0.1, 0.25, 0.5, 1.0, 2.0)
SAFETY = 0.8  # the table aims at this share of a budget: room for pets unlike the simulated ones

# Pets for the table are drawn from all of these, so that it is not tuned to one kind of wander.
MIXED = (
    Scenario(),
    Scenario(base_rate=(2, 6), wander_memory=0.7, d_prime=(1.3, 2.6)),
    Scenario(base_rate=(2, 6), daily_sd=0.5, worry=0.5, d_prime=(1.3, 2.6)),
    Scenario(burst=0.8, wander_sd=0.25),
    Scenario(daily_sd=0.5, wander_memory=0.5, worry=0.5),
)
PLAY_BASE = (4.0, 5.0)


def calibrate(question: str, per_week: float, n_pets: int, seed: int) -> list[float]:
    """Find each budget's threshold at some sessions a week: a year's highest CUSUM, rare enough."""
    highest = []
    for number, scenario in enumerate(MIXED):
        pets = replace(scenario, clips_per_week=per_week * (1 + scenario.burst), n_weeks=52)
        if question == "play_fall":
            pets = replace(pets, base_rate=PLAY_BASE, worry=0.0)
        for batch in range(max(1, n_pets // BATCH)):
            rng = np.random.default_rng([seed, 999, number, batch])
            result = run(
                simulate(pets, min(n_pets, BATCH), rng), question=question, never_alarm=True
            )
            highest.append(result.score.max(axis=(1, 2)))
    years = (52 - 3) / 52
    shares = np.exp(-SAFETY * np.array(BUDGETS) * years)
    return [round(float(value), 3) for value in np.quantile(np.concatenate(highest), shares)]
