"""From held-out logits to probabilities that mean what they say; the only maker of `calibrated`.

Every logit here is of a row that its network never saw, from folds that share no animal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from worker.pipeline.architectures.inputs import MODALITIES, SPECIES
from worker.pipeline.manifest import ANY, Conformal
from worker.training import intervals, metrics
from worker.training.corpus import Corpus
from worker.training.crossfit import Predictions
from worker.training.intervals import Figure

LEAST_ROWS, LEAST_GROUPS = 20, 8  # below, nothing is called calibrated
LEAST_OF_PATTERN = 10  # rows; below, a pattern has the common temperature
LITTLE_NATS = 0.01  # that cross-entropy may rise: what a temperature of 50 groups costs where it is
# not needed (1 / 2n, Akaike 1974)
SHRINKAGE_SD = 0.3  # of a pattern's log temperature around the common one
BOUNDS = (np.log(0.25), np.log(20.0))
DRAWS = 200
ALPHA = 0.1  # how often the answer's set may miss the truth
MOST_LEFT = 2  # classes of a set that is still an answer: "Anxious or Alert"

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Temperatures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What calibration did to rows that it was not fitted on; `holds` allows `calibrated: true`."""

    rows: int
    groups: int
    nll_before: float
    nll_after: float
    ece_before: Figure
    ece_after: Figure
    ece_of_chance: float  # that an error stays under 19 times in 20 where nothing is wrong
    coverage: float  # of the conformal sets at 1 - ALPHA
    set_size: float
    answered: float  # share of rows of which no more than MOST_LEFT classes are left

    @property
    def holds(self) -> bool:
        """Tell whether there was enough to fit on, it did no harm where it was not fitted, and what
        is left of the error can be chance.

        What was right before gains nothing by a temperature, and by chance loses a little.
        """
        enough = self.rows >= LEAST_ROWS and self.groups >= LEAST_GROUPS
        harmless = self.nll_after <= self.nll_before + LITTLE_NATS
        return enough and harmless and self.ece_after.low <= self.ece_of_chance


def temperatures(predictions: Predictions, corpus: Corpus, rows: Rows) -> dict[str, float]:
    """Fit one temperature on all rows, and one per presence pattern, shrunk towards it."""
    common = temperature(predictions.logits[ANY], corpus, rows, centre=0.0, sd=1.0)
    found = {ANY: common}
    for pattern, logits in predictions.logits.items():
        there = rows[~np.isnan(logits[0, rows, 0])]
        if pattern != ANY and len(there) >= LEAST_OF_PATTERN:
            fitted = temperature(logits, corpus, there, centre=np.log(common), sd=SHRINKAGE_SD)
            found[pattern] = fitted
    return found


def temperature(
    logits: NDArray[np.float32], corpus: Corpus, rows: Rows, *, centre: float, sd: float
) -> float:
    """Return the temperature of logits (seeds, n, 5): MAP, log T normal around `centre`.

    The likelihood counts groups, not rows. Source: Guo et al. 2017, arXiv 1706.04599.
    """
    given = logits[:, rows].astype(float)
    weight = len(np.unique(corpus.groups[rows]))
    at = (slice(None), np.arange(len(rows)), corpus.truth[rows])

    def cost(log_t: float) -> float:
        nll = -log_softmax(given / np.exp(log_t), axis=2)[at].mean()
        return float(weight * nll + 0.5 * ((log_t - centre) / sd) ** 2)

    return float(np.exp(minimize_scalar(cost, bounds=BOUNDS, method="bounded").x))


def cross_calibrated(predictions: Predictions, corpus: Corpus) -> dict[str, Array]:
    """Return probabilities (seeds, n, 5) by pattern, each fold's with the other folds' temperature.

    NaN as in the predictions.
    """
    found = {name: np.full(z.shape, np.nan) for name, z in predictions.logits.items()}
    answered = predictions.rows
    for fold in np.unique(predictions.fold[answered]):
        here = predictions.fold[answered] == fold
        others = answered[~here]
        table = temperatures(predictions, corpus, others)
        for pattern, logits in predictions.logits.items():
            rows = answered[here]
            found[pattern][:, rows] = chances(logits[:, rows], pattern, table, corpus, rows)
    return found


def across_folds(
    chances: Array, predictions: Predictions, change: Callable[[Rows, Rows], Array]
) -> Array:
    """Return held-out probabilities (seeds, n, 5) changed fold by fold.

    `change` learns from the rows of the other folds (m,) and returns those of a fold's rows (k,) as
    (seeds, k, 5).
    """
    rows, better = predictions.rows, chances.copy()
    for fold in np.unique(predictions.fold[rows]):
        here = predictions.fold[rows] == fold
        better[:, rows[here]] = change(rows[~here], rows[here])
    return better


def gained(before: Array, after: Array, corpus: Corpus, rows: Rows) -> Figure:
    """Return by how many nats a change of probabilities (seeds, n, 5) lowers the cross-entropy."""
    pairs = np.stack([before[:, rows], after[:, rows]], axis=3)  # (seeds, rows, 5, 2)
    return intervals.of_statistic(gain, corpus.truth[rows], pairs, corpus.groups[rows])


