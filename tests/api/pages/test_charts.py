"""Where things lie in a chart."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

from api.pages import charts
from shared.models import Bucket
from shared.overview import Around
from shared.patterns import Cell

SPAN = (date(2026, 3, 2), date(2026, 5, 24))  # twelve whole weeks
NOTHING = Around([], [], [], [])


def week(n, mean=0.2, n_clips=3):
    begins = (SPAN[0] + timedelta(weeks=n)).isoformat()
    rate = {"mean": mean, "low": mean / 2, "high": min(1.0, mean * 2)}
    return {"begins": begins, "n_clips": n_clips, "negative": rate}


def draw(items, around=NOTHING, usual=None):
    return charts.chart(items, around, usual, span=SPAN, bucket=Bucket.WEEK, zone="UTC")


def test_nothing_is_a_chart_too():
    drawn = draw([])
    assert (drawn.dots, drawn.line, drawn.gaps, drawn.marks) == ([], "", [], [])


def test_time_runs_to_the_right_and_a_higher_rate_lies_higher():
    first, last = draw([week(0, 0.1), week(11, 0.5)]).dots
    assert charts.LEFT <= first.x < last.x <= charts.RIGHT
    assert last.y < first.y
    assert last.y_high <= last.y <= last.y_low
    assert (first.is_last, last.is_last) == (False, True)


def test_a_line_ends_where_clips_are_missing_and_a_long_gap_is_shown():
    drawn = draw([week(n) for n in (0, 1, 5, 6, 10, 11)])
    assert drawn.line.count("M") == 3
    assert len(drawn.gaps) == 2
    assert draw([week(10), week(11)]).gaps == []  # the time before the first clip is none


def test_everything_stays_inside_even_at_the_highest_rates():
    drawn = draw([week(n, 1.0) for n in range(12)], usual={"low": 0.0, "high": 1.0})
    assert all(charts.TOP <= dot.y_high <= dot.y_low <= charts.BOTTOM for dot in drawn.dots)
    assert drawn.usual == (charts.TOP, charts.BOTTOM - charts.TOP)


def test_what_began_before_or_after_the_span_is_marked_at_its_edge():
    old = SimpleNamespace(at=datetime(2020, 1, 1, tzinfo=UTC))
    drawn = draw([week(0)], Around([old], [], [], []))
    assert [mark.x for mark in drawn.marks] == [charts.LEFT]


def test_a_week_has_all_its_days_and_one_tense_day_is_told_from_others():
    clips = {"n_abstained": 0, "n_tense": 2}
    tense = {**week(0), **clips, "begins": "2026-03-02"}
    calm = {**week(0), **clips, "begins": "2026-03-04", "n_tense": 1}
    found = charts.days([tense, calm], NOTHING, (date(2026, 3, 2), date(2026, 3, 8)), "UTC")
    assert [one.n for one in found] == [3, 0, 3, 0, 0, 0, 0]
    assert [one.tone for one in found][:3] == ["maybe", "quiet", "calm"]


def test_few_clips_say_nothing_of_a_part_of_the_week():
    rows = charts.grid([Cell(1, 3, 2, 0.9), Cell(7, 0, 3, 0.9)])
    assert (rows[3][0].shade, rows[3][0].n) == (0, 2)
    assert rows[0][6].shade == 5


def test_a_sparkline_shows_a_single_week_and_breaks_at_gaps():
    points = [(date(2026, 3, 2), 0.2), (date(2026, 3, 9), None), (date(2026, 3, 16), 0.4)]
    spark = charts.sparkline(points, None, date(2026, 3, 2), date(2026, 5, 18))
    assert spark.line.count("M") == 2
    assert charts.sparkline([], None, date(2026, 3, 2), date(2026, 5, 18)).line == ""
