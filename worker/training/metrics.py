"""What is measured on a test set, from probabilities and labels. Knows no model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from worker.pipeline.manifest import CLASSES

N = len(CLASSES)
BINS = 15  # of equal mass
ABSENT = 1e-9  # of a class: Dawid-Skene gives what is impossible some 1e-300
WELL = [CLASSES.index(c) for c in ("Relaxed", "Playful")]
DISTRESSED = CLASSES.index("Distressed")

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PerClass:
    """One class's precision, recall, F1 and number of rows."""

    precision: float
    recall: float
    f1: float
    n: int


@dataclass(frozen=True, slots=True)
class Point:
    """One bin of a reliability plot, or one step of a risk-coverage curve."""

    x: float
    y: float
    n: int


def confusion(labels: Labels, chosen: Labels) -> NDArray[np.int64]:
    """Return counts (5, 5): rows are the truth."""
    counts = np.zeros((N, N), np.int64)
    np.add.at(counts, (labels, chosen), 1)
    return counts


def f1_of(counts: NDArray[np.float64], *, weighted: bool = False) -> Array:
    """Return macro (or weighted) F1 of confusion counts (..., 5, 5), over classes in the truth."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true, said = counts.sum(axis=-1), counts.sum(axis=-2)
    f1 = 2 * right / np.maximum(true + said, 1e-12)
    weight = true if weighted else (true > 0)
    return np.asarray((f1 * weight).sum(axis=-1) / np.maximum(weight.sum(axis=-1), 1e-12))


def accuracy_of(counts: NDArray[np.float64]) -> Array:
    """Return the share on the diagonal of confusion counts (..., 5, 5)."""
    right = np.trace(counts, axis1=-2, axis2=-1)
    return np.asarray(right / np.maximum(counts.sum(axis=(-2, -1)), 1e-12))


def per_class(labels: Labels, chosen: Labels) -> dict[str, PerClass]:
    """Return each class that occurs in the truth."""
    parts = precision_recall_fscore_support(labels, chosen, labels=np.arange(N), zero_division=0.0)
    rows = zip(CLASSES, *parts, strict=True)
    return {c: PerClass(float(p), float(r), float(f), int(n)) for c, p, r, f, n in rows if n}


def reliability(labels: Labels, chances: Array) -> list[Point]:
    """Return confidence against accuracy in bins of equal mass."""
    confidence = chances.max(axis=1)
    right = chances.argmax(axis=1) == labels
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(BINS, max(1, len(order))))
    return [Point(float(confidence[p].mean()), float(right[p].mean()), len(p)) for p in parts]


def ece(labels: Labels, chances: Array) -> float:
    """Return the expected calibration error over bins of equal mass (Nixon et al. 2019)."""
    points = reliability(labels, chances)
    return float(sum(abs(p.x - p.y) * p.n for p in points) / len(labels))


def brier(labels: Labels, chances: Array) -> float:
    """Return the mean squared distance to the truth, 0..2."""
    return float(((chances - np.eye(N)[labels]) ** 2).sum(axis=1).mean())


def nll(targets: Array, chances: Array) -> float:
    """Return the cross-entropy in nats; `targets` (n, 5) may be soft."""
    return float(-(targets * np.log(np.maximum(chances, 1e-12))).sum(axis=1).mean())


def risk_coverage(labels: Labels, chances: Array) -> list[Point]:
    """Return the share of wrong answers among the surest, at every coverage."""
    order = np.argsort(-chances.max(axis=1), kind="stable")
    wrong = (chances.argmax(axis=1) != labels)[order]
    n = np.arange(1, len(wrong) + 1)
    risk = np.cumsum(wrong) / n
    return [Point(float(k / len(wrong)), float(r), int(k)) for k, r in zip(n, risk, strict=True)]


def aurc(labels: Labels, chances: Array) -> float:
    """Return the area under the risk-coverage curve (Geifman et al. 2019); lower is better."""
    return float(np.mean([p.y for p in risk_coverage(labels, chances)]))


def coverage_at_90(labels: Labels, chances: Array) -> float:
    """Return the largest share that can be answered with an accuracy of at least 90 %."""
    good = [p.x for p in risk_coverage(labels, chances) if p.y <= 1 - 0.9]
    return max(good, default=0.0)


def called_well_in_distress(labels: Labels, chosen: Labels) -> float | None:
    """Return how often distress was called Relaxed or Playful: the error that harms most."""
    distressed = labels == DISTRESSED
    return float(np.isin(chosen[distressed], WELL).mean()) if distressed.any() else None
