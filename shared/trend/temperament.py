"""What a pet is like over time: its mix of the five classes, and pets that resemble it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from shared.trend.evidence import score_table
from shared.trend.observations import CLASSES, Observation
from shared.trend.rate import Array

MIN_CLIPS = 8
MIN_PETS = 12
SMALLEST_SHARE = 1e-3  # a share of zero has no logarithm
N_BOOTSTRAPS = 100
STABLE_JACCARD = 0.75  # a cluster found again this well is stable (Hennig 2007, CSDA 52:258)
MOST_CLUSTERS = 5

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Temperament:
    """The mean mix of the five classes, and its centred log ratios (Aitchison 1986)."""

    shares: dict[str, float]
    log_ratios: dict[str, float]  # they sum to 0; > 0: more of this class than of the average one
    n_clips: int


@dataclass(frozen=True, slots=True)
class Clusters:
    """Groups of pets of like temperament, each with the Jaccard index of its bootstraps."""

    cluster_of: dict[str, int]
    stability: dict[int, float]
    centres: dict[int, dict[str, float]]  # shares of the five classes


def temperament(observations: Sequence[Observation]) -> Temperament | None:
    """Describe a pet by its mean probabilities; None, "not enough data", below 8 clips."""
    in_order = sorted(observations, key=lambda clip: (clip.assessment_id, clip.bundle_id))
    last = {clip.clip_id: clip for clip in in_order}
    scored = [last[name] for name in sorted(last) if last[name].probabilities is not None]
    if len(scored) < MIN_CLIPS:
        return None
    mean = score_table(scored).mean(axis=0)
    ratios = centred_log_ratios(mean[None])[0]
    return Temperament(
        dict(zip(CLASSES, (mean / mean.sum()).tolist(), strict=True)),
        dict(zip(CLASSES, ratios.tolist(), strict=True)),
        len(scored),
    )


def centred_log_ratios(shares: Array) -> Array:
    """Return log shares minus their mean. (n, 5) -> (n, 5)"""
    logs = np.log(np.maximum(shares, SMALLEST_SHARE))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def clusters(pets: Mapping[str, Temperament]) -> Clusters | None:
    """Group pets where the groups are stable; None, "not enough data", where none are.

    Ward's clustering of the centred log ratios; of 2 to 5 clusters the largest number whose
    clusters are all found again in the bootstrap (mean Jaccard >= 0.75).
    """
    names = sorted(pets)
    if len(names) < MIN_PETS:
        return None
    points = np.array([[pets[name].log_ratios[kind] for kind in CLASSES] for name in names])
    rng = np.random.default_rng(0)
    for n_clusters in range(MOST_CLUSTERS, 1, -1):
        labels = _ward(points, n_clusters)
        stability = bootstrap_stability(points, labels, n_clusters, rng)
        if min(stability.values()) >= STABLE_JACCARD:
            return _clusters(names, points, labels, stability)
    return None


def _ward(points: Array, n_clusters: int) -> Labels:
    tree = linkage(points, method="ward")
    return np.asarray(fcluster(tree, n_clusters, criterion="maxclust"), dtype=np.int64)


def bootstrap_stability(
    points: Array, labels: Labels, n_clusters: int, rng: np.random.Generator
) -> dict[int, float]:
    """Return how well each cluster is found again among resampled pets: mean of best Jaccards."""
    found: dict[int, list[float]] = {int(label): [] for label in np.unique(labels)}
    for _ in range(N_BOOTSTRAPS):
        drawn = rng.integers(0, len(points), len(points))
        again = _ward(points[drawn], n_clusters)
        for label, indices in found.items():
            members = labels[drawn] == label
            if members.any():
                indices.append(max(_jaccard(members, again == other) for other in np.unique(again)))
    return {label: float(np.mean(indices)) if indices else 0.0 for label, indices in found.items()}


def _jaccard(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def _clusters(
    names: list[str], points: Array, labels: Labels, stability: dict[int, float]
) -> Clusters:
    centres = {}
    for label in stability:
        shares = np.exp(points[labels == label].mean(axis=0))
        centres[label] = dict(zip(CLASSES, (shares / shares.sum()).tolist(), strict=True))
    return Clusters(dict(zip(names, labels.tolist(), strict=True)), stability, centres)
