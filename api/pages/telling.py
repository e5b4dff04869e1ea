"""What is known of a pet as sentences in the reader's language: by code and number.

The words report signs and changes; they name no illness and never say that no vet is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from api import ethogram
from api.pages import dates, words
from shared.alerts import URGENT
from shared.models import Alert, AlertKind, Assessment
from shared.overview import Newest
from shared.trend import Sentence, State
from shared.trend.cusum import MIN_BASELINE_DAYS, MIN_BASELINE_SESSIONS
from shared.trend.observations import NEGATIVE

Json = dict[str, Any]

TONES = {
    State.LEARNING: "quiet",
    State.TOO_FEW_CLIPS: "quiet",
    State.AS_USUAL: "calm",
    State.MAYBE_CHANGED: "maybe",
    State.CHANGED: "worse",
    State.BETTER: "better",
}
EMOTION_TONES = {
    "Relaxed": "calm",
    "Playful": "calm",
    "Alert": "quiet",
    "Anxious": "maybe",
    "Distressed": "worse",
}
NOW = timedelta(hours=24)  # an older clip says nothing of now


@dataclass(frozen=True, slots=True)
class Said:
    """A short answer with its tone; `detail` goes on where there is more to say."""

    tone: str
    text: str
    detail: str = ""


# --- is this getting worse? ------------------------------------------------------------------


def change(language: str, answer: Json) -> Said:
    """Say the trend in a word or two, and in one plain sentence with its numbers."""
    name = answer["sentence_code"]
    text = words.say(language, f"state.{name}")
    tone = "maybe" if name == Sentence.CHANGED_UNSURE else TONES[State(answer["state"])]
    return Said(tone, text, words.say(language, f"headline.{name}", **_values(language, answer)))


def rates(language: str, answer: Json) -> str:
    """Say how often lately and usually; nothing while there is nothing to compare."""
    now, usual = answer["negative"]["now"], answer["negative"]["usual"]
    if now is None or usual is None or answer["state"] in (State.LEARNING, State.TOO_FEW_CLIPS):
        return ""
    return words.say(
        language,
        "trend.rates",
        now=in_ten(language, now["mean"]),
        now_range=_range(language, now),
        usual=in_ten(language, usual["mean"]),
        usual_range=_range(language, usual),
    )


def notes(language: str, answer: Json) -> list[str]:
    """Say what limits the answer: how it was filmed, how often such an alert is false."""
    said = []
    if answer["mix"]["has_moved"]:
        key = "mix_moved" if answer["routine_decides"] else "mix_moved_too_few"
        said.append(words.say(language, f"trend.{key}"))
    if answer["state"] == State.CHANGED:
        rate = max(answer["error_rate"]["figures"]["false_alerts_per_pet_year"], 0.01)
        said.append(words.say(language, "trend.error_rate", years=round(1 / rate)))
    if not answer["is_calibrated"]:
        said.append(words.say(language, "trend.uncalibrated"))
    return said


def next_clip(language: str, answer: Json) -> Said:
    """Say which clips would help most, and why."""
    best = answer["next_best_clip"]
    part = words.say(language, f"part.{best['part_of_day']}")
    text = words.say(language, "next.clips", n=best["n_clips"], part=part)
    if best["within_hours"]:
        hours = best["within_hours"]
        text = words.say(language, "next.soon", n=best["n_clips"], part=part, hours=hours)
    why = "mix" if answer["mix"]["has_moved"] else answer["state"]
    return Said("quiet", text, words.say(language, f"next.why.{why}"))


def _values(language: str, answer: Json) -> Json:
    """Give everything that a headline may name."""
    now, usual = answer["negative"]["now"], answer["negative"]["usual"]
    play = answer["play"]
    better = answer["state"] == State.BETTER
    cusum, sure = ("better", "p_fall") if better else ("worse", "p_rise")
    onset = (answer[cusum] or {}).get("onset")
    return {
        "sessions": MIN_BASELINE_SESSIONS - answer["sessions_needed"],
        "min_sessions": MIN_BASELINE_SESSIONS,
        "days": MIN_BASELINE_DAYS - answer["days_needed"],
        "min_days": MIN_BASELINE_DAYS,
        "n": answer["sessions_needed"],
        "now_clips": now["n_clips"] if now else 0,
        "usual_clips": usual["n_clips"] if usual else 0,
        "sure": dates.percent(language, answer["negative"][sure] or 0.0),
        "onset": dates.short_day(language, date.fromisoformat(onset)) if onset else "",
        "play_now": in_ten(language, play["now"]["mean"]) if play["now"] else "",
        "play_usual": in_ten(language, play["usual"]["mean"]) if play["usual"] else "",
    }


def in_ten(language: str, rate: float) -> str:
    """Say a rate in words: 3 in 10."""
    if rate < 0.05:
        return words.say(language, "trend.under_one_in_ten")
    return words.say(language, "trend.in_ten", k=round(rate * 10))


def _range(language: str, rate: Json) -> str:
    low, high = round(rate["low"] * 10), round(rate["high"] * 10)
    return words.say(language, "trend.in_ten", k=low if low == high else f"{low}–{high}")


# --- is it anxious now? ----------------------------------------------------------------------


def seen(language: str, newest: Newest | None) -> Said:
    """Say what the last clip showed, in a word or two."""
    if newest is None:
        return Said("quiet", words.say(language, "seen.nothing"))
    assessment, verdict = newest.assessment, newest.verdict
    if verdict is not None:
        said = words.say(language, f"emotion.{verdict.label}")
        detail = words.say(language, f"seen.corrected_by.{verdict.by}")
        return Said(EMOTION_TONES[verdict.label], said, detail)
    if assessment.emotion is None:
        return Said("quiet", words.say(language, "seen.unclear"), why_unclear(language, assessment))
    said = words.say(language, f"emotion.{assessment.emotion}")
    return Said(EMOTION_TONES[assessment.emotion], said, sureness(language, assessment.result))


def is_recent(newest: Newest | None) -> bool:
    """Tell whether the last clip is new enough to speak of now."""
    return newest is not None and datetime.now(UTC) - newest.assessment.recorded_at <= NOW


def sureness(language: str, result: Json) -> str:
    """Say how sure an assessment is: a probability where it is calibrated, else the evidence."""
    if result.get("calibrated"):
        return dates.percent(language, result["confidence"])
    return words.say(language, f"evidence.{result['evidence']}") if result["evidence"] else ""


def why_unclear(language: str, assessment: Assessment) -> str:
    """Say why a clip does not tell, in the reader's language where there are words for it."""
    name = f"abstention.{assessment.abstention_code}"
    if words.knows(language, name):
        return words.say(language, name)
    return str((assessment.result.get("abstention") or {}).get("text", ""))


