"""`tailtrend evaluate trend`: simulate pets, count false alerts and detections, write the card."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cli import naive_trend_rules as naive
from shared.trend import State, simulator
from shared.trend.simulator import Count, Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Card = dict[str, Any]  # what docs/trend-card.json holds: plain JSON
RATES = (3.0, 5.0, 10.0)
RISE_WEEK = 10
BUDGET = 0.5
MUST_CATCH = {5.0: 0.50, 10.0: 0.75}  # of 20 % -> 50 %, within 8 weeks
PACKAGE = Path(simulator.__file__).parent
DOCS = PACKAGE.parent.parent / "docs"

# A five-class confusion matrix like that of a good clip classifier (rows: true class in the order
# Relaxed, Alert, Anxious, Playful, Distressed): a stand-in until a bundle brings its own.
CONFUSION = (
    (70.0, 15.0, 8.0, 6.0, 1.0),
    (15.0, 62.0, 12.0, 9.0, 2.0),
    (8.0, 12.0, 65.0, 4.0, 11.0),
    (7.0, 9.0, 4.0, 78.0, 2.0),
    (2.0, 5.0, 17.0, 4.0, 72.0),
)
# Stable pets, owners and classifiers. The first four are those that the budget must hold for.
SCENARIOS = {
    "weekly wander (SD 0.5 logits)": Scenario(),
    "and day-to-day wander (SD 0.5)": Scenario(daily_sd=0.5),
    "and a worried owner (0.5 further clips per tense moment, half labelled)": Scenario(
        daily_sd=0.5, worry=0.5
    ),
    "a very worried owner (1.0 further clips per tense moment)": Scenario(daily_sd=0.5, worry=1.0),
    "tense moments filmed at twice the odds": Scenario(daily_sd=0.5, selection=2.0),
    "worry begins in week 14 (2 further clips, none labelled)": Scenario(
        daily_sd=0.5, spell_week=14, labelled=0.0
    ),
    "bursts (0.8 further clips within minutes)": Scenario(wander_sd=0.0, burst=0.8),
    "bursts and day-to-day wander": Scenario(daily_sd=0.5, burst=0.8),
    "no wander at all": Scenario(wander_sd=0.0),
    "Beta scores, calibrated exactly": Scenario(beta_spread=1.15),
    "Beta scores in bursts": Scenario(beta_spread=1.15, burst=0.8),
    "wander with memory (0.7 from week to week)": Scenario(wander_memory=0.7),
    "good and bad spells of six weeks": Scenario(wander="regime"),
    "seasons": Scenario(wander="seasonal"),
    "usual rate 10 %": Scenario(base_rate=0.1),
    "usual rate 35 %": Scenario(base_rate=0.35),
    "usual rate 50 %, rising to 80 %": Scenario(base_rate=0.5, rise_to=0.8),
    "usual rates Beta(2, 6)": Scenario(base_rate=(2.0, 6.0)),
    "weak classifier (d' 1.2)": Scenario(d_prime=1.2),
    "hard labels from a confusion matrix": Scenario(confusion=CONFUSION),
    "overconfident scores, taken as calibrated": Scenario(overconfidence=2.0),
    "underconfident scores, taken as calibrated": Scenario(overconfidence=0.5),
    "overconfident scores, declared uncalibrated": Scenario(overconfidence=2.0, calibrated=False),
    "good scores, declared uncalibrated": Scenario(calibrated=False),
    "classifier leans by pet (SD 0.7 nats)": Scenario(pet_bias_sd=0.7),
    "scores made for 20 % tense clips, taken for 30 %": Scenario(score_shift=-0.54),
    "scores made for 40 % tense clips, taken for 30 %": Scenario(score_shift=0.44),
    "scores made for 50 % tense clips, taken for 30 %": Scenario(score_shift=0.85),
    "all clips at noon": Scenario(one_clip_hour=True),
}
REQUIRED = tuple(SCENARIOS)[:4]
# Where a rise must be caught: three kinds of pets and filming, two kinds of scores.
CATCHING = (
    REQUIRED[0],
    "bursts (0.8 further clips within minutes)",
    "no wander at all",
    "Beta scores, calibrated exactly",
)


def evaluate_trend(
    pets: Annotated[int, typer.Option(help="Simulated pets per cell.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 6,
    out: Annotated[Path, typer.Option(help="Where the card and the plot go.")] = DOCS,
    confusion: Annotated[
        Path | None, typer.Option(help="JSON file with a 5 x 5 confusion matrix, rows true.")
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First make the table of thresholds anew.")
    ] = False,
) -> None:
    """Measure the trend's false alerts and detections on simulated pets and write the card."""
    console = Console()
    matrix = CONFUSION if confusion is None else _read_confusion(confusion)
    with Progress(console=console) as progress:
        if calibrate:
            write_thresholds(pets, seed, _ticker(progress, "thresholds", 3 * 7))
        n_cells = len(SCENARIOS) * len(RATES) + len(RATES) + len(ANSWERED)
        card = make_card(pets, seed, matrix, _ticker(progress, "simulating", n_cells))
    write_card(card, out)
    _print(card, console)
    raise typer.Exit(0 if card["holds"] else 1)


