"""Fits one network per fold and seed, and keeps what each says of rows that it never saw."""

import csv
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import ValidationError
from tensorboardX import SummaryWriter

from shared.errors import InputError
from worker.pipeline.architectures.build import inputs_of
from worker.pipeline.architectures.inputs import MODALITIES, PRESENT
from worker.pipeline.manifest import ANY, CLASSES
from worker.training import fit, splits
from worker.training.corpus import Corpus
from worker.training.fit import Epoch, Fitted, Task
from worker.training.plan import Plan, Recipe, Split
from worker.training.splits import Fold
from worker.training.table import Table

PLAN, PREDICTIONS, FITS = "plan.json", "predictions.npz", "fits"

Array = NDArray[np.float32]
Rows = NDArray[np.int64]

log = structlog.get_logger(__name__)


class RunInvalid(InputError):
    """This folder holds no finished training run."""

    code = "run_invalid"


class OneClass(InputError):
    """Every file has the same label."""

    code = "one_class"


@dataclass(frozen=True, slots=True)
class Predictions:
    """Logits of held-out rows (seeds, n, 5) by presence pattern, `*` being all that a row has.

    NaN where a row lacks a modality of the pattern, or was in no test part. `fold` (n,), -1 there.
    """

    logits: Mapping[str, Array]
    fold: Rows

    @property
    def rows(self) -> Rows:
        """Return the rows that were answered."""
        return np.flatnonzero(~np.isnan(self.logits[ANY][0, :, 0]))

    @property
    def dealt(self) -> Rows:
        """Return the rows that folds were made of, whether or not the network could read them."""
        return np.flatnonzero(self.fold >= 0)


OnFit = Callable[[int, int], None]


def cross_fit(
    corpus: Corpus,
    plan: Plan,
    folder: Path,
    rows: Rows,
    *,
    device: str = "cpu",
    on_epoch: fit.OnEpoch = lambda epoch: None,
    on_fit: OnFit = lambda fold, seed: None,
) -> Predictions:
    """Fit every fold and seed over `rows`, going on where a kill left off; keep all in `folder`.

    Raises OtherRecipe, OneClass, NothingToLearn, TooFewGroups, LeakFound.
    """
    known = dealt_anew(corpus) if plan.shuffled else corpus
    made = planned(known, plan, rows)
    claim(folder, plan)
    fold_of = np.full(len(corpus), -1)
    logits: dict[str, Array] = {}
    for number, fold in enumerate(made):
        fold_of[fold.test] = number
        if plan.recipe.patient and not len(fold.stop):
            log.warning("no_early_stopping", fold=number, why="too few groups have what it reads")
        for seed in range(plan.seeds):
            at = folder / FITS / f"fold{number}-seed{seed}"
            fitted = fit_one(known, plan, fold, seed, at, device=device, on_epoch=on_epoch)
            fitted.module.to(device)  # it answers where it learned
            for pattern, found in answers(fitted, known, fold.test).items():
                empty = np.full((plan.seeds, len(corpus), found.shape[1]), np.nan, np.float32)
                logits.setdefault(pattern, empty)[seed, fold.test] = found
            on_fit(number, seed)
    predictions = Predictions(logits, fold_of)
    np.savez(folder / PREDICTIONS, fold=fold_of, **logits)  # type: ignore[arg-type]
    return predictions


def asked_again(
    corpus: Corpus, plan: Plan, folder: Path, rows: Rows, tables: Mapping[str, Table]
) -> dict[str, Array]:
    """Ask a finished run's networks about other forms of the rows: name to logits (seeds, n, 5)."""
    shape = (plan.seeds, len(corpus), corpus.targets.shape[1])
    found = {name: np.full(shape, np.nan, np.float32) for name in tables}
    for number, fold in enumerate(folds(corpus, plan, rows)):
        for seed in range(plan.seeds):
            task = task_of(corpus, fold, seed)
            fitted = fit.fit(task, plan.recipe, folder / FITS / f"fold{number}-seed{seed}")
            for name, table in tables.items():
                can = fold.test[table.answerable(fitted.module.inputs)[fold.test]]
                if len(can):
                    found[name][seed, can] = fit.predict(fitted.module, table, can)
    return found


