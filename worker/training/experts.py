"""What the ethogram's signs add to a network: a product of experts, its exponents fitted.

Only clips have signs; a photo or a recording has none, so rows of those stay as they are.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from worker.pipeline.manifest import Experts
from worker.training import calibration, metrics
from worker.training.calibration import LEAST_GROUPS, LEAST_ROWS
from worker.training.corpus import Corpus
from worker.training.crossfit import Predictions
from worker.training.intervals import Figure

SPREAD = 0.5  # of an exponent, around a network that stands alone

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
ALONE = Experts(learned=1.0, ethogram=0.0)


def fit(chances: Array, corpus: Corpus, rows: Rows) -> Experts:
    """Fit both exponents to held-out probabilities (seeds, n, 5) of the rows that have signs.

    MAP, each exponent normal around 1 and 0 with SPREAD and never negative; groups count, not rows.
    ALONE where fewer than 20 rows in 8 groups have signs. Source: Hinton 2002
    (10.1162/089976602760128018); the exponents are those of a logarithmic opinion pool.
    """
    shown = with_signs(corpus, rows)
    if not are_enough(corpus, shown):
        return ALONE
    weight = len(np.unique(corpus.groups[shown]))
    both = np.stack(
        np.broadcast_arrays(logs_of(chances[:, shown]), corpus.table.signs[shown]), axis=3
    )  # (seeds, rows, 5, 2)
    truth, usual = np.eye(metrics.N)[corpus.truth[shown]], np.array([1.0, 0.0])

    def cost(exponents: Array) -> tuple[float, Array]:
        said = log_softmax(both @ exponents, axis=2)
        wrong = np.exp(said) - truth
        slope = (wrong[..., None] * both).sum(axis=2).mean(axis=(0, 1))
        away = (exponents - usual) / SPREAD
        nll = -(truth * said).sum(axis=2).mean()
        return float(weight * nll + 0.5 * away @ away), weight * slope + away / SPREAD

    bounds = [(0.0, None)] * 2
    learned, ethogram = minimize(cost, usual, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Experts(learned=round(float(learned), 4), ethogram=round(float(ethogram), 4))


def with_signs(corpus: Corpus, rows: Rows) -> Rows:
    """Return the rows whose signs were read."""
    return np.asarray(rows[~np.isnan(corpus.table.signs[rows, 0])])


def are_enough(corpus: Corpus, rows: Rows) -> bool:
    """Tell whether so many rows can bear exponents."""
    return len(rows) >= LEAST_ROWS and len(np.unique(corpus.groups[rows])) >= LEAST_GROUPS


def logs_of(chances: Array) -> Array:
    """Return the logarithms of probabilities, of none that is impossible."""
    return np.log(np.maximum(chances, 1e-12))


def multiplied(chances: Array, found: Experts, corpus: Corpus, rows: Rows) -> Array:
    """Return probabilities (seeds, rows, 5) times the ethogram's where there are signs."""
    signs = corpus.table.signs[rows]
    said = found.learned * logs_of(chances[:, rows]) + found.ethogram * np.nan_to_num(signs)
    seen = ~np.isnan(signs[:, :1])
    return np.where(seen, softmax(said, axis=2), chances[:, rows])


def cross_multiplied(cross: Array, predictions: Predictions, corpus: Corpus) -> Array:
    """Return held-out probabilities (seeds, n, 5), each fold's with the other folds' exponents."""
    return calibration.across_folds(
        cross,
        predictions,
        lambda others, here: multiplied(cross, fit(cross, corpus, others), corpus, here),
    )


def gained(cross: Array, predictions: Predictions, corpus: Corpus) -> Figure | None:
    """Return by how many nats the signs lower the cross-entropy of clips in folds that the
    exponents were not fitted to; None where too few clips have any. `cross` as in `adaptation`."""
    rows = with_signs(corpus, predictions.rows)
    if not are_enough(corpus, rows):
        return None
    return calibration.gained(cross, cross_multiplied(cross, predictions, corpus), corpus, rows)