def _read_confusion(path: Path) -> tuple[tuple[float, ...], ...]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    if np.array(rows, dtype=np.float64).shape != (5, 5):
        raise typer.BadParameter("the confusion matrix must be five rows of five counts")
    return tuple(tuple(float(value) for value in row) for row in rows)


def _ticker(progress: Progress, name: str, total: int) -> Callable[[], None]:
    task = progress.add_task(name, total=total)
    return lambda: progress.advance(task)


def write_thresholds(pets: int, seed: int, tick: Callable[[], None]) -> None:
    """Simulate `shared/trend/thresholds.json`; it is used from the next run on."""
    table = {}
    for question in ("rise", "fall", "play_fall"):
        columns = []
        for rate in simulator.SESSIONS_PER_WEEK:
            columns.append(simulator.calibrate(question, rate, pets, seed))
            tick()
        table[question] = [list(row) for row in zip(*columns, strict=True)]
    _write_json(
        PACKAGE / "thresholds.json",
        {
            "made_by": f"tailtrend evaluate trend --calibrate --pets {pets} --seed {seed}",
            "sessions_per_week": simulator.SESSIONS_PER_WEEK,
            "false_alerts_per_pet_year": simulator.BUDGETS,
            "thresholds": table,
        },
    )


def make_card(
    pets: int, seed: int, matrix: tuple[tuple[float, ...], ...], tick: Callable[[], None]
) -> Card:
    """Measure every scenario at every clip rate, and the naive rules on the first."""
    rows = []
    for name, scenario in SCENARIOS.items():
        known = replace(scenario, confusion=matrix) if scenario.confusion else scenario
        for rate in RATES:
            rows.append(measure(name, replace(known, clips_per_week=rate), pets, seed))
            tick()
    answers = []
    for name, scenario in ANSWERED.items():
        answers.append(measure_answers(name, scenario, min(pets, ANSWERED_PETS), seed))
        tick()
    compared = []
    for rate in RATES:
        compared += [*compare_naive(Scenario(clips_per_week=rate), pets, seed)]
        tick()
    return {
        "made_by": f"tailtrend evaluate trend --pets {pets} --seed {seed}",
        "budget_false_alerts_per_pet_year": BUDGET,
        "worsening": "20 % -> 50 % of clips at once in week 10",
        "holds": holds(rows),
        "rule": rows,
        "naive_rules": compared,
        "answers_asked_weekly": answers,
    }


def measure(name: str, scenario: Scenario, pets: int, seed: int) -> Card:
    """Count false alerts over stable years and detections of a rise to 50 % in week 10."""
    stable = replace(scenario, n_weeks=52)
    alerts, better, hits4, hits8 = [], [], [], []
    rising = replace(scenario, n_weeks=RISE_WEEK + 8, rise_week=RISE_WEEK, spell_week=None)
    for rng_stable, rng_rising, n in _batches(pets, seed):
        clips = simulator.simulate(stable, n, rng_stable)
        calibrated = scenario.calibrated
        alerts.append(simulator.false_alerts(simulator.run(clips, calibrated=calibrated)))
        better.append(
            simulator.false_alerts(simulator.run(clips, question="fall", calibrated=calibrated))
        )
        result = simulator.run(simulator.simulate(rising, n, rng_rising), calibrated=calibrated)
        hits4.append(simulator.caught(result, RISE_WEEK, 4))
        hits8.append(simulator.caught(result, RISE_WEEK, 8))
    return {
        "scenario": name,
        "clips_per_week": scenario.clips_per_week,
        "false_alerts_per_pet_year": asdict(_pool_rates(alerts)),
        "false_better_per_pet_year": asdict(_pool_rates(better)),
        "caught_within_4_weeks": asdict(_pool_shares(hits4)),
        "caught_within_8_weeks": asdict(_pool_shares(hits8)),
    }