def claim(folder: Path, plan: Plan) -> None:
    """Make a run's folder, or go on in it. Raises OtherRecipe if it is another run's."""
    refuse_another(folder, plan)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLAN).write_text(plan.model_dump_json(indent=1) + "\n", "utf-8")


def refuse_another(folder: Path, plan: Plan) -> None:
    """Raise OtherRecipe, saying what differs, if a folder holds another plan's run."""
    path = folder / PLAN
    if not path.is_file():
        return
    try:
        there = Plan.model_validate_json(path.read_text("utf-8"))
    except ValueError as error:
        raise fit.OtherRecipe(f"{path} is no plan of this version; choose a new folder.") from error
    before, now = settings_of(there), settings_of(plan)
    told = [
        f"{name} was {before.get(name)} and is now {now.get(name)}"
        for name in before | now
        if before.get(name) != now.get(name)
    ]
    if told:
        raise fit.OtherRecipe(f"{folder} holds another run: {', '.join(told)}; choose a new one.")


def settings_of(plan: Plan) -> dict[str, object]:
    """Return every setting of a plan by its name."""
    whole: dict[str, object] = plan.model_dump(mode="json", exclude={"recipe"})
    whole["table"] = f"{plan.table} ({plan.table_sha256[:12]})"
    del whole["table_sha256"]
    recipe = plan.recipe.model_dump(mode="json", exclude={"config"})
    return whole | recipe | {f"config.{name}": one for name, one in plan.recipe.config.items()}


def load(folder: Path) -> tuple[Plan, Predictions]:
    """Read a finished run. Raises RunInvalid."""
    try:
        plan = Plan.model_validate_json((folder / PLAN).read_text("utf-8"))
        with np.load(folder / PREDICTIONS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, ValidationError) as error:
        raise RunInvalid(f"{folder} holds no finished training run.") from error
    return plan, Predictions({k: v for k, v in arrays.items() if k != "fold"}, arrays["fold"])


def planned(corpus: Corpus, plan: Plan, rows: Rows) -> list[Fold]:
    """Return the plan's folds, once something can be learned in each.

    Raises OneClass, NothingToLearn, TooFewGroups, LeakFound.
    """
    refuse_one_class(corpus.truth[rows])
    can = teaching(corpus, plan.recipe)
    read = inputs_of(plan.recipe.arch, plan.recipe.config)
    wanted = ", ".join(name for name in read if not name.endswith(PRESENT))
    if not can[rows].any():
        raise fit.NothingToLearn(f"No row has all that the network reads ({wanted}).")
    made = list(folds(corpus, plan, rows))
    for number, fold in enumerate(made):
        if not can[fold.train].any():
            raise splits.TooFewGroups(
                f"All rows that have what the network reads ({wanted}) are tested in fold {number}."
            )
    return made


def teaching(corpus: Corpus, recipe: Recipe) -> NDArray[np.bool_]:
    """Tell which rows (n,) can be learned from: the rule allows it, and the network reads them."""
    return corpus.usable & corpus.table.answerable(inputs_of(recipe.arch, recipe.config))


