"""From several people's votes to what a network learns, by a rule that is exact.

Votes are (n_items, n_raters) of indices into CLASSES, -1 where somebody did not vote.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.manifest import CLASSES
from worker.training import raters
from worker.training.dataset import Dataset

NO_VOTE = -1
N = len(CLASSES)
# Valence and arousal of each class, in the order of CLASSES (notes on labels, docs/training.md).
COORDINATES = np.array([(0.6, -0.7), (0.0, 0.5), (-0.6, 0.5), (0.8, 0.7), (-0.9, 0.9)])
DISTANCE = np.linalg.norm(COORDINATES[:, None] - COORDINATES[None], axis=2)  # (5, 5)
# Labels are one apart up to the distance at which every class has a neighbour (Relaxed to Alert).
ONE_APART = float(np.where(np.eye(N, dtype=bool), np.inf, DISTANCE).min(axis=1).max())

Votes = NDArray[np.int64]


class Rule(StrEnum):
    """How votes become targets for training; the test set always keeps every row."""

    MAJORITY = "majority"  # the seed's: rows without a majority, or too far apart, are left out
    SOFT = "soft"  # the shares of the votes
    DAWID_SKENE = "dawid-skene"  # by how far each rater can be trusted


def votes_of(dataset: Dataset) -> Votes:
    """Return a dataset's votes."""
    rows = [[NO_VOTE if v is None else v for v in one.votes] for one in dataset.examples]
    return np.array(rows, np.int64).reshape(len(rows), len(dataset.raters))


def shares(votes: Votes) -> NDArray[np.float64]:
    """Return the share of each class among an item's votes: (n, 5), rows sum to 1."""
    counts = (votes[:, :, None] == np.arange(N)).sum(axis=1).astype(float)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def majority(votes: Votes) -> Votes:
    """Return the class that more than half of an item's votes name, -1 where there is none."""
    share = shares(votes)
    return np.where(share.max(axis=1) > 0.5, share.argmax(axis=1), NO_VOTE)


def more_than_one_apart(votes: Votes) -> NDArray[np.bool_]:
    """Tell for each item whether two of its votes lie further apart than neighbouring labels."""
    named = shares(votes) > 0
    both = named[:, :, None] & named[:, None, :]
    return np.asarray((both & (DISTANCE > ONE_APART + 1e-9)).any(axis=(1, 2)))


def targets(votes: Votes, rule: Rule) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return what to learn (n, 5) and which items may be learned from (n,)."""
    if rule == Rule.MAJORITY:
        label = majority(votes)
        usable = (label != NO_VOTE) & ~more_than_one_apart(votes)
        return np.eye(N)[np.where(usable, label, 0)], usable
    everything = np.ones(len(votes), bool)
    if rule == Rule.SOFT:
        return shares(votes), everything
    return raters.dawid_skene(votes, N).posterior, everything


def truth(votes: Votes) -> Votes:
    """Return one label an item for scoring: the majority's, else the mildest tie of Dawid-Skene.

    No item is left out: a test set without disagreements is easier than the world.
    """
    label = majority(votes)
    return np.where(label == NO_VOTE, raters.dawid_skene(votes, N).posterior.argmax(axis=1), label)