ANSWERED = {
    "weekly wander (SD 0.5 logits)": Scenario(),
    "day-to-day wander and a worried owner (0.5, half labelled)": Scenario(daily_sd=0.5, worry=0.5),
    "worry begins in week 14 (2 further clips, all labelled)": Scenario(
        daily_sd=0.5, spell_week=14, labelled=1.0
    ),
}
ANSWERED_PETS = 100


def measure_answers(name: str, scenario: Scenario, pets: int, seed: int) -> Card:
    """Ask `trend` itself every week, reason mix and all, and count what it answers."""
    stable = simulator.simulate(
        replace(scenario, n_weeks=52), pets, np.random.default_rng([seed, 7])
    )
    rising = simulator.simulate(
        replace(scenario, n_weeks=RISE_WEEK + 8, rise_week=RISE_WEEK, spell_week=None),
        pets,
        np.random.default_rng([seed, 8]),
    )
    years = [simulator.weekly_states(stable, pet, range(1, 53)) for pet in range(pets)]
    asked = range(RISE_WEEK, RISE_WEEK + 9)
    rises = [simulator.weekly_states(rising, pet, asked) for pet in range(pets)]
    begins = sum(
        state is State.CHANGED and before is not State.CHANGED
        for states in years
        for before, state in pairwise(states)
    )
    watched = sum(state is not State.LEARNING for states in years for state in states)
    maybe = sum(state is State.MAYBE_CHANGED for states in years for state in states)
    hit = sum(State.CHANGED in states[1:] for states in rises)
    return {
        "scenario": name,
        "clips_per_week": scenario.clips_per_week,
        "false_alerts_per_pet_year": asdict(simulator.rate_per_year(begins, watched / 52)),
        "weeks_maybe_changed": asdict(simulator.share(maybe, watched)),
        "caught_within_8_weeks": asdict(simulator.share(hit, pets)),
    }


def _batches(
    pets: int, seed: int
) -> Iterator[tuple[np.random.Generator, np.random.Generator, int]]:
    for start in range(0, pets, simulator.BATCH):
        stable = np.random.default_rng([seed, start, 0])
        yield stable, np.random.default_rng([seed, start, 1]), min(simulator.BATCH, pets - start)


def _pool_rates(counts: list[Count]) -> Count:
    n, years = sum(count.n for count in counts), sum(count.total for count in counts)
    return simulator.rate_per_year(n, years)


def _pool_shares(counts: list[Count]) -> Count:
    return simulator.share(sum(c.n for c in counts), int(sum(c.total for c in counts)))


def compare_naive(scenario: Scenario, pets: int, seed: int) -> Iterator[Card]:
    """Count the same for the naive rules, on pets drawn the same way."""
    stable, rising = (
        [
            naive.weekly_counts(simulator.simulate(kind, n, rngs[number]))
            for *rngs, n in _batches(pets, seed)
        ]
        for number, kind in enumerate(
            (
                replace(scenario, n_weeks=52),
                replace(scenario, n_weeks=RISE_WEEK + 8, rise_week=RISE_WEEK),
            )
        )
    )
    for name, rule in naive.RULES.items():
        begins = np.concatenate([naive.new_alerts(rule(*counts)) for counts in stable])
        caught = np.concatenate([rule(*counts) for counts in rising])
        years = len(begins) * (52 - 8) / 52
        yield {
            "rule": name,
            "clips_per_week": scenario.clips_per_week,
            "false_alerts_per_pet_year": asdict(
                simulator.rate_per_year(int(begins[:, 8:].sum()), years)
            ),
            "caught_within_4_weeks": _caught(caught, 4),
            "caught_within_8_weeks": _caught(caught, 8),
        }


