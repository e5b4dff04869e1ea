"""The trend of one pet: recomputed from its raw clips at each look, whatever order they came in.

Pure: knows no database, no settings and no clock. `docs/trend.md` explains the method in words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from shared.trend import texts
from shared.trend.card import Figures, figures_for
from shared.trend.context import ReasonMix, part_shares, reason_mix, usual_part_of_day
from shared.trend.cusum import MIN_BASELINE_DAYS, MIN_BASELINE_SESSIONS
from shared.trend.history import (
    MIN_PERIOD_SESSIONS,
    NO_KNOWLEDGE,
    PERIOD_DAYS,
    QUESTIONS,
    Comparison,
    Cusum,
    History,
    Priors,
    bundle_in_use,
)
from shared.trend.lines import Line
from shared.trend.mood import ClassShare
from shared.trend.observations import (
    Anchor,
    Observation,
    Reason,
    day_name,
    days_without_clips,
    local_day,
    select,
    timeline,
)
from shared.trend.rate import IMPORTANT_RISE

BUDGET_PER_YEAR = 0.5  # false alerts of a stable pet
MAYBE_SHARE = 0.6  # of the threshold: worth a word, not an alert
MAYBE_P_RISE = 0.95
UNSURE_P = 0.5  # of an open alarm: the last weeks alone say rather no than yes


class State(StrEnum):
    """The answer in one word."""

    LEARNING = "learning"
    TOO_FEW_CLIPS = "too_few_clips"
    AS_USUAL = "as_usual"
    MAYBE_CHANGED = "maybe_changed"
    CHANGED = "changed"
    BETTER = "better"


class Sentence(StrEnum):
    """Which sentence says the answer: some states have two."""

    LEARNING = "learning"
    LEARNING_BUNDLE = "learning_bundle"
    TOO_FEW_CLIPS = "too_few_clips"
    TOO_FEW_OPEN = "too_few_open"
    AS_USUAL = "as_usual"
    MAYBE_CHANGED = "maybe_changed"
    MAYBE_LESS_PLAY = "maybe_less_play"
    CHANGED = "changed"
    CHANGED_UNSURE = "changed_unsure"
    BETTER = "better"


@dataclass(frozen=True, slots=True)
class NextClip:
    """The clips that would settle most."""

    n_clips: int
    reason: str
    part_of_day: str
    within_hours: int | None
    why: str


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """What this rule does in simulation, at about this pet's clip rate (docs/trend-card.json)."""

    budget_per_year: float
    sessions_per_week: float
    figures: Figures


@dataclass(frozen=True, slots=True)
class Trend:
    """The answer about change against the pet's own anchored baseline."""

    state: State
    sentence_code: Sentence
    sentence: str
    notes: tuple[str, ...]  # further sentences: the mix, the error rate, what this is not
    period_from: str | None
    usual_from: str | None
    usual_to: str | None
    negative: Comparison
    play: Comparison
    mood_now: dict[str, ClassShare] | None
    mood_usual: dict[str, ClassShare] | None
    worse: Cusum | None
    better: Cusum | None
    less_play: Cusum | None
    line: Line | None
    mix: ReasonMix
    routine_decides: bool
    parts_of_day_now: dict[str, float]
    parts_of_day_usual: dict[str, float]
    n_clips: int  # usable clips of the compared bundle
    n_abstained: int
    n_verdicts: int
    n_other_bundles: int
    bundle_id: str | None
    is_calibrated: bool
    sessions_needed: int
    days_needed: int
    longest_gap_days: int
    days_since_last_clip: int
    next_best_clip: NextClip
    error_rate: ErrorRate
    anchor: Anchor | None


def as_json(answer: Trend) -> dict[str, Any]:
    """Return the answer as plain values that `json.dumps` takes."""
    plain = asdict(answer)
    if answer.anchor is not None:
        plain["anchor"]["at"] = answer.anchor.at.isoformat()
    return plain


