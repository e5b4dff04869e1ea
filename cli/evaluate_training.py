"""`tailtrend evaluate run|bundle|balance`: what networks say of clips that they never saw."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cli import tables
from cli.tables import Device, LabelledTable, RunFolder, TestSet, WeightsDir
from worker.training.plan import Balance


def run(
    run: RunFolder,
    table: LabelledTable,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report.", show_default="RUN/report")
    ] = None,
    test_set: TestSet = None,
    weights: WeightsDir = None,
    device: Device = "cpu",
) -> None:
    """Report a training run: figures, missing modalities, controls, ablations; HTML and JSON."""
    from worker.training import report, study

    tables.prepare()
    corpus, plan, predictions = tables.finished(run, table, weights, test_set)
    with tables.screen.status("evaluating") as status:
        found = study.study(corpus, plan, predictions, run, device=device, on_step=status.update)
    for mark in found.marks:
        typer.echo(mark)
    tables.show(found.split, found.figures)
    tables.show("shown to the network", found.missing_modalities)
    tables.show(f"controls; chance {found.chance:.3f}", found.controls)
    tables.show("ablation", found.ablations)
    typer.echo(f"Report: {report.write(out or run / 'report', found)}")


def bundle(
    bundle: Annotated[Path, typer.Argument(help="Directory of the bundle.")],
    table: LabelledTable,
    against: Annotated[Path | None, typer.Option(help="Another bundle, on the same rows.")] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of the report; one that is there is written over.")
    ] = Path("report"),
    test_set: TestSet = None,
    weights: WeightsDir = None,
) -> None:
    """Measure a bundle on a table, or on its frozen test set, and compare it with another."""
    from worker.pipeline.bundles import load_bundle
    from worker.training import evaluation, provenance, report, serving, splits
    from worker.training.labels import Rule

    tables.prepare()
    ours, other = load_bundle(bundle), load_bundle(against) if against else None
    corpus = tables.gather(table, Rule.SOFT, 0, weights, pictures=serving.looks(ours))
    rows = np.arange(len(corpus))
    if test_set:
        rows = splits.frozen(test_set, corpus.dataset.examples)
    rows = serving.readable(ours, corpus, rows)
    if other:
        rows = serving.readable(other, corpus, rows)
    answers = serving.answers(ours, corpus, rows)
    split = f"frozen test set {splits.name_of(test_set)[:12]}" if test_set else "the whole table"
    examples = [corpus.dataset.examples[i] for i in rows]
    asked = [ours, other] if other else [ours]
    marks = provenance.marks_of_files(examples)
    marks += [mark for one in asked for mark in provenance.marks_of_test(one, examples)]
    about = f"{ours.name} {ours.version} ({ours.sha256[:12]})"
    found = evaluation.evaluate(
        answers, data=table.name, split=split, marks=tuple(marks), about=about
    )
    compared = {}
    if other:
        theirs = serving.answers(other, corpus, rows)
        name = f"macro F1 above {other.name} {other.version}"
        compared = {name: evaluation.difference(answers, theirs)}
    for mark in found.marks:
        typer.echo(mark)
    tables.show(f"{ours.name} {ours.version}, {split}", found.figures | compared)
    typer.echo(f"Report: {report.write(out, found, compared=compared)}")


def balance(
    run: RunFolder,
    table: LabelledTable,
    test_set: TestSet = None,
    weights: WeightsDir = None,
    device: Device = "cpu",
) -> None:
    """Fit a run's recipe with each way to treat rare classes, and compare them on the same rows."""
    from worker.pipeline.manifest import ANY
    from worker.training import controls, crossfit, evaluation

    tables.prepare()
    corpus, plan, _ = tables.finished(run, table, weights, test_set)
    rows = tables.development_rows(corpus, test_set)
    answers = {}
    for way in tables.drawn_over("balance", list(Balance)):
        recipe = plan.recipe.model_copy(update={"balance": way})
        same = plan.model_copy(update={"recipe": recipe})
        found = crossfit.cross_fit(corpus, same, run / "balance" / way, rows, device=device)
        answers[way] = controls.answers(corpus, found.logits[ANY], found.rows)
    base = answers[plan.recipe.balance]
    tables.show("macro F1", {way: evaluation.macro_f1(one) for way, one in answers.items()})
    others = {way: one for way, one in answers.items() if way != plan.recipe.balance}
    tables.show(
        f"above {plan.recipe.balance}",
        {way: evaluation.difference(one, base) for way, one in others.items()},
    )