def abstention(language: str, result: Json) -> str:
    """Say why a result names no state, and what to film instead."""
    return ethogram.abstention(
        language, result, lambda name: words.say(language, f"emotion.{name}")
    )


# --- should I call a vet? --------------------------------------------------------------------


def vet(language: str, answer: Json, newest: Newest | None, alarms: Sequence[Alert]) -> Said:
    """Say whether to call a vet: red flags before everything, then the trend.

    A snoozed or closed alert takes nothing back of what the last clip showed.
    """
    urgency = _urgency(newest)
    if urgency == URGENT or any(alarm.kind == AlertKind.RED_FLAG for alarm in alarms):
        return _vet(language, "worse", "call_today")
    if urgency == "book_visit" or answer["state"] == State.CHANGED:
        return _vet(language, "maybe", "book_visit")
    if urgency == "watch" or answer["state"] == State.MAYBE_CHANGED:
        return _vet(language, "maybe", "watch")
    return _vet(language, "quiet", "no_clips" if newest is None else "no_flag")


def _vet(language: str, tone: str, code: str) -> Said:
    said = words.say(language, f"vet.{code}.short")
    return Said(tone, said, words.say(language, f"vet.{code}.long"))


def _urgency(newest: Newest | None) -> str | None:
    """Give what the last clip asks for; nothing where somebody said that it shows no tense sign."""
    if newest is None or not is_recent(newest):
        return None
    if newest.verdict is not None and newest.verdict.label not in NEGATIVE:
        return None
    return str(newest.assessment.result["recommendation"]["urgency"])