def trend(
    observations: Iterable[Observation],
    *,
    time_zone: str,
    now: datetime,
    anchor: Anchor | None = None,
    budget_per_year: float = BUDGET_PER_YEAR,
    priors: Priors = NO_KNOWLEDGE,
) -> Trend:
    """Answer "is this getting worse?" for one pet as of `now`.

    `time_zone` is the owner's IANA zone; observations after `now` or before the anchor are left
    out. The same observations give the same answer in any order.
    """
    zone = ZoneInfo(time_zone)
    begin = anchor.at if anchor is not None else None
    seen = [
        clip
        for clip in observations
        if clip.recorded_at <= now and (begin is None or clip.recorded_at >= begin)
    ]
    today = local_day(now, zone)
    everything = timeline(seen, zone)
    bundle_id = bundle_in_use(everything, today)
    of_bundle = np.array([clip.bundle_id == bundle_id for clip in everything.clips], dtype=bool)
    all_of_bundle = select(everything, of_bundle)
    usable = np.array([clip.is_usable for clip in all_of_bundle.clips], dtype=bool)
    clips = select(all_of_bundle, usable)
    history = History.of(clips, today, budget_per_year, priors)
    mix = reason_mix(*history.clips_now_and_usual())
    routine_history = history.routine_only(budget_per_year, priors) if mix.has_moved else None
    deciding = routine_history or history
    return _answer(
        deciding,
        history,
        mix,
        Counts(
            n_abstained=int((~usable).sum()),
            n_other_bundles=int((~of_bundle).sum()),
            bundle_id=bundle_id,
        ),
        anchor,
        budget_per_year,
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """What was left out of the comparison, and which bundle was compared."""

    n_abstained: int
    n_other_bundles: int
    bundle_id: str | None


def _answer(
    deciding: History,
    whole: History,
    mix: ReasonMix,
    counts: Counts,
    anchor: Anchor | None,
    budget_per_year: float,
) -> Trend:
    """Put the answer together: `deciding` holds the clips that decide, `whole` all of them."""
    negative = deciding.compare(deciding.negative, deciding.priors.negative_rate)
    play = deciding.compare(deciding.play, deciding.priors.play_rate)
    worse, better, less_play = (deciding.cusum(series) for series in range(len(QUESTIONS)))
    routine_decides = mix.has_moved and deciding is not whole
    undecided = mix.has_moved and deciding is whole
    state = _state(deciding, negative, (worse, better, less_play), undecided)
    pace = whole.sessions_per_week()
    error_rate = ErrorRate(budget_per_year, pace, figures_for(pace))
    missing = _missing(deciding, state)
    comparing = deciding.baseline_end is not None
    now_window, usual_window = deciding.window_now(), deciding.window_usual()
    days = sorted(set(whole.clips.day.tolist()))
    gap, since = days_without_clips(days, whole.today)
    cusums = (worse, better, less_play)
    code = _sentence_code(state, negative, cusums, counts)
    return Trend(
        state=state,
        sentence_code=code,
        sentence=_sentence(code, state, deciding, negative, play, cusums, missing),
        notes=_notes(state, mix, routine_decides, error_rate),
        period_from=day_name(now_window[0]) if comparing else None,
        usual_from=day_name(usual_window[0]) if comparing else None,
        usual_to=day_name(usual_window[1]) if comparing else None,
        negative=negative,
        play=play,
        mood_now=deciding.mood(now_window) if comparing else None,
        mood_usual=deciding.mood(usual_window) if comparing else None,
        worse=worse,
        better=better,
        less_play=less_play,
        line=deciding.line(),
        mix=mix,
        routine_decides=routine_decides,
        parts_of_day_now=part_shares(whole.clips.hour[whole.inside(whole.window_now())]),
        parts_of_day_usual=part_shares(whole.clips.hour[whole.inside(whole.window_usual())]),
        n_clips=len(whole.clips.clips),
        n_abstained=counts.n_abstained,
        n_verdicts=sum(clip.verdict is not None for clip in whole.clips.clips),
        n_other_bundles=counts.n_other_bundles,
        bundle_id=counts.bundle_id,
        is_calibrated=all(clip.calibrated for clip in whole.clips.clips),
        sessions_needed=missing[0],
        days_needed=missing[1],
        longest_gap_days=gap,
        days_since_last_clip=since,
        next_best_clip=_next_clip(state, whole, missing, since, mix.has_moved),
        error_rate=error_rate,
        anchor=anchor,
    )


def _state(
    history: History,
    negative: Comparison,
    cusums: Sequence[Cusum | None],
    undecided: bool,
) -> State:
    """Name the state; an alarm that worried filming may have made is not more than "maybe"."""
    worse, better, less_play = cusums
    if worse is None or better is None or less_play is None:
        return State.LEARNING
    if history.sessions_now() < MIN_PERIOD_SESSIONS:
        return State.TOO_FEW_CLIPS
    if worse.is_open:
        return State.MAYBE_CHANGED if undecided else State.CHANGED
    if _is_near(worse, negative) or less_play.is_open:
        return State.MAYBE_CHANGED
    return State.BETTER if better.is_open else State.AS_USUAL


def _missing(history: History, state: State) -> tuple[int, int]:
    """Return how many sessions and days are missing for an answer."""
    if state is State.LEARNING:
        n_sessions = len(np.unique(history.clips.session))
        days = history.today - history.first_day if n_sessions else 0
        sessions_needed = max(0, MIN_BASELINE_SESSIONS - n_sessions)
        return sessions_needed, max(0, MIN_BASELINE_DAYS - days)
    if state is State.TOO_FEW_CLIPS:
        return MIN_PERIOD_SESSIONS - history.sessions_now(), 0
    return 0, 0


def _sentence_code(
    state: State, negative: Comparison, cusums: Sequence[Cusum | None], counts: Counts
) -> Sentence:
    """Choose the sentence that says the answer."""
    if state is State.LEARNING:
        return Sentence.LEARNING_BUNDLE if counts.n_other_bundles else Sentence.LEARNING
    worse, _, less_play = cusums
    assert worse is not None
    assert less_play is not None
    if state is State.TOO_FEW_CLIPS:
        return Sentence.TOO_FEW_OPEN if worse.is_open else Sentence.TOO_FEW_CLIPS
    if state is State.MAYBE_CHANGED:
        is_play = less_play.is_open and not worse.is_open and not _is_near(worse, negative)
        return Sentence.MAYBE_LESS_PLAY if is_play else Sentence.MAYBE_CHANGED
    if state is State.CHANGED:
        is_unsure = (negative.p_rise or 0.0) < UNSURE_P
        return Sentence.CHANGED_UNSURE if is_unsure else Sentence.CHANGED
    return Sentence(state)


def _sentence(
    code: Sentence,
    state: State,
    history: History,
    negative: Comparison,
    play: Comparison,
    cusums: Sequence[Cusum | None],
    missing: tuple[int, int],
) -> str:
    """Say the answer in one plain sentence."""
    worse, better, _ = cusums
    if state is State.LEARNING:
        return texts.say(
            code,
            sessions=len(np.unique(history.clips.session)),
            min_sessions=MIN_BASELINE_SESSIONS,
            days=min(history.today - history.first_day, MIN_BASELINE_DAYS),
            min_days=MIN_BASELINE_DAYS,
        )
    assert worse is not None
    assert better is not None
    if state is State.TOO_FEW_CLIPS:
        return texts.say(
            code,
            alarmed=worse.alarmed_on or "",
            sessions=history.sessions_now(),
            period_days=PERIOD_DAYS,
            needed=missing[0],
        )
    onset = better.onset if state is State.BETTER else worse.onset
    return texts.say(code, **_words(negative, play), onset=onset or "")


def _is_near(worse: Cusum, negative: Comparison) -> bool:
    near = worse.score is not None and worse.score >= MAYBE_SHARE * worse.threshold
    return near or (negative.p_rise or 0.0) >= MAYBE_P_RISE


def _words(negative: Comparison, play: Comparison) -> dict[str, str | int]:
    """Return the values that sentences about a comparison are filled with."""
    now, usual = negative.now, negative.usual
    assert now is not None
    assert usual is not None
    return {
        "now": texts.in_ten(now.mean),
        "now_range": texts.range_in_ten(now.low, now.high),
        "now_clips": now.n_clips,
        "usual": texts.in_ten(usual.mean),
        "usual_range": texts.range_in_ten(usual.low, usual.high),
        "usual_clips": usual.n_clips,
        "points": round(IMPORTANT_RISE * 100),
        "p_rise": texts.percent(negative.p_rise or 0.0),
        "play_now": texts.in_ten(play.now.mean) if play.now else "",
        "play_usual": texts.in_ten(play.usual.mean) if play.usual else "",
    }


def _notes(
    state: State, mix: ReasonMix, routine_decides: bool, error_rate: ErrorRate
) -> tuple[str, ...]:
    """Return the further sentences: bias, error rate, and what this is not."""
    said = []
    if mix.has_moved:
        said.append(texts.say("mix_moved" if routine_decides else "mix_moved_too_few"))
    if state is State.CHANGED:
        rate = max(error_rate.figures.false_alerts_per_pet_year, 0.01)
        said.append(texts.say("error_rate", years=f"{1 / rate:.0f}"))
    said.append(texts.say("not_a_diagnosis"))
    return tuple(said)


def _next_clip(
    state: State, history: History, missing: tuple[int, int], since: int, has_moved: bool
) -> NextClip:
    """Say which clips would settle most: routine ones, at the baseline's time of day."""
    usual = history.inside(history.window_usual())
    part = usual_part_of_day(history.clips.hour[usual])
    n_clips, within_hours, key = 1, None, "next_usual"
    if state is State.LEARNING:
        n_clips, key = max(1, missing[0]), "next_learning"
    elif state is State.TOO_FEW_CLIPS:
        n_clips, key = missing[0], "next_too_few"
    elif has_moved:
        n_clips, key = MIN_PERIOD_SESSIONS, "next_mix"
    elif state is State.MAYBE_CHANGED:
        n_clips, within_hours, key = 2, 48, "next_maybe"
    elif state in (State.CHANGED, State.BETTER):
        key = "next_changed"
    return NextClip(n_clips, str(Reason.ROUTINE), part, within_hours, texts.say(key))
