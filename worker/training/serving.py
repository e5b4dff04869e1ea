"""Answers of a finished bundle about a table: its own graph and calibration, as it would serve."""

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError
from worker.pipeline.bundles import Bundle
from worker.pipeline.fuse.calibrate import experts as weights_of
from worker.pipeline.manifest import ANY
from worker.pipeline.runtime import OnnxNetwork
from worker.training import adaptation, calibration, experts, labels, metrics
from worker.training.corpus import Corpus
from worker.training.evaluation import Answers

Rows = NDArray[np.int64]


class BundleDoesNotFit(InputError):
    """The bundle cannot be asked about this table."""

    code = "bundle_does_not_fit"


def logits_of(bundle: Bundle, corpus: Corpus, rows: Rows) -> NDArray[np.float32]:
    """Return a bundle's logits (rows, 5). Raises BundleDoesNotFit."""
    require_fit(bundle, corpus)
    assert bundle.manifest.weights is not None
    network = OnnxNetwork(bundle.directory / bundle.manifest.weights.onnx, threads=1)
    return network.run(corpus.table.inputs(network.inputs, rows))["logits"]


def readable(bundle: Bundle, corpus: Corpus, rows: Rows) -> Rows:
    """Return the rows that have what a bundle's network cannot do without."""
    require_fit(bundle, corpus)
    assert bundle.manifest.weights is not None
    network = OnnxNetwork(bundle.directory / bundle.manifest.weights.onnx, threads=1)
    return rows[corpus.table.answerable(network.inputs)[rows]]


def answers(bundle: Bundle, corpus: Corpus, rows: Rows) -> Answers:
    """Return a bundle's probabilities (1, rows, 5) with its temperatures, exponents and offsets."""
    known = bundle.manifest.calibration
    table = known.temperature if known else {ANY: 1.0}
    given = logits_of(bundle, corpus, rows)[None]
    chances = np.full((1, len(corpus), metrics.N), np.nan)
    chances[:, rows] = calibration.chances(given, ANY, table, corpus, rows)
    chances[:, rows] = experts.multiplied(chances, weights_of(bundle.manifest), corpus, rows)
    offsets = {k: np.asarray(v) for k, v in known.offsets.items()} if known else {}
    chances = adaptation.moved(chances, offsets, corpus, rows)
    soft = labels.shares(labels.votes_of(corpus.dataset))[rows]
    return Answers(chances, corpus.truth[rows], soft, corpus.groups[rows])


def require_fit(bundle: Bundle, corpus: Corpus) -> None:
    """Raise BundleDoesNotFit for an ethogram, or where other encoders made the table's numbers."""
    if bundle.manifest.weights is None:
        raise BundleDoesNotFit(f"{bundle.name} has no network; it decides from measured signals.")
    here = {(role, name) for role, name, _ in corpus.named}
    for encoder in bundle.manifest.encoders:
        if (encoder.role, encoder.name) not in here:
            raise BundleDoesNotFit(
                f"{bundle.name} reads the numbers of {encoder.name}: give the weights of that."
            )
