"""`python -m bench.training DATA WORK`: what networks learn of the real photos and sounds.

Not part of `python -m bench`: it needs the real data, and ten minutes on a small machine. What was
done is kept in WORK and not done again. Its networks stay there.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import training_tables
from cli import tables
from worker.pipeline.manifest import ANY
from worker.training import controls, corpus, crossfit, dataset, evaluation, features
from worker.training.corpus import Corpus
from worker.training.crossfit import Predictions
from worker.training.evaluation import Answers
from worker.training.intervals import Figure
from worker.training.labels import Rule
from worker.training.plan import Plan, Recipe, Split

SETS = {"photos": training_tables.photos, "meows": training_tables.meows}
SETS_WITHIN = 0.02  # macro F1 that one network for both may lose against a set's own


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    tables.prepare()
    models = features.load_models(asked.weights, asked.work / "cache", 1)
    rows = {name: list(of(asked.data)) for name, of in SETS.items()}
    rows["both"] = [*rows["photos"], *rows["meows"], *training_tables.generated(asked.work)]
    read = {name: gathered(asked.work, name, found, models) for name, found in rows.items()}
    photos, meows, both = (read[name] for name in ("photos", "meows", "both"))

    runs = asked.work / "runs"
    own = fitted(runs / "photos", photos, plan_of(photos, Split.GROUPS, asked.seeds))
    shown = {"photos, 5 folds": scored(photos, own)}
    control = plan_of(photos, Split.GROUPS, 1).model_copy(update={"shuffled": True})
    nothing = fitted(runs / "shuffled", photos, control)
    shown["photos, shuffled labels"] = scored(crossfit.dealt_anew(photos), nothing)
    for split, seeds in ((Split.LEAVE_ONE_OUT, asked.seeds), (Split.RANDOM, 1), (Split.GROUPS, 1)):
        plan = plan_of(meows, split, seeds)
        found = fitted(runs / f"meows-{split}", meows, plan)
        shown[f"meows, {plan.split_in_words}"] = scored(meows, found)
    tables.show("macro F1", shown)

    one = fitted(runs / "both", both, plan_of(both, Split.GROUPS, 1))
    tables.show("one network for both, shown", matrix(both, one))
    tables.show(
        f"above a set's own network; at least -{SETS_WITHIN}",
        {
            "vision, on photos": against(both, one, "vision", photos, own),
            "audio, on meows": against(both, one, "audio", meows, found),
        },
    )


def gathered(
    work: Path, name: str, rows: list[tuple[Path, training_tables.Row]], models: features.Models
) -> Corpus:
    """Write a set's table and measure its files."""
    found = dataset.read(training_tables.write(work / name, rows))
    with tables.bar(name, len(found.examples)) as (drawn, task):
        return corpus.gather(
            found,
            models,
            work / "cache",
            variants=Recipe().usual_variants,
            rule=Rule.SOFT,
            on_done=lambda: drawn.advance(task),
        )


def plan_of(known: Corpus, split: Split, seeds: int) -> Plan:
    """Return the default recipe on a table."""
    path = known.dataset.path
    return Plan(table=path.name, table_sha256=dataset.digest(path), split=split, seeds=seeds)


def fitted(folder: Path, known: Corpus, plan: Plan) -> Predictions:
    """Fit a plan's networks to all rows, or read what was fitted."""
    rows = all_of(known)
    total = plan.seeds * sum(1 for _ in crossfit.folds(known, plan, rows))
    with tables.bar(folder.name, total) as (drawn, task):
        return crossfit.cross_fit(
            known, plan, folder, rows, on_fit=lambda fold, seed: drawn.advance(task)
        )


def all_of(known: Corpus) -> NDArray[np.int64]:
    """Return every row."""
    return np.arange(len(known))


def scored(known: Corpus, found: Predictions) -> Figure:
    """Return macro F1 over seeds."""
    return evaluation.macro_f1(controls.answers(known, found.logits[ANY], found.rows))


def matrix(known: Corpus, found: Predictions) -> dict[str, Figure]:
    """Return macro F1 by what the network is shown."""
    shown = {}
    for pattern, logits in found.logits.items():
        rows = found.rows[~np.isnan(logits[0, found.rows, 0])]
        if len(rows):
            shown[pattern] = controls.answers(known, logits, rows)
    return evaluation.matrix(shown)


def against(
    both: Corpus, one: Predictions, pattern: str, alone: Corpus, own: Predictions
) -> Figure:
    """Return by how much one network's macro F1 is above a set's own, on that set's rows."""
    at = {e.sha256: i for i, e in enumerate(both.dataset.examples)}
    rows = np.array([at[e.sha256] for e in alone.dataset.examples])
    first = controls.answers(both, one.logits[pattern], rows)
    second = controls.answers(alone, own.logits[ANY][:1], own.rows)
    same = Answers(second.chances, first.truth, second.soft, first.groups)
    return evaluation.difference(first, same)


if __name__ == "__main__":
    main()
