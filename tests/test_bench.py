"""Every benchmark runs and measures something; how much is no matter for a test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import SECTIONS
from bench.figures import Figure, amount, at_least, at_most, table
from bench.timing import percentile

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_measures_something(section, tmp_path):
    command = [sys.executable, "-m", "bench", "--tiny", "--json", section]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows
    assert all(row["section"] == section and row["measured"] > 0 for row in rows)


def test_a_missed_target_is_shown_with_its_real_figure():
    figure = Figure("s", "f", 20, "ms", "b", 10, target=at_most(20, 15, "<= 15 ms"))
    cells = [next(iter(column.cells)) for column in table([figure]).columns]
    assert cells == ["s", "f", "20.0 ms", "10.0 ms  b", "2.00 x", "<= 15 ms", "[red]missed"]


def test_a_speed_up_says_how_many_times_faster():
    figure = Figure("s", "f", 5, "ms", "b", 20, is_speed_up=True, target=at_least(4, 3, ">= 3"))
    assert figure.ratio == 4
    assert figure.target.is_met


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([1.0] * 99 + [9.0], 99) == 1.0
    assert percentile([1.0] * 98 + [9.0] * 2, 99) == 9.0


def test_large_amounts_have_no_decimals():
    assert [amount(each, "s") for each in (0.123, 12.34, 123.4)] == ["0.12 s", "12.3 s", "123 s"]
