"""Everything that is said about held-out answers: one record, from which card and report are made.

Figures are means over seeds; intervals resample whole groups (animals, sources, near-duplicates).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.manifest import CLASSES
from worker.training import intervals, metrics
from worker.training.intervals import Figure
from worker.training.metrics import PerClass, Point

MAX_POINTS = 200  # of a curve

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers:
    """Held-out probabilities (seeds, n, 5), their rows' truth, soft truth (n, 5) and groups."""

    chances: Array
    truth: Rows
    soft: Array
    groups: Rows

    def only(self, mask: NDArray[np.bool_]) -> "Answers":
        """Return the rows of a mask."""
        return Answers(self.chances[:, mask], self.truth[mask], self.soft[mask], self.groups[mask])


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is reported of one network on one set of rows."""

    data: str
    split: str
    rows: int
    groups: int
    seeds: int
    figures: dict[str, Figure]
    per_class: dict[str, PerClass]
    confusion: list[list[float]]  # rows are the truth; mean over seeds
    reliability: list[Point]
    risk_coverage: list[Point]
    called_well_in_distress: float | None
    missing_modalities: dict[str, Figure] = field(default_factory=dict)
    controls: dict[str, Figure] = field(default_factory=dict)
    ablations: dict[str, Figure] = field(default_factory=dict)
    subgroups: dict[str, Figure] = field(default_factory=dict)
    chance: float = 0.0  # macro F1 of answers drawn by class frequency
    marks: tuple[str, ...] = ()  # warnings that go with every figure
    about: str = ""  # whose figures these are

    def as_json(self) -> dict[str, object]:
        """Return plain types."""
        return asdict(self)


def figures(answers: Answers) -> dict[str, Figure]:
    """Return every headline figure with its interval."""
    given = (answers.truth, answers.chances, answers.groups)
    counted: dict[str, intervals.FromCounts] = {
        "macro_f1": metrics.f1_of,
        "weighted_f1": partial(metrics.f1_of, weighted=True),
        "accuracy": metrics.accuracy_of,
    }
    slow: dict[str, intervals.Statistic] = {
        "ece": metrics.ece,
        "brier": metrics.brier,
        "nll": lambda truth, p: metrics.nll(np.eye(metrics.N)[truth], p),
        "aurc": metrics.aurc,
        "coverage_at_90": metrics.coverage_at_90,
    }
    return {
        **{name: intervals.of_counts(measure, *given) for name, measure in counted.items()},
        **{name: intervals.of_statistic(measure, *given) for name, measure in slow.items()},
        "soft_nll": soft_nll(answers),
    }


def soft_nll(answers: Answers) -> Figure:
    """Return the cross-entropy against the shares of the votes: disagreement counts."""
    n = np.arange(len(answers.truth))
    return intervals.of_statistic(
        lambda rows, p: metrics.nll(answers.soft[rows], p), n, answers.chances, answers.groups
    )


def macro_f1(answers: Answers) -> Figure:
    """Return macro F1 with its interval."""
    return intervals.of_counts(metrics.f1_of, answers.truth, answers.chances, answers.groups)


def evaluate(
    answers: Answers, *, data: str, split: str, marks: tuple[str, ...] = (), about: str = ""
) -> Evaluation:
    """Measure held-out answers. Curves and tables are of all seeds together."""
    chosen = answers.chances.argmax(axis=2)
    seeds = len(chosen)
    truth = np.tile(answers.truth, seeds)
    pooled = answers.chances.reshape(-1, metrics.N)
    curve = metrics.risk_coverage(truth, pooled)
    each = metrics.per_class(truth, chosen.ravel())
    return Evaluation(
        data=data,
        split=split,
        rows=len(answers.truth),
        groups=len(np.unique(answers.groups)),
        seeds=seeds,
        figures=figures(answers),
        per_class={c: PerClass(p.precision, p.recall, p.f1, p.n // seeds) for c, p in each.items()},
        confusion=(metrics.confusion(truth, chosen.ravel()) / seeds).tolist(),
        reliability=metrics.reliability(truth, pooled),
        risk_coverage=curve[:: max(1, len(curve) // MAX_POINTS)],
        called_well_in_distress=metrics.called_well_in_distress(truth, chosen.ravel()),
        chance=chance_of(answers.truth),
        marks=marks,
        about=about,
    )


def chance_of(truth: Rows) -> float:
    """Return the macro F1 that answers drawn by class frequency reach in the long run."""
    share = np.bincount(truth, minlength=metrics.N) / len(truth)
    return float(metrics.f1_of(share[:, None] * share[None] * len(truth)))


def matrix(by_pattern: Mapping[str, Answers]) -> dict[str, Figure]:
    """Return macro F1 for every combination of modalities that the network is shown."""
    return {pattern: macro_f1(one) for pattern, one in by_pattern.items() if len(one.truth)}


def difference(first: Answers, second: Answers) -> Figure:
    """Return by how much the first's macro F1 is above the second's, on the same rows."""
    return intervals.paired(metrics.f1_of, first.truth, first.chances, second.chances, first.groups)


def labels_in(truth: Rows) -> dict[str, int]:
    """Return how often each class occurs."""
    return {
        c: int(n) for c, n in zip(CLASSES, np.bincount(truth, minlength=metrics.N), strict=True)
    }
