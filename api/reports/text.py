"""A report in words: facts in, every line of the page out. Knows no layout."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from api import ethogram
from api.reports.words import Words
from shared.models import Alert, Note
from shared.reports import Facts, Moment, SignalCount
from shared.trend.cusum import MIN_BASELINE_DAYS, MIN_BASELINE_SESSIONS

BLANK = re.compile(r"\s+")
MOST_SIGNALS = 4  # of one clip
NONE = "–"


@dataclass(frozen=True, slots=True)
class Clip:
    """One of the moments."""

    title: str
    filmed: str
    found: str
    verdict: str | None
    moment: str | None
    signals: tuple[str, ...]
    note: str | None
    still: bytes | None  # a JPEG


@dataclass(frozen=True, slots=True)
class Sheet:
    """All lines of a report, in one language."""

    language: str
    title: str
    made: str
    simulated: str | None
    name: str
    no_name: str  # for paper, when nothing of the name can be printed
    about: str
    about_clips: str
    question_label: str
    question: str
    answer_label: str
    answer: str
    rate: str
    plot_title: str
    plot_key: str
    clips_title: str
    clips: tuple[Clip, ...]
    clips_none: str
    signals_title: str
    signals_head: tuple[str, str]
    signals: tuple[tuple[str, str, str], ...]
    signals_none: str
    context_title: str
    context: tuple[tuple[str, str], ...]  # a date or a number with it, and what was
    context_none: str
    method_title: str
    method: tuple[str, ...]


def write(facts: Facts, words: Words, stills: dict[str, bytes]) -> Sheet:
    """Write a report; `stills` are JPEGs by the id of their clip, as far as there are any."""
    return Sheet(
        language=words.language,
        title=words.say("title"),
        made=words.say("made", date=words.day(_local(facts, facts.made_at))),
        simulated=words.say("simulated") if facts.pet.is_simulated else None,
        name=one_line(facts.pet.name),
        no_name=words.say("no_name"),
        about=_about(facts, words),
        about_clips=words.say(
            "about_clips",
            n=facts.n_clips,
            first=words.day(facts.first),
            last=words.day(facts.last),
            zone=facts.pet.time_zone,
        ),
        question_label=words.say("question"),
        question=one_line(facts.question or "") or words.say("default_question"),
        answer_label=words.say("answer", date=words.day(facts.last)),
        answer=answer(facts.trend, words),
        rate=_rate(facts.trend, words),
        plot_title=words.say("plot"),
        plot_key=words.say("plot_key"),
        clips_title=words.say("clips"),
        clips=tuple(_clip(facts, one, words, stills) for one in facts.moments),
        clips_none=words.say("clips_none"),
        signals_title=words.say("signals"),
        signals_head=(words.say("signals_lately"), words.say("signals_before")),
        signals=tuple(_signal_row(one, words) for one in facts.signals),
        signals_none=words.say("signals_none"),
        context_title=words.say("context"),
        context=tuple(_context(facts, words)),
        context_none=words.say("context_none"),
        method_title=words.say("method"),
        method=tuple(_method(facts, words)),
    )


def one_line(text: str) -> str:
    """Give what somebody wrote as one line."""
    return BLANK.sub(" ", text).strip()


def _local(facts: Facts, moment: datetime) -> date:
    return moment.astimezone(facts.zone).date()


def _about(facts: Facts, words: Words) -> str:
    pet, told = facts.pet, {"species": words.named(facts.pet.species), "age": _age(facts, words)}
    if pet.breed is None:
        return words.say("about_no_breed", **told)
    return words.say("about", breed=one_line(pet.breed), **told)


def _age(facts: Facts, words: Words) -> str:
    born, last = facts.pet.birth_date, facts.last
    if born is None or born > last:
        return words.say("age_unknown")
    months = (last.year - born.year) * 12 + last.month - born.month - (last.day < born.day)
    key, n = ("age_years", months // 12) if months >= 24 else ("age_months", months)
    return words.say(key, n=n)


# --- the answer ------------------------------------------------------------------------------


def answer(trend: dict[str, Any], words: Words) -> str:
    """Say a trend in one sentence of the language."""
    values = {
        "n": trend["sessions_needed"],
        "sessions": MIN_BASELINE_SESSIONS - trend["sessions_needed"],
        "min_sessions": MIN_BASELINE_SESSIONS,
        "days": MIN_BASELINE_DAYS - trend["days_needed"],
        "min_days": MIN_BASELINE_DAYS,
    }
    for name, rate in (("now", trend["negative"]["now"]), ("usual", trend["negative"]["usual"])):
        if rate is not None:
            values[name] = _in_ten(rate["mean"], words)
            values[f"{name}_range"] = _range(rate, words)
            values[f"{name}_clips"] = rate["n_clips"]
    for name, rate in (("play_now", trend["play"]["now"]), ("play_usual", trend["play"]["usual"])):
        values[name] = _in_ten(rate["mean"], words) if rate is not None else NONE
    values["p_rise"] = words.likely(trend["negative"]["p_rise"] or 0.0)
    values["onset"] = _onset(trend, words)
    return words.say(f"trend_{trend['sentence_code']}", **values)


def _in_ten(rate: float, words: Words) -> str:
    n = round(rate * 10)
    return words.say("in_ten", n=n) if n else words.say("under_one_in_ten")


def _range(rate: dict[str, Any], words: Words) -> str:
    low, high = round(rate["low"] * 10), round(rate["high"] * 10)
    if low == high:
        return _in_ten(rate["high"], words)
    return words.say("in_ten_range", low=low, high=high)


def _onset(trend: dict[str, Any], words: Words) -> str:
    changed = trend["better"] if trend["state"] == "better" else trend["worse"]
    onset = changed and changed["onset"]
    return words.day(date.fromisoformat(onset)) if onset else ""


def _rate(trend: dict[str, Any], words: Words) -> str:
    figures = trend["error_rate"]["figures"]
    rate = max(figures["false_alerts_per_pet_year"], 0.01)
    return words.say(
        "method_rate",
        years=words.decimal(1 / rate, "0.0"),
        rate=words.decimal(rate, "0.00"),
        clips=words.decimal(figures["clips_per_week"]),
        caught=words.likely(figures["caught_within_8_weeks"]),
    )


# --- clips and signals -----------------------------------------------------------------------


def _clip(facts: Facts, moment: Moment, words: Words, stills: dict[str, bytes]) -> Clip:
    at = moment.recorded_at.astimezone(facts.zone)
    result = moment.result
    return Clip(
        title=words.say(f"role_{moment.role}"),
        filmed=f"{words.day(at.date())}, {at:%H:%M} · {words.say(f'reason_{moment.reason}')}",
        found=_found(result, words),
        verdict=_verdict(moment, words),
        moment=_moment(result, words),
        signals=tuple(_signal(one, words) for one in result["signal_details"][:MOST_SIGNALS]),
        note=words.say("note", note=one_line(moment.note)) if moment.note else None,
        still=stills.get(str(moment.clip_id)),
    )


def _found(result: dict[str, Any], words: Words) -> str:
    emotion = result["emotion"]
    if emotion is None:
        return one_line(ethogram.abstention(words.language, result, words.named))
    sure = (
        words.likely(result["confidence"])
        if result["calibrated"]
        else words.say(f"evidence_{result['evidence']}")
    )
    return words.say("named", emotion=words.named(emotion), sure=sure)


def _verdict(moment: Moment, words: Words) -> str | None:
    if moment.verdict is None:
        return None
    by = words.say(f"by_{moment.verdict_by}")
    return words.say("verdict", by=by, label=words.named(moment.verdict))


def _moment(result: dict[str, Any], words: Words) -> str | None:
    if not result["moments"]:
        return None
    (begin, end), why = result["moments"][0]["span_s"], result["moments"][0]["why"]
    name = why.partition(" (")[0]  # without the weights, which are for those who build bundles
    signal = ethogram.signal(words.language, name)
    return words.say("moment", begin=words.decimal(begin), end=words.decimal(end), why=signal)


def _signal(detail: dict[str, Any], words: Words) -> str:
    name, span = ethogram.signal(words.language, detail["name"]), detail["span_s"]
    if span is None:
        return name
    begin, end = words.decimal(span[0]), words.decimal(span[1])
    return words.say("signal", name=name, begin=begin, end=end)


def _signal_row(one: SignalCount, words: Words) -> tuple[str, str, str]:
    return (
        ethogram.signal(words.language, one.name),
        words.say("of", n=one.n_lately, total=one.of_lately) if one.of_lately else NONE,
        words.say("of", n=one.n_before, total=one.of_before) if one.of_before else NONE,
    )


# --- context ---------------------------------------------------------------------------------


def _context(facts: Facts, words: Words) -> Iterator[tuple[str, str]]:
    """Give what happened, in order of time, then the corrections."""
    rows: list[tuple[datetime, int | None, str]] = [
        (note.at, number, _note(note, words)) for number, note in enumerate(facts.notes, 1)
    ]
    rows += [(one.opened_at, None, _alert(facts, one, words)) for one in facts.alerts]
    rows += [
        (one.anchored_at, None, words.say("anchored", reason=one_line(one.reason)))
        for one in facts.anchors
    ]
    for at, number, said in sorted(rows, key=lambda row: row[0]):
        day = words.short_day(at.astimezone(facts.zone).date())
        yield (f"{number} · {day}" if number else day), said
    for count in facts.verdicts:
        by = words.say(f"by_{count.by}")
        yield "", words.say("verdicts", by=by, n=count.n, agree=count.n_agree)


def _alert(facts: Facts, alert: Alert, words: Words) -> str:
    filmed = facts.flagged.get(alert.id)
    date = words.day(_local(facts, filmed)) if filmed else ""
    return words.say(f"alert_{alert.kind}", date=date)


def _note(note: Note, words: Words) -> str:
    kind, said = words.say(f"note_{note.kind}"), one_line(note.text)
    return f"{kind}: {said}" if said else kind


def _method(facts: Facts, words: Words) -> Iterator[str]:
    yield words.say("method_how")
    yield _filmed(facts.trend["mix"], words)
    calibrated = facts.trend["is_calibrated"] and facts.trend["n_clips"]
    counts = words.say(
        "method_counts",
        abstained=facts.n_abstained,
        n=facts.n_clips,
        bundles=", ".join(f"{name} ({n})" for name, n in facts.bundles) or "-",
    )
    kind = words.say("method_calibrated" if calibrated else "method_uncalibrated")
    yield f"{counts} {kind}"
    yield words.say("method_not")


def _filmed(mix: dict[str, Any], words: Words) -> str:
    """Say how many clips were filmed out of worry; no number while there are none to compare."""
    now, usual = mix["now"], mix["usual"]
    if not any(now.values()) or not any(usual.values()):
        return words.say("method_filmed_any")
    worried = {"worried_now": now["worried"], "worried_usual": usual["worried"]}
    said = {name: words.percent(share) for name, share in worried.items()}
    return words.say("method_filmed", **said)
