"""What a network must not be able to do, and what taking something away costs it."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from worker.pipeline.architectures.inputs import MODALITIES
from worker.pipeline.manifest import ANY
from worker.training import crossfit, evaluation, metrics
from worker.training.calibration import pattern_of
from worker.training.corpus import Corpus
from worker.training.crossfit import Predictions
from worker.training.evaluation import Answers
from worker.training.features import Features
from worker.training.intervals import Figure
from worker.training.plan import Plan
from worker.training.splits import TooFewGroups
from worker.training.table import Table, build

LEAST_ROWS = 10  # below, a control says nothing
AUDIO = MODALITIES.index("audio")

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


def answers(corpus: Corpus, logits: NDArray[np.floating], rows: Rows) -> Answers:
    """Return what was answered about rows as it is measured; only the order of logits counts."""
    return Answers(
        logits[:, rows].astype(float), corpus.truth[rows], corpus.targets[rows], corpus.groups[rows]
    )


def shuffled(corpus: Corpus, plan: Plan, folder: Path, rows: Rows, *, device: str) -> Figure:
    """Train on labels that are dealt out anew: it must end at chance."""
    control = plan.model_copy(update={"shuffled": True, "seeds": 1})
    found = crossfit.cross_fit(corpus, control, folder, rows, device=device)
    dealt = crossfit.dealt_anew(corpus)
    return evaluation.macro_f1(answers(dealt, found.logits[ANY], found.rows))


def from_elsewhere(corpus: Corpus, plan: Plan, rows: Rows) -> dict[str, Figure]:
    """Predict from what is around the pet, and from what the file is like: both should fail."""
    given = {
        "background only": corpus.table.background[rows],
        "metadata only": corpus.table.metadata[rows],
    }
    found = {}
    for name, numbers in given.items():
        known = rows[~np.isnan(numbers).any(axis=1)]
        whole = np.zeros((len(corpus), numbers.shape[1]), np.float32)
        whole[rows] = numbers
        with suppress(TooFewGroups):  # too few files show a background: nothing to say
            if len(known) >= LEAST_ROWS:
                found[name] = linear(corpus, plan, whole, known)
    return found


def linear(corpus: Corpus, plan: Plan, numbers: NDArray[np.float32], rows: Rows) -> Figure:
    """Return the macro F1 of a linear model over grouped folds."""
    logits = np.full((1, len(corpus), metrics.N), -np.inf)
    for fold in crossfit.folds(corpus, plan, rows):
        learnt = np.concatenate([fold.train, fold.stop])
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
        )
        if len(np.unique(corpus.truth[learnt])) > 1:
            model.fit(numbers[learnt], corpus.truth[learnt])
            chosen = model.predict(numbers[fold.test])
            logits[0, fold.test, chosen] = 0.0
    return evaluation.macro_f1(answers(corpus, logits, rows))


def changed(
    corpus: Corpus, plan: Plan, folder: Path, predictions: Predictions
) -> dict[str, Figure]:
    """Return what frozen pictures and another clip's sound cost in macro F1; above 0 they hurt."""
    rows = predictions.rows
    made = {"frozen frames": frozen(corpus), "swapped sound": swapped(corpus, rows)}
    tables = {name: table for name, table in made.items() if table is not None}
    asked = {"plain": corpus.table, **tables}
    plain = crossfit.asked_again(corpus, plan, folder, predictions.dealt, asked)
    found = {}
    for name, table in tables.items():
        touched = touched_rows(corpus, table, rows)
        if len(touched) >= LEAST_ROWS:
            first, second = (answers(corpus, plain[n], touched) for n in ("plain", name))
            found[f"{name}: points lost"] = evaluation.difference(first, second)
    return found


def touched_rows(corpus: Corpus, table: Table, rows: Rows) -> Rows:
    """Return the rows that a changed table shows otherwise."""
    before, after = (np.nan_to_num(t.parts["vision"][:, 0]) for t in (corpus.table, table))
    heard = [np.nan_to_num(t.parts["audio"][:, 0]) for t in (corpus.table, table)]
    differs = (before != after).any(axis=1) | (heard[0] != heard[1]).any(axis=1)
    return np.asarray(rows[differs[rows]])


def frozen(corpus: Corpus) -> Table | None:
    """Return the table as if every clip showed its first picture all the time."""
    if not any(f.vision.shape[1] > 1 for f in corpus.features):
        return None
    shown = corpus.table.shown
    shown = None if shown is None else replace(shown, is_still=True)
    return build(corpus.dataset.examples, [still(f) for f in corpus.features], shown)


def still(one: Features) -> Features:
    """Return a file's numbers with its first picture in place of all."""
    n = one.vision.shape[1]
    return replace(one, vision=np.repeat(one.vision[:, :1], n, axis=1), pose=one.pose[:1])


def swapped(corpus: Corpus, rows: Rows) -> Table | None:
    """Return the table with each row's sound from a row of another group."""
    rng = np.random.default_rng(0)
    heard = rows[corpus.table.present[rows, AUDIO]]
    audio = corpus.table.parts["audio"].copy()
    for i in heard:
        others = heard[corpus.groups[heard] != corpus.groups[i]]
        if not len(others):
            return None
        audio[i] = corpus.table.parts["audio"][rng.choice(others)]
    return (
        replace(corpus.table, parts={**corpus.table.parts, "audio": audio}) if len(heard) else None
    )


def ablations(corpus: Corpus, predictions: Predictions) -> dict[str, Figure]:
    """Return what each modality adds in macro F1, where a row has it beside another one."""
    found = {}
    own = np.array(pattern_of(corpus, np.arange(len(corpus))))
    for modality in MODALITIES:
        without = np.full(predictions.logits[ANY].shape, np.nan, np.float32)
        for pattern in np.unique(own):
            rest = "+".join(m for m in str(pattern).split("+") if m != modality)
            if rest and rest != pattern and rest in predictions.logits:
                mine = own == pattern
                without[:, mine] = predictions.logits[rest][:, mine]
        rows = np.intersect1d(predictions.rows, np.flatnonzero(~np.isnan(without[0, :, 0])))
        if len(rows) >= LEAST_ROWS:
            both = (answers(corpus, z, rows) for z in (predictions.logits[ANY], without))
            found[f"{modality} adds"] = evaluation.difference(*both)
    return found


def subgroups(corpus: Corpus, predictions: Predictions) -> dict[str, Figure]:
    """Return macro F1 by species and by kind of file, where there are enough rows."""
    found = {}
    for name in ("species", "kind"):
        values = np.array([str(getattr(one, name)) for one in corpus.dataset.examples])
        for value in np.unique(values):
            rows = predictions.rows[values[predictions.rows] == value]
            if len(rows) >= 2 * LEAST_ROWS:
                found[f"{name} {value}"] = evaluation.macro_f1(
                    answers(corpus, predictions.logits[ANY], rows)
                )
    return found
