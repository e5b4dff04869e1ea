"""A labelled table with everything that training needs of it: arrays, groups, targets, truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worker.training import features, labels, splits
from worker.training.dataset import Dataset
from worker.training.features import Features, Models
from worker.training.splits import Links
from worker.training.table import Table, build

if TYPE_CHECKING:
    from torch import Tensor

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Rows of one table. `truth` (n,) scores, `targets` (n, 5) teach, where `usable` (n,) allows.

    `groups` (n,) never divide: rows of an animal, a source, or that are near-duplicates.
    """

    dataset: Dataset
    features: tuple[Features, ...]
    table: Table
    joined: Links
    groups: Rows
    targets: NDArray[np.float64]
    usable: NDArray[np.bool_]
    truth: Rows
    named: tuple[tuple[str, str, str], ...]  # the networks: role, name, SHA-256
    start: "Mapping[str, Tensor] | None" = None  # of a backbone that is trained as well

    def __len__(self) -> int:
        return len(self.truth)


def gather(
    dataset: Dataset,
    models: Models,
    cache_dir: Path,
    *,
    variants: int,
    rule: labels.Rule,
    pictures: bool = False,
    on_done: Callable[[], None] = lambda: None,
) -> Corpus:
    """Measure every file of a table, or read what was kept. Raises DatasetInvalid with all.

    `pictures`: whether a network will look at them itself.
    """
    folder = features.folder_of(models, cache_dir, variants)
    found = features.of_all(
        dataset.examples, models, folder, variants=variants, pictures=pictures, on_done=on_done
    )
    shown = features.sequences(dataset.examples, found, folder) if pictures else None
    joined = splits.links(dataset.examples, found)
    votes = labels.votes_of(dataset)
    targets, usable = labels.targets(votes, rule)
    return Corpus(
        dataset=dataset,
        features=tuple(found),
        table=build(dataset.examples, found, shown),
        joined=joined,
        groups=joined.groups(len(found)),
        targets=targets,
        usable=usable,
        truth=labels.truth(votes),
        named=models.named,
    )
