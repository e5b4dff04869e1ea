"""A finished run from every side: figures, missing modalities, controls, ablations."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from worker.pipeline.manifest import ANY
from worker.training import (
    adaptation,
    calibration,
    controls,
    evaluation,
    experts,
    labels,
    provenance,
)
from worker.training.corpus import Corpus
from worker.training.crossfit import Predictions
from worker.training.evaluation import Answers, Evaluation
from worker.training.plan import Plan, Split
from worker.training.splits import TooFewGroups

LEAKY = "LEAKY SPLIT: animals are on both sides; these figures flatter and must not be quoted."


def study(
    corpus: Corpus,
    plan: Plan,
    predictions: Predictions,
    folder: Path,
    *,
    device: str = "cpu",
    on_step: Callable[[str], None] = lambda step: None,
) -> Evaluation:
    """Evaluate a run of `folder` on rows that its networks never saw; `device` fits a control."""
    on_step("figures")
    cross = calibration.cross_calibrated(predictions, corpus)
    rows = predictions.rows
    whole = evaluation.evaluate(
        probable(corpus, cross, ANY, predictions),
        data=corpus.dataset.path.name,
        split=plan.split_in_words,
        marks=marks(corpus, plan, predictions),
        about=f"{folder.name}, {plan.recipe.arch}",
    )
    on_step("missing modalities")
    found = evaluation.matrix(
        {p: probable(corpus, cross, p, predictions) for p in cross if p != ANY}
    )
    on_step("background and metadata")
    held = controls.from_elsewhere(corpus, plan, rows)
    on_step("shuffled labels")
    with suppress(TooFewGroups):  # few rows, and the deal left a class with one: nothing to say
        held["shuffled labels"] = controls.shuffled(
            corpus, plan, folder / "controls" / "shuffled", predictions.dealt, device=device
        )
    on_step("frozen frames, swapped sound")
    held |= controls.changed(corpus, plan, folder, predictions)
    fitted = {
        "offsets of species and breed: nats": adaptation.gained(cross[ANY], predictions, corpus)
    }
    if (signs := experts.gained(cross[ANY], predictions, corpus)) is not None:
        fitted["the ethogram beside the network: nats of a clip"] = signs
    return replace(
        whole,
        missing_modalities=found,
        controls=held,
        ablations=controls.ablations(corpus, predictions) | fitted,
        subgroups=controls.subgroups(corpus, predictions),
    )


def probable(
    corpus: Corpus, cross: dict[str, calibration.Array], pattern: str, predictions: Predictions
) -> Answers:
    """Return the calibrated answers to a pattern, on the rows that have it."""
    chances = cross[pattern]
    rows = predictions.rows[~np.isnan(chances[0, predictions.rows, 0])]
    votes = labels.shares(labels.votes_of(corpus.dataset))
    return Answers(chances[:, rows], corpus.truth[rows], votes[rows], corpus.groups[rows])


def marks(corpus: Corpus, plan: Plan, predictions: Predictions) -> tuple[str, ...]:
    """Return the warnings that go with every figure of a run."""
    read, dealt = predictions.rows, predictions.dealt
    learned = [corpus.dataset.examples[i] for i in read]
    told = [LEAKY] if plan.split == Split.RANDOM else []
    told += ["Labels were shuffled: a control."] if plan.shuffled else []
    told += provenance.marks_of_learned(learned, corpus.truth[read].tolist())
    if len(read) < len(dealt):
        told.append(f"{len(dealt) - len(read)} of {len(dealt)} files have nothing that it reads.")
    return tuple(told)
