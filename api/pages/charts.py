"""Where things lie in a chart, in per cent of its width and height. Knows no words.

Drawn as SVG by the templates: lines and areas in a stretched inner picture, dots and texts beside
them, so that nothing is distorted on any screen and no script is needed.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from api.pages import dates
from shared.models import Bucket
from shared.overview import Around
from shared.patterns import PARTS_A_DAY, Cell

Json = dict[str, Any]

LEFT, RIGHT, TOP, BOTTOM = 1.0, 88.0, 8.0, 84.0  # where the rates lie, per cent
TOPS = (0.6, 0.8, 1.0)  # of the rates' axis
SPARK_TOP = 0.8
MOST_DOTS = 60  # above that, dots would be a smear
MOST_TICKS = 5
FEWEST_IN_A_CELL = 3
STEP = {Bucket.DAY: timedelta(days=1), Bucket.WEEK: timedelta(weeks=1)}
JOINED = {Bucket.DAY: timedelta(days=3), Bucket.WEEK: timedelta(weeks=1)}  # by a line
GAP = {Bucket.DAY: timedelta(days=7), Bucket.WEEK: timedelta(weeks=2)}  # worth a word


@dataclass(frozen=True, slots=True)
class Dot:
    """One day or week."""

    x: float
    y: float
    y_low: float
    y_high: float
    begins: date
    item: Json
    is_last: bool

    @property
    def radius(self) -> float:
        """Let more clips look heavier."""
        return 3.0 if self.item["n_clips"] < 3 else 4.0 if self.item["n_clips"] < 6 else 5.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: a note, an alert, a new start, another bundle."""

    x: float
    kind: str  # note, alert, anchor, bundle
    at: datetime | date
    what: Any


@dataclass(frozen=True, slots=True)
class Chart:
    """A pet's rate of tense signs over time, with what is usual."""

    dots: list[Dot]
    line: str  # path in the stretched picture
    area: str
    usual: tuple[float, float] | None  # top and height
    gaps: list[tuple[float, float]]  # left and width
    marks: list[Mark]
    ticks: list[tuple[float, date]]
    grid: list[tuple[float, float]]  # height, rate
    bucket: Bucket

    @property
    def has_dots(self) -> bool:
        return len(self.dots) <= MOST_DOTS

    def figures(self) -> dict[str, list[float]]:
        """List the values for a script that draws them for a closer look."""
        rates = [dot.item["negative"] for dot in self.dots]
        moments = [datetime.combine(dot.begins, time(12), UTC).timestamp() for dot in self.dots]
        return {
            "at": moments,
            **{name: [round(rate[name], 3) for rate in rates] for name in ("mean", "low", "high")},
            "n": [dot.item["n_clips"] for dot in self.dots],
        }