def gain(truth: Rows, pairs: Array) -> float:
    """Return the cross-entropy before less that after; `pairs` (n, 5, 2)."""
    right = np.maximum(pairs[np.arange(len(truth)), truth], 1e-12)  # (n, 2)
    return float(np.log(right[:, 1] / right[:, 0]).mean())


def chances(
    logits: NDArray[np.float32], pattern: str, table: Temperatures, corpus: Corpus, rows: Rows
) -> Array:
    """Return probabilities (seeds, rows, 5) of logits asked with a pattern."""
    own = pattern_of(corpus, rows) if pattern == ANY else [pattern] * len(rows)
    each = np.array([table.get(name, table[ANY]) for name in own])
    return np.asarray(softmax(logits.astype(float) / each[None, :, None], axis=2))


def pattern_of(corpus: Corpus, rows: Rows) -> list[str]:
    """Return which modalities each row has, in a manifest's words."""
    return [
        "+".join(m for m, there in zip(MODALITIES, one, strict=True) if there) or ANY
        for one in corpus.table.present[rows]
    ]


def conformal(chances: Array, corpus: Corpus, rows: Rows) -> Conformal:
    """Return the quantiles of 1 - p(truth) by species (split conformal, class sets by LAC).

    Source: Sadinle, Lei & Wasserman 2019. `chances` (seeds, n, 5) of held-out rows.
    """
    species = {"": np.ones(len(rows), bool)} | {
        one: np.array([corpus.dataset.examples[i].species == one for i in rows]) for one in SPECIES
    }
    table = {}
    for name, mine in species.items():
        if name == "" or mine.sum() >= 1 / ALPHA * 2:
            table[name or ANY] = quantile(missed(chances, corpus.truth, rows[mine]))
    return Conformal(alpha=ALPHA, quantile=table)


def missed(chances: Array, truth: Rows, rows: Rows) -> Array:
    """Return 1 - p(truth) of every seed and row."""
    return np.asarray(1 - chances[:, rows, truth[rows]])


def quantile(scores: Array) -> float:
    """Return the level below which 1 - ALPHA of new scores lie; `scores` (seeds, rows)."""
    n = scores.shape[1]
    level = min(1.0, np.ceil((n + 1) * (1 - ALPHA)) / n)
    return float(min(1.0, np.quantile(scores, level, method="higher")))


def judge(predictions: Predictions, corpus: Corpus) -> Evidence:
    """Measure calibration on rows that it was not fitted on."""
    rows = predictions.rows
    groups, truth = corpus.groups[rows], corpus.truth[rows]
    before = softmax(predictions.logits[ANY][:, rows].astype(float), axis=2)
    cross = cross_calibrated(predictions, corpus)[ANY]
    after = cross[:, rows]
    aim = np.eye(metrics.N)[truth]
    covered, sizes = coverage(cross, predictions, corpus)
    return Evidence(
        rows=len(rows),
        groups=len(np.unique(groups)),
        nll_before=float(np.mean([metrics.nll(aim, one) for one in before])),
        nll_after=float(np.mean([metrics.nll(aim, one) for one in after])),
        ece_before=intervals.of_statistic(metrics.ece, truth, before, groups),
        ece_after=intervals.of_statistic(metrics.ece, truth, after, groups),
        ece_of_chance=ece_of_chance(after),
        coverage=covered,
        set_size=float(sizes.mean()),
        answered=float((sizes <= MOST_LEFT).mean()),
    )


def ece_of_chance(chances: Array) -> float:
    """Return the calibration error that is passed once in 20 times by probabilities that are right.

    chances (seeds, n, 5). Bins of few rows err by chance alone, so no error reaches 0.
    """
    rng = np.random.default_rng(0)
    drawn = [one for _ in range(-(-DRAWS // len(chances))) for one in chances]
    return float(np.quantile([metrics.ece(labels_of(one, rng), one) for one in drawn], 0.95))


def labels_of(chances: Array, rng: np.random.Generator) -> Rows:
    """Draw labels (n,) that come as often as probabilities (n, 5) say."""
    above = chances.cumsum(axis=1) > rng.random((len(chances), 1))
    return np.asarray(above.argmax(axis=1))


def coverage(cross: Array, predictions: Predictions, corpus: Corpus) -> tuple[float, Rows]:
    """Return how often a set holds the truth and how large each is, quantiles from other folds."""
    rows = predictions.rows
    held, sizes = [], []
    for fold in np.unique(predictions.fold[rows]):
        here = predictions.fold[rows] == fold
        limit = quantile(missed(cross, corpus.truth, rows[~here]))
        held.append(missed(cross, corpus.truth, rows[here]) <= limit)
        sizes.append((1 - cross[:, rows[here]] <= limit).sum(axis=2))
    return float(np.concatenate(held, axis=1).mean()), np.concatenate(sizes, axis=1)