def folds(corpus: Corpus, plan: Plan, rows: Rows) -> Iterator[Fold]:
    """Yield the plan's folds over `rows`, each checked for leaks; only usable rows teach."""
    labels, groups = corpus.truth[rows], corpus.groups[rows]
    can = teaching(corpus, plan.recipe)[rows]
    made = {
        Split.GROUPS: lambda: splits.folds(labels, groups, k=plan.folds, seed=0, telling=can),
        Split.LEAVE_ONE_OUT: lambda: splits.leave_one_out(labels, groups, seed=0, telling=can),
        Split.RANDOM: lambda: splits.leaky_folds(labels, k=plan.folds, seed=0),
    }[plan.split]()
    for fold in made:
        whole = Fold(**{f.name: rows[getattr(fold, f.name)] for f in fields(Fold)})
        if plan.split != Split.RANDOM:
            splits.check(corpus.joined, whole, corpus.dataset.examples)
        yield teachable(corpus, whole)


def refuse_one_class(truth: Rows) -> None:
    """Raise OneClass."""
    if len(labelled := np.unique(truth)) < 2:
        names = ", ".join(CLASSES[at] for at in labelled)
        raise OneClass(f"Every file is labelled {names}: there is nothing to tell apart.")


def teachable(corpus: Corpus, fold: Fold) -> Fold:
    """Leave rows out of training whose votes the rule refuses; the test part keeps every row."""
    train, stop = (part[corpus.usable[part]] for part in (fold.train, fold.stop))
    return Fold(train, stop, fold.test)


def task_of(corpus: Corpus, fold: Fold, seed: int) -> Task:
    """Return what one run is given."""
    return Task(corpus.table, corpus.targets, corpus.groups, fold, seed, corpus.start)


def fit_one(
    corpus: Corpus,
    plan: Plan,
    fold: Fold,
    seed: int,
    folder: Path,
    *,
    device: str,
    on_epoch: fit.OnEpoch,
) -> Fitted:
    """Fit one network; its scalars go to TensorBoard's files, its history to a table."""
    task = task_of(corpus, fold, seed)
    with SummaryWriter(str(folder / "events")) as writer:

        def told(epoch: Epoch) -> None:
            for name in ("loss", "stop_loss", "stop_macro_f1"):
                if (value := getattr(epoch, name)) is not None:
                    writer.add_scalar(name, value, epoch.epoch)
            on_epoch(epoch)

        fitted = fit.fit(task, plan.recipe, folder, device=device, on_epoch=told)
    write_history(folder / "history.csv", fitted.history)
    return fitted


def write_history(path: Path, history: Sequence[Epoch]) -> None:
    """Write one line per epoch."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([f.name for f in fields(Epoch)])
        writer.writerows([getattr(e, f.name) for f in fields(Epoch)] for e in history)


def answers(fitted: Fitted, corpus: Corpus, rows: Rows) -> dict[str, Array]:
    """Return logits (rows, 5) for every presence pattern that the network can be asked with."""
    found = {}
    readable = corpus.table.answerable(fitted.module.inputs)
    for pattern in (ANY, *patterns(fitted.module.inputs)):
        wanted = [] if pattern == ANY else [MODALITIES.index(m) for m in pattern.split("+")]
        can = readable[rows] & corpus.table.present[rows][:, wanted].all(axis=1)
        hidden = tuple(m for i, m in enumerate(MODALITIES) if wanted and i not in wanted)
        logits = np.full((len(rows), corpus.targets.shape[1]), np.nan, np.float32)
        if can.any():
            logits[can] = fit.predict(fitted.module, corpus.table, rows[can], hidden=hidden)
        found[pattern] = logits
    return found


def patterns(inputs: Sequence[str]) -> list[str]:
    """Return the presence patterns of a network that can do without modalities, fullest first."""
    if "quality" not in inputs:
        return []
    sizes = range(len(MODALITIES), 0, -1)
    return ["+".join(c) for k in sizes for c in itertools.combinations(MODALITIES, k)]


def dealt_anew(corpus: Corpus) -> Corpus:
    """Return a corpus whose labels are shuffled over its rows: nothing can be learned of it."""
    order = np.random.default_rng(0).permutation(len(corpus))
    shuffled = {name: getattr(corpus, name)[order] for name in ("targets", "usable", "truth")}
    return replace(corpus, **shuffled)
