"""The picture of a report: tense signs week by week on the usual band, as shapes.

Shapes are drawn twice, as SVG in the page and as vectors in the PDF. Greys only: it is printed.
Units are points, the origin is the top left corner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from api.reports.words import Words
from shared.reports import Facts, Week
from shared.trend.history import PERIOD_DAYS

Anchor = Literal["start", "middle", "end"]

LEFT, RIGHT, TOP, BOTTOM = 30.0, 4.0, 22.0, 25.0
MOST_LABELS = 13
BLACK, DARK, MIDDLE, LIGHT, BAND = 0.0, 0.3, 0.55, 0.8, 0.9  # 1 is white


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    grey: float
    width: float = 0.6
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    grey: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle with an outline."""

    x: float
    y: float
    radius: float
    fill: float
    grey: float


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    size: float
    grey: float
    anchor: Anchor = "middle"


Shape = Stroke | Box | Dot | Label


@dataclass(frozen=True, slots=True)
class Axes:
    """Where days and rates lie."""

    first: date  # a Monday
    n_weeks: int
    width: float
    height: float

    @property
    def week(self) -> float:
        """Give the width of a week."""
        return (self.width - LEFT - RIGHT) / self.n_weeks

    def x(self, day: date) -> float:
        """Place a day; those outside lie on the edge."""
        weeks = (day - self.first).days / 7
        return LEFT + min(max(weeks, 0.0), float(self.n_weeks)) * self.week

    def y(self, rate: float) -> float:
        """Place a rate in [0, 1]."""
        return TOP + (1 - rate) * (self.height - TOP - BOTTOM)


def draw(facts: Facts, words: Words, *, width: float, height: float) -> list[Shape]:
    """Draw the weeks of a report."""
    monday = facts.first - timedelta(days=facts.first.weekday())
    axes = Axes(monday, (facts.last - monday).days // 7 + 1, width, height)
    shapes = [*_usual(facts, axes, words), *_frame(axes)]
    shapes += [*_events(facts, axes, words), *_dates(axes, words)]
    shapes += _weeks(facts, axes)
    if not facts.weeks:
        middle = (LEFT + width) / 2
        shapes.append(Label(middle, height / 2, words.say("plot_none"), 8, DARK))
    return shapes


def _usual(facts: Facts, axes: Axes, words: Words) -> Iterator[Shape]:
    usual = facts.trend["negative"]["usual"]
    if usual is None or not facts.trend["usual_from"]:  # still being learned: not usual yet
        return
    top, bottom = axes.y(usual["high"]), axes.y(usual["low"])
    yield Box(LEFT, top, axes.width - LEFT - RIGHT, bottom - top, BAND)
    mean = axes.y(usual["mean"])
    yield Stroke(LEFT, mean, axes.width - RIGHT, mean, MIDDLE, is_dashed=True)
    yield Label(LEFT + 2, bottom - 2.5, words.say("plot_usual"), 6.5, DARK, "start")


def _frame(axes: Axes) -> Iterator[Shape]:
    for rate in (0.0, 0.5, 1.0):
        y = axes.y(rate)
        yield Stroke(LEFT, y, axes.width - RIGHT, y, LIGHT, 0.4)
        yield Label(LEFT - 4, y + 2.3, f"{rate * 100:.0f} %", 6.5, DARK, "end")


def _dates(axes: Axes, words: Words) -> Iterator[Shape]:
    every = -(-axes.n_weeks // MOST_LABELS)
    for number in range(0, axes.n_weeks, every):
        monday = axes.first + timedelta(weeks=number)
        middle = axes.x(monday) + axes.week / 2
        yield Label(middle, axes.height - 3, words.short_day(monday), 6.3, DARK)
    yield Label(0, axes.height - 13, words.say("plot_n"), 6.5, DARK, "start")


def _weeks(facts: Facts, axes: Axes) -> Iterator[Shape]:
    lately = facts.last - timedelta(days=PERIOD_DAYS - 1)
    counted = {week.begins: week for week in facts.weeks}
    every = -(-axes.n_weeks // (2 * MOST_LABELS))
    for number in range(axes.n_weeks):
        monday = axes.first + timedelta(weeks=number)
        week = counted.get(monday)
        x = axes.x(monday) + axes.week / 2
        if number % every == 0:
            n = str(week.n_clips) if week else "0"
            yield Label(x, axes.height - 13, n, 7, BLACK if week else MIDDLE)
        if week is not None and week.mean is not None:
            is_lately = monday + timedelta(days=6) >= lately
            yield from _point(week, x, axes, is_lately=is_lately)


def _point(week: Week, x: float, axes: Axes, *, is_lately: bool) -> Iterator[Shape]:
    assert week.mean is not None
    assert week.low is not None
    assert week.high is not None
    yield Stroke(x, axes.y(week.low), x, axes.y(week.high), DARK, 0.8)
    yield Dot(x, axes.y(week.mean), 2.6, BLACK if is_lately else 1.0, BLACK)


def _events(facts: Facts, axes: Axes, words: Words) -> Iterator[Shape]:
    """Mark notes by their numbers, alerts, new starts and changes of the bundle by lines."""

    def day(moment: datetime) -> date:
        return moment.astimezone(facts.zone).date()

    for number, note in enumerate(facts.notes, 1):
        x = axes.x(day(note.at))
        yield Stroke(x, TOP - 9, x, TOP - 3, MIDDLE)
        yield Label(x, TOP - 11, str(number), 6.3, DARK)
    for alert in facts.alerts:
        yield from _line(axes.x(day(alert.opened_at)), words.say("alert"), axes, is_dashed=True)
    for anchor in facts.anchors:
        yield from _line(axes.x(day(anchor.anchored_at)), words.say("new_start"), axes)
    for change in facts.bundle_changes:
        yield from _line(axes.x(change["begins"]), words.say("new_model"), axes)


def _line(x: float, text: str, axes: Axes, *, is_dashed: bool = False) -> Iterator[Shape]:
    yield Stroke(x, TOP, x, axes.y(0), DARK, 0.8, is_dashed)
    is_right = x > axes.width * 0.8
    yield Label(
        x + (-2 if is_right else 2), TOP + 6, text, 6.5, DARK, "end" if is_right else "start"
    )
