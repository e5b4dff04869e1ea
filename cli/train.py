"""`tailtrend train`: fit networks to a table of labelled files. One command per kind of network."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pydantic import ValidationError

from cli import tables
from cli.tables import Device, LabelledTable, RunFolder, TestSet, WeightsDir
from cli.train_pose import train_pose
from shared.settings import settings
from worker.training.labels import Rule
from worker.training.plan import Arch, Balance, LeakyRefused, Plan, Recipe, Split

app = typer.Typer(no_args_is_help=True, help="Fit networks to labelled files.")
app.command("pose")(train_pose)


@app.callback()
def _start() -> None:
    tables.prepare()


@app.command()
def fusion(
    table: LabelledTable,
    run: RunFolder,
    arch: Annotated[
        Arch | None, typer.Option(help="The kind of network.", show_default="masked_fusion")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="The architecture's settings, as JSON.")
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="A recipe (JSON) in place of the defaults; other options go before it."),
    ] = None,
    rule: Annotated[Rule, typer.Option(help="How votes become what is learned.")] = Rule.SOFT,
    balance: Annotated[
        Balance | None, typer.Option(help="What is done about rare classes.")
    ] = None,
    split: Annotated[Split, typer.Option(help="How rows are divided.")] = Split.GROUPS,
    allow_leaky_split: Annotated[
        bool, typer.Option("--allow-leaky-split", help="Let a random split pass, marked.")
    ] = False,
    folds: Annotated[int, typer.Option(min=2)] = 5,
    seeds: Annotated[int, typer.Option(min=1)] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most.")] = None,
    variants: Annotated[
        int | None,
        typer.Option(
            min=0, help="Augmented forms of each file; by default what suits the network."
        ),
    ] = None,
    test_set: TestSet = None,
    weights: WeightsDir = None,
    start: Annotated[
        Path | None, typer.Option(help="torchvision's file of a backbone that is trained as well.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Fit a network per fold and seed; what each says of unseen rows is kept for `evaluate`.

    A run that was stopped goes on where it was: give the same command again.
    """
    from worker.training import dataset, splits

    if split == Split.RANDOM and not allow_leaky_split:
        raise LeakyRefused
    chosen = read_recipe(recipe, config, arch=arch, balance=balance, epochs=epochs)
    plan = Plan(
        table=table.name,
        table_sha256=dataset.digest(table),
        rule=rule,
        split=split,
        folds=folds,
        seeds=seeds,
        variants=chosen.usual_variants if variants is None else variants,
        held_out=splits.name_of(test_set) if test_set else None,
        recipe=chosen,
    )
    with tables.resumable():
        run_plan(plan, table, run, test_set, weights, start, device)


@app.command("hold-out")
def hold_out(
    table: LabelledTable,
    test_set: Annotated[Path, typer.Argument(help="Where the record goes (JSON).")],
    share: Annotated[float, typer.Option(min=0.05, max=0.5)] = 0.2,
    weights: WeightsDir = None,
) -> None:
    """Freeze a test set by its files' hashes: whole groups, to be touched once a release."""
    from worker.training import evaluation, splits

    if test_set.exists():
        raise splits.TestSetChanged(f"{test_set} is there: a frozen test set is not drawn again.")
    corpus = tables.gather(table, Rule.SOFT, 0, weights)
    everything = np.arange(len(corpus))
    _, kept = splits.part(everything, corpus.truth, corpus.groups, share=share, seed=0)
    splits.freeze(test_set, corpus.dataset.examples, kept)
    groups = np.bincount(corpus.groups[kept])
    labelled = ", ".join(f"{n} {c}" for c, n in evaluation.labels_in(corpus.truth[kept]).items())
    typer.echo(
        f"{len(kept)} of {len(corpus)} rows are held out: {test_set}\n"
        f"{(groups > 0).sum()} groups, of {groups.max()} rows at most; labels: {labelled}"
    )


def run_plan(
    plan: Plan,
    table: Path,
    run: Path,
    test_set: Path | None,
    weights: Path | None,
    start: Path | None,
    device: str,
) -> None:
    """Carry a plan out and say what came of it."""
    from worker.pipeline.manifest import ANY
    from worker.training import backbone, controls, crossfit, evaluation, study

    pictures = plan.recipe.reads_pictures
    crossfit.refuse_another(run, plan)  # before files are measured, which may take hours
    corpus = tables.gather(table, plan.rule, plan.variants, weights, pictures=pictures)
    rows = tables.development_rows(corpus, test_set)
    parts = len(crossfit.planned(corpus, plan, rows))  # what is refused leaves the folder free
    places = (weights or settings().weights_dir, settings().cache_dir.expanduser())
    corpus = replace(corpus, start=backbone.begin(plan.recipe, run, start, *places))
    each = plan.recipe.epochs
    with tables.bar("fitting", parts * plan.seeds * each) as (drawn, task):
        found = crossfit.cross_fit(
            corpus,
            plan,
            run,
            rows,
            device=device,
            on_epoch=lambda epoch: drawn.advance(task),
            on_fit=lambda fold, seed: drawn.update(
                task, completed=(fold * plan.seeds + seed + 1) * each
            ),
        )
    for mark in study.marks(corpus, plan, found):
        typer.echo(mark)
    result = evaluation.macro_f1(controls.answers(corpus, found.logits[ANY], found.rows))
    tables.show(plan.split_in_words, {"macro F1": result})
    typer.echo(f"Next: tailtrend evaluate run {run} {table}")


def read_recipe(path: Path | None, config: str | None, **options: object) -> Recipe:
    """Return the recipe of a file, or the usual one, as options change it. Raises BadParameter."""
    from worker.pipeline.architectures.build import configured
    from worker.pipeline.bundles import in_words

    told = {name: value for name, value in options.items() if value is not None}
    try:
        given = read_object(path.read_text("utf-8"), "--recipe") if path else {}
        if config is not None:
            told["config"] = read_object(config, "--config")
        recipe = Recipe.model_validate(given | told)
        configured(recipe.arch, recipe.config)
    except ValidationError as error:
        raise typer.BadParameter(f"this is no recipe: {in_words(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--recipe cannot be read: {error}") from error
    return recipe


def read_object(text: str, option: str) -> dict[str, object]:
    """Return what an option holds as JSON. Raises BadParameter."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f'{option} is no JSON object, such as {{"epochs": 20}}')
    return found