def _caught(alerts: naive.Alerts, weeks: int) -> dict[str, Any]:
    hit = int(alerts[:, RISE_WEEK : RISE_WEEK + weeks].any(axis=1).sum())
    return asdict(simulator.share(hit, len(alerts)))


def holds(rows: list[Card]) -> bool:
    """Say whether the required scenarios keep the budget and the catching ones catch enough."""
    required = [row for row in rows if row["scenario"] in REQUIRED]
    quiet = all(row["false_alerts_per_pet_year"]["rate"] <= BUDGET for row in required)
    catching = [row for row in rows if row["scenario"] in CATCHING]
    return quiet and all(
        row["caught_within_8_weeks"]["rate"] >= MUST_CATCH.get(row["clips_per_week"], 0.0)
        for row in catching
    )


def write_card(card: Card, out: Path) -> None:
    """Write the card, its short form for the answers, and the plot."""
    out.mkdir(parents=True, exist_ok=True)
    _write_json(out / "trend-card.json", card)
    if out.resolve() == DOCS.resolve():
        _write_json(PACKAGE / "card.json", {"figures": short_figures(card)})
    plot(card, out / "trend-card.svg")


def short_figures(card: Card) -> list[dict[str, float]]:
    """Return what an answer quotes: the worst required false-alert rate, the plain detection."""
    figures = []
    for rate in RATES:
        rows = [row for row in card["rule"] if row["clips_per_week"] == rate]
        required = [row for row in rows if row["scenario"] in REQUIRED]
        worst = max(row["false_alerts_per_pet_year"]["rate"] for row in required)
        figures.append(
            {
                "clips_per_week": rate,
                "false_alerts_per_pet_year": round(worst, 3),
                "caught_within_4_weeks": round(required[0]["caught_within_4_weeks"]["rate"], 3),
                "caught_within_8_weeks": round(required[0]["caught_within_8_weeks"]["rate"], 3),
            }
        )
    return figures


def _write_json(path: Path, content: Card) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def plot(card: Card, path: Path) -> None:
    """Draw detection within 8 weeks over false alerts, for our rule and the naive ones."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "tailtrend"  # the same card gives the same file
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    ours = [row for row in card["rule"] if row["scenario"] == REQUIRED[0]]
    _curve(axes, ours, "TailTrend (anchored CUSUM)", "o-")
    for name in naive.RULES:
        _curve(axes, [row for row in card["naive_rules"] if row["rule"] == name], name, "s:")
    axes.axvline(BUDGET, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("false alerts per stable pet and year (log scale)")
    axes.set_ylabel("20 % → 50 % rises caught within 8 weeks, %")
    axes.set_title("3, 5 and 10 clips a week (small to large marks)")
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def _curve(axes: "Axes", rows: list[Card], label: str, style: str) -> None:
    x = [max(row["false_alerts_per_pet_year"]["rate"], 0.01) for row in rows]
    y = [100 * row["caught_within_8_weeks"]["rate"] for row in rows]
    (line,) = axes.plot(x, y, style[1:], linewidth=1, label=label, marker=style[0], markersize=4)
    axes.scatter(x, y, s=[12, 36, 90][: len(x)], marker=style[0], color=line.get_color())


def _print(card: Card, console: Console) -> None:
    table = Table("pets", "clips/week", "false alerts / pet-year", "caught in 4", "caught in 8")
    for row in [*card["rule"], *card["naive_rules"]]:
        alerts = row["false_alerts_per_pet_year"]
        table.add_row(
            row.get("scenario") or f"rule: {row['rule']}",
            f"{row['clips_per_week']:g}",
            f"{alerts['rate']:.2f} ({alerts['low']:.2f}-{alerts['high']:.2f})",
            f"{row['caught_within_4_weeks']['rate']:.0%}",
            f"{row['caught_within_8_weeks']['rate']:.0%}",
        )
    console.print(table)
    console.print("Holds what it must." if card["holds"] else "Does NOT hold what it must.")
