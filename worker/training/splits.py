"""Who is trained on and who is tested on: never the same animal, source or near-duplicate."""

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold

from shared.errors import InputError
from worker.training import fingerprints
from worker.training.dataset import Example
from worker.training.features import Features

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


class LeakFound(InputError):
    """Something is on both sides of a split."""

    code = "leak_found"


class TooFewGroups(InputError):
    """There are too few animals to split."""

    code = "too_few_groups"


class TestSetChanged(InputError):
    """The frozen test set is not the one that was frozen."""

    code = "test_set_changed"
    __test__ = False  # no test, whatever its name says


@dataclass(frozen=True, slots=True)
class Links:
    """Why rows belong together: pairs of rows by reason."""

    pairs: tuple[tuple[str, int, int], ...]

    def groups(self, n: int) -> Rows:
        """Return each row's group: rows that any chain of pairs joins."""
        root = list(range(n))

        def find(i: int) -> int:
            while root[i] != i:
                root[i] = root[root[i]]
                i = root[i]
            return i

        for _, i, j in self.pairs:
            low, high = sorted((find(i), find(j)))
            root[high] = low
        return np.unique([find(i) for i in range(n)], return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers of one way to split: learn from `train`, stop by `stop`, measure on `test`."""

    train: Rows
    stop: Rows
    test: Rows


def links(examples: Sequence[Example], features: Sequence[Features]) -> Links:
    """Find what joins rows: the animal, the source, the same picture or sound."""
    pairs: list[tuple[str, int, int]] = []
    for name in ("pet_id", "source", "sha256"):
        first: dict[str, int] = {}
        for i, one in enumerate(examples):
            value = getattr(one, name)
            if value:
                pairs.append((name, first.setdefault(value, i), i))
    near = fingerprints.near_pictures([f.picture_bits for f in features], len(features))
    pairs += [("near-duplicate picture", i, j) for i, j in near]
    sounds = {i: f.sound_bits for i, f in enumerate(features) if len(f.sound_bits)}
    pairs += [("near-duplicate sound", i, j) for i, j in fingerprints.near_sounds(sounds)]
    return Links(tuple(p for p in pairs if p[1] != p[2]))


def check(joined: Links, fold: Fold, examples: Sequence[Example]) -> None:
    """Raise LeakFound, naming rows and reasons, where a fold's parts share anything."""
    part = {int(i): name for name in ("train", "stop", "test") for i in getattr(fold, name)}
    told = [
        f"{examples[i].path.name} ({part[i]}) and {examples[j].path.name} ({part[j]}): {why}"
        for why, i, j in joined.pairs
        if i in part and j in part and part[i] != part[j]
    ]
    if told:
        raise LeakFound("\n".join([*told[:20], f"{len(told)} leak(s) between parts of a split."]))


def folds(
    labels: Rows, groups: Rows, *, k: int, seed: int, telling: Mask | None = None
) -> Iterator[Fold]:
    """Yield k grouped, stratified folds; of each one's training rows a part is for stopping.

    `telling` (n,): the rows that the network can read.
    """
    require(groups, k)
    outer = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    for rest, test in divided(outer, labels, groups):
        yield Fold(*stopped_by(rest, labels, groups, telling, seed=seed), test)


def divided(how: StratifiedGroupKFold, labels: Rows, groups: Rows) -> list[tuple[Rows, Rows]]:
    """Split by group. Raises TooFewGroups where no class is in enough rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a rare class misses from some parts
        try:
            found = list(how.split(labels, labels, groups))
        except ValueError as error:
            raise TooFewGroups(f"no class has {how.n_splits} rows to divide.") from error
    return [(a.astype(np.int64), b.astype(np.int64)) for a, b in found]


def leave_one_out(
    labels: Rows, groups: Rows, *, seed: int, telling: Mask | None = None
) -> Iterator[Fold]:
    """Yield a fold for every group."""
    require(groups, 3)
    for rest, test in LeaveOneGroupOut().split(labels, labels, groups):
        train, stop = stopped_by(rest, labels, groups, telling, seed=seed)
        yield Fold(train, stop, test.astype(np.int64))


def leaky_folds(labels: Rows, *, k: int, seed: int) -> Iterator[Fold]:
    """Yield folds that ignore groups: only to show how much such a split flatters."""
    outer = StratifiedKFold(k, shuffle=True, random_state=seed)
    for rest, test in outer.split(labels, labels):
        stop = rest[::5]
        yield Fold(np.setdiff1d(rest, stop), stop.astype(np.int64), test.astype(np.int64))


def stopped_by(
    rows: Rows, labels: Rows, groups: Rows, telling: Mask | None, *, seed: int
) -> tuple[Rows, Rows]:
    """Divide rows into a training part and about a fifth of the telling ones, with their groups.

    The second part is empty where too few groups tell anything.
    """
    told = rows if telling is None else rows[telling[rows]]
    try:
        _, taken = part(told, labels, groups, share=0.2, seed=seed)
    except TooFewGroups:
        return rows, rows[:0]
    stops = np.isin(groups[rows], groups[taken])
    return rows[~stops], rows[stops]


def part(rows: Rows, labels: Rows, groups: Rows, *, share: float, seed: int) -> tuple[Rows, Rows]:
    """Divide rows by group, stratified: what remains, and about `share` of them."""
    require(groups[rows], 2)
    most = min(len(np.unique(groups[rows])), np.bincount(labels[rows]).max())
    k = max(2, min(round(1 / share), most))
    inner = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    kept, taken = divided(inner, labels[rows], groups[rows])[0]
    return rows[kept], rows[taken]


def require(groups: Rows, least: int) -> None:
    """Raise TooFewGroups."""
    found = len(np.unique(groups))
    if found < least:
        raise TooFewGroups(
            f"{found} group(s) of animals, sources and near-duplicates; {least} are needed. "
            "Rows of one source count as one group: leave `source` empty where nobody knows it."
        )


def freeze(path: Path, examples: Sequence[Example], rows: Rows) -> None:
    """Record a test set by the SHA-256 of its files and of the whole list."""
    hashes = sorted(examples[i].sha256 for i in rows)
    path.write_text(json.dumps({"sha256": digest(hashes), "files": hashes}, indent=1) + "\n")


def recorded(path: Path) -> tuple[list[str], str]:
    """Return a test set's hashes and the hash of the whole. Raises TestSetChanged."""
    try:
        stored = json.loads(path.read_text("utf-8"))
        hashes, whole = list(stored["files"]), str(stored["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TestSetChanged(f"{path} is no record of a test set.") from error
    if digest(hashes) != whole:
        raise TestSetChanged(f"{path} was edited: its files do not give its hash.")
    return hashes, whole


def name_of(path: Path) -> str:
    """Return the hash that names a recorded test set. Raises TestSetChanged."""
    return recorded(path)[1]


def frozen(path: Path, examples: Sequence[Example]) -> Rows:
    """Return the rows of a recorded test set. Raises TestSetChanged if it is not whole."""
    hashes, _ = recorded(path)
    at = {one.sha256: i for i, one in enumerate(examples)}
    lost = [h for h in hashes if h not in at]
    if lost:
        raise TestSetChanged(f"{len(lost)} of {len(hashes)} files of {path} are not in the table.")
    return np.array(sorted(at[h] for h in hashes), np.int64)


def digest(hashes: Sequence[str]) -> str:
    """Return the hash of a list of hashes."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