def chart(
    items: Sequence[Json],
    around: Around,
    usual: Json | None,
    *,
    span: tuple[date, date],
    bucket: Bucket,
    zone: str,
) -> Chart:
    """Lay out the days or weeks of a span with everything that happened in it."""
    rated = [item for item in items if item["negative"] is not None]
    highest = [item["negative"]["high"] for item in rated] + ([usual["high"]] if usual else [])
    scale = Scale(span, next(top for top in TOPS if top >= min(max(highest, default=0.6), 1.0)))
    dots = [_dot(item, scale, bucket, is_last=item is rated[-1]) for item in rated]
    pieces = list(_pieces(dots, JOINED[bucket]))
    return Chart(
        dots=dots,
        line=" ".join(_path([(dot.x, dot.y) for dot in piece]) for piece in pieces),
        area=" ".join(_area(piece) for piece in pieces),
        usual=_band(usual, scale) if usual else None,
        gaps=list(_gaps(dots, scale, bucket)),
        marks=sorted(_marks(around, scale, zone), key=lambda mark: mark.x),
        ticks=_ticks(scale),
        grid=[(scale.y(share * scale.top), share * scale.top) for share in (0.0, 0.5, 1.0)],
        bucket=bucket,
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """From days and rates to per cent."""

    span: tuple[date, date]
    top: float

    def x(self, day: date, *, days_on: float = 0.5) -> float:
        """Give where a moment of a day lies, noon by default."""
        first, last = self.span
        share = ((day - first).days + days_on) / ((last - first).days + 1)
        return round(LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share)), 2)

    def y(self, rate: float) -> float:
        """Give where a rate lies."""
        return round(BOTTOM - (BOTTOM - TOP) * min(1.0, rate / self.top), 2)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a week: its clips, whether most were tense, and what happened."""

    day: date
    n: int
    tone: str
    marks: list[Mark]


def days(items: Sequence[Json], around: Around, week: tuple[date, date], zone: str) -> list[Day]:
    """Lay out every day of a week, with and without clips."""
    by_day = {item["begins"]: item for item in items}
    marks = list(_marks(around, Scale(week, 1.0), zone))
    found = []
    for n in range((week[1] - week[0]).days + 1):
        day = week[0] + timedelta(days=n)
        item = by_day.get(day.isoformat())
        happened = [mark for mark in marks if _day(mark.at, zone) == day]
        found.append(Day(day, item["n_clips"] if item else 0, _day_tone(item), happened))
    return found


def _day_tone(item: Json | None) -> str:
    """Tell a day on which more clips than not spoke for tense signs; it alone never alarms."""
    if item is None or item["negative"] is None:
        return "quiet"
    return "maybe" if 2 * item["n_tense"] > item["n_clips"] - item["n_abstained"] else "calm"


def _day(at: datetime | date, zone: str) -> date:
    return dates.local(at, zone).date() if isinstance(at, datetime) else at


@dataclass(frozen=True, slots=True)
class Shade:
    """One part of a day of the week: its clips, and how tense they were in five shades."""

    n: int
    tense: float
    shade: int  # 0 few clips, 1 calm .. 5 tense


def grid(cells: Sequence[Cell]) -> list[list[Shade]]:
    """Lay out a week's pattern: a row for each part of the day, a column for each weekday."""
    rows = [[Shade(0, 0.0, 0) for _ in range(7)] for _ in range(PARTS_A_DAY)]
    for cell in cells:
        shade = 1 + min(4, int(cell.tense * 5)) if cell.n >= FEWEST_IN_A_CELL else 0
        rows[cell.part][cell.weekday - 1] = Shade(cell.n, cell.tense, shade)
    return rows


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line of weekly rates in a picture of 100 by 100, stretched where it is shown."""

    line: str
    usual: tuple[float, float] | None  # top and height


def sparkline(
    points: Sequence[tuple[date, float | None]], usual: Json | None, first: date, last: date
) -> Spark:
    """Lay out a line over weeks, broken at gaps, with what is usual behind it."""

    def place(day: date, rate: float) -> tuple[float, float]:
        x = 100 * ((day - first).days + 3.5) / ((last - first).days + 7)
        return round(x, 1), _spark_y(rate)

    pieces: list[list[tuple[float, float]]] = []
    before: date | None = None
    for day, rate in points:
        if rate is None:
            continue
        if before is None or day - before > STEP[Bucket.WEEK]:
            pieces.append([])
        pieces[-1].append(place(day, rate))
        before = day
    band = (_spark_y(usual["high"]), _spark_y(usual["low"])) if usual else None
    line = " ".join(_path(piece * 2 if len(piece) == 1 else piece) for piece in pieces)
    return Spark(line, band and (band[0], round(band[1] - band[0], 1)))


def _spark_y(rate: float) -> float:
    return round(96 - 92 * min(1.0, rate / SPARK_TOP), 1)


def _band(usual: Json, scale: Scale) -> tuple[float, float]:
    top, bottom = scale.y(usual["high"]), scale.y(usual["low"])
    return top, round(bottom - top, 2)


def _dot(item: Json, scale: Scale, bucket: Bucket, *, is_last: bool) -> Dot:
    begins, rate = date.fromisoformat(item["begins"]), item["negative"]
    x = scale.x(begins, days_on=STEP[bucket].days / 2)
    mean, low, high = (scale.y(rate[name]) for name in ("mean", "low", "high"))
    return Dot(x, mean, low, high, begins, item, is_last)


def _pieces(dots: Sequence[Dot], joined: timedelta) -> Iterable[list[Dot]]:
    """Break the line where too much time lies between two dots."""
    piece: list[Dot] = []
    for dot in dots:
        if piece and dot.begins - piece[-1].begins > joined:
            yield piece
            piece = []
        piece.append(dot)
    if piece:
        yield piece


def _gaps(dots: Sequence[Dot], scale: Scale, bucket: Bucket) -> Iterable[tuple[float, float]]:
    """Give the stretches without clips since the first that are long enough to be told."""
    ends = [*(dot.begins for dot in dots), scale.span[1] + timedelta(days=1)]
    for before, after in itertools.pairwise(ends):
        if after - before - STEP[bucket] >= GAP[bucket]:
            left = scale.x(before + STEP[bucket], days_on=0)
            yield left, round(scale.x(after, days_on=0) - left, 2)


def _marks(around: Around, scale: Scale, zone: str) -> Iterable[Mark]:
    first, last = scale.span
    dated: list[tuple[str, datetime, Any]] = [
        *(("note", note.at, note) for note in around.notes),
        *(("alert", alarm.opened_at, alarm) for alarm in around.alerts),
        *(("anchor", anchor.anchored_at, anchor) for anchor in around.baselines),
    ]
    for kind, at, what in dated:
        local = dates.local(at, zone)
        day = min(last, max(first, local.date()))
        yield Mark(scale.x(day, days_on=local.hour / 24), kind, at, what)
    for changed in around.bundle_changes:
        yield Mark(scale.x(changed["begins"], days_on=0), "bundle", changed["begins"], changed)


def _ticks(scale: Scale) -> list[tuple[float, date]]:
    first, last = scale.span
    days = (last - first).days
    n = min(MOST_TICKS, max(2, days // 7))
    chosen = [first + timedelta(days=round(days * (k + 0.5) / n)) for k in range(n)]
    return [(scale.x(day), day) for day in chosen]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in points)


def _area(piece: Sequence[Dot]) -> str:
    """Outline the interval around a line."""
    edge = [(dot.x, dot.y_high) for dot in piece]
    back = [(dot.x, dot.y_low) for dot in reversed(piece)]
    return _path([*edge, *back]) + " Z"
