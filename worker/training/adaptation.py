"""What a breed shifts: a small offset of the logits, shrunk towards none. Never a model of its own.

A random effect: b ~ N(0, SPREAD^2) for each class, by species and by breed within it. A breed that
was hardly seen has hardly an offset, one that was never seen has its species'.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from worker.pipeline.fuse.calibrate import animal
from worker.pipeline.fuse.calibrate import offset as offset_for
from worker.training import calibration, metrics
from worker.training.corpus import Corpus
from worker.training.crossfit import Predictions
from worker.training.intervals import Figure

SPREAD = 0.5  # nats, of an offset; two in three breeds lie within

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Offsets = dict[str, Array]  # by `animal`; nats added to the calibrated log-probabilities (5,)


def fit(chances: Array, corpus: Corpus, rows: Rows) -> Offsets:
    """Fit offsets to held-out probabilities (seeds, n, 5): first the species', then the breeds'."""
    examples = corpus.dataset.examples
    logs = np.log(np.maximum(chances, 1e-12))
    keys = {i: animal(examples[i].species, examples[i].breed) for i in rows}
    found: Offsets = {}
    for species in sorted({examples[i].species for i in rows}):
        mine = np.array([i for i in rows if examples[i].species == species])
        found[species] = offset(logs[:, mine], corpus, mine)
        for breed in sorted({keys[i] for i in mine} - {species}):
            its = np.array([i for i in mine if keys[i] == breed])
            found[breed] = offset(logs[:, its] + found[species], corpus, its)
    return found


def offset(logs: Array, corpus: Corpus, rows: Rows) -> Array:
    """Return the MAP offset (5,) of log-probabilities (seeds, rows, 5); groups count, not rows."""
    weight = len(np.unique(corpus.groups[rows]))
    truth = np.eye(metrics.N)[corpus.truth[rows]]

    def cost(b: Array) -> tuple[float, Array]:
        moved = log_softmax(logs + b, axis=2)
        nll = -(truth * moved).sum(axis=2).mean()
        slope = (np.exp(moved) - truth).mean(axis=(0, 1))
        return float(weight * nll + 0.5 * (b @ b) / SPREAD**2), weight * slope + b / SPREAD**2

    return np.asarray(minimize(cost, np.zeros(metrics.N), jac=True, method="L-BFGS-B").x)


def moved(chances: Array, offsets: Mapping[str, Array], corpus: Corpus, rows: Rows) -> Array:
    """Return probabilities (seeds, rows, 5) with each animal's offset."""
    examples = corpus.dataset.examples
    each = np.stack([offset_for(offsets, examples[i].species, examples[i].breed) for i in rows])
    return np.asarray(softmax(np.log(np.maximum(chances[:, rows], 1e-12)) + each, axis=2))


def cross_moved(cross: Array, predictions: Predictions, corpus: Corpus) -> Array:
    """Return held-out probabilities (seeds, n, 5) with the offsets of the other folds."""
    return calibration.across_folds(
        cross,
        predictions,
        lambda others, here: moved(cross, fit(cross, corpus, others), corpus, here),
    )


def gained(cross: Array, predictions: Predictions, corpus: Corpus) -> Figure:
    """Return by how many nats the other folds' offsets lower a fold's cross-entropy; `cross` are
    held-out probabilities (seeds, n, 5)."""
    better = cross_moved(cross, predictions, corpus)
    return calibration.gained(cross, better, corpus, predictions.rows)
