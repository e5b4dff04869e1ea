"""Answers of a finished bundle about a table: its own graph and calibration, as it would serve."""

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError
from worker.pipeline.bundles import Bundle
from worker.pipeline.fuse.calibrate import experts as weights_of
from worker.pipeline.fuse.learned import network_of
from worker.pipeline.fuse.rows import PICTURE_NUMBERS
from worker.pipeline.manifest import ANY, Feature
from worker.pipeline.runtime import OnnxNetwork
from worker.training import adaptation, calibration, experts, labels, metrics
from worker.training.corpus import Corpus
from worker.training.evaluation import Answers
from worker.training.table import Table

AT_ONCE = 8

Rows = NDArray[np.int64]


class BundleDoesNotFit(InputError):
    """The bundle cannot be asked about this table."""

    code = "bundle_does_not_fit"


def logits_of(bundle: Bundle, corpus: Corpus, rows: Rows) -> NDArray[np.float32]:
    """Return a bundle's logits (rows, 5). Raises BundleDoesNotFit."""
    require_fit(bundle, corpus)
    return asked(network_of(bundle), corpus.table, rows)


def asked(network: OnnxNetwork, table: Table, rows: Rows) -> NDArray[np.float32]:
    """Return what a graph says of rows (rows, 5), a few at a time: they may be pictures."""
    parts = (rows[i : i + AT_ONCE] for i in range(0, max(1, len(rows)), AT_ONCE))
    found = [network.run(table.inputs(network.inputs, part))["logits"] for part in parts]
    return np.concatenate(found)


def readable(bundle: Bundle, corpus: Corpus, rows: Rows) -> Rows:
    """Return the rows that have what a bundle's network cannot do without."""
    require_fit(bundle, corpus)
    return rows[corpus.table.answerable(network_of(bundle).inputs)[rows]]


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
    if sequence_of(bundle) and looks(bundle) != (corpus.table.shown is not None):
        raise BundleDoesNotFit(
            f"{bundle.name} reads the other form of a sequence: pictures, or an encoder's numbers."
        )


def looks(bundle: Bundle) -> bool:
    """Tell whether a bundle's network is given pictures, not an encoder's numbers."""
    return any(f.width == PICTURE_NUMBERS for f in sequence_of(bundle))


def sequence_of(bundle: Bundle) -> list[Feature]:
    """Return the features that are sequences, one at most."""
    return [f for f in bundle.manifest.features if f.frames is not None]
