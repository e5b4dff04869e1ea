"""Reads a labelled table for the model builder's commands, with progress, and what they share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from shared import logs
from shared.errors import NotConfigured
from shared.settings import settings

if TYPE_CHECKING:  # torch and scikit-learn are not for `tailtrend up`
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from worker.training.corpus import Corpus
    from worker.training.crossfit import Predictions
    from worker.training.intervals import Figure
    from worker.training.labels import Rule
    from worker.training.plan import Plan

T = TypeVar("T")

screen = Console(stderr=True, soft_wrap=True)


def device_here(device: str) -> str:
    """Return a device that can be used. Raises BadParameter."""
    import torch

    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"{device} is neither cpu nor cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise typer.BadParameter("torch finds no CUDA device here")
    return device


LabelledTable = Annotated[Path, typer.Argument(help="The table of labelled files (CSV).")]
RunFolder = Annotated[Path, typer.Argument(file_okay=False, help="The folder of the training run.")]
WeightsDir = Annotated[Path | None, typer.Option("--weights", help="Directory of weight files.")]
Device = Annotated[str, typer.Option(callback=device_here, help="What fits networks: cpu or cuda.")]
TestSet = Annotated[Path | None, typer.Option(help="Record of the frozen test set (JSON).")]


class NoEncoders(NotConfigured):
    """No encoder is here, so files have no numbers: `tailtrend models pull` fetches them."""

    code = "no_encoders"


def prepare() -> None:
    """Let each log line be readable, and numeric libraries keep to one core each."""
    import torch

    logs.configure()
    torch.set_num_threads(settings().model_threads)


def gather(
    path: Path, rule: "Rule", variants: int, weights: Path | None, *, pictures: bool = False
) -> "Corpus":
    """Read and measure a table; what was measured before is read from the cache.

    `pictures`: whether a network will look at them itself.
    """
    from worker.training import corpus, dataset, features

    cache_dir = settings().cache_dir.expanduser()
    found = dataset.read(path)
    models = features.load_models(
        weights or settings().weights_dir, cache_dir, settings().model_threads
    )
    if models.encode.vision is None and models.encode.audio is None:
        raise NoEncoders
    with bar("measuring files", len(found.examples)) as (drawn, task):
        return corpus.gather(
            found,
            models,
            cache_dir,
            variants=variants,
            rule=rule,
            pictures=pictures,
            on_done=lambda: drawn.advance(task),
        )


def development_rows(corpus: "Corpus", test_set: Path | None) -> "NDArray[np.int64]":
    """Return the rows that may be learned from: all but a frozen test set, and what joins it."""
    from worker.training import splits

    everything = np.arange(len(corpus))
    if test_set is None:
        return everything
    kept = splits.frozen(test_set, corpus.dataset.examples)
    return everything[~np.isin(corpus.groups, corpus.groups[kept])]


@contextmanager
def resumable() -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on where it was.", err=True)
        raise


@contextmanager
def bar(name: str, total: int) -> "Iterator[tuple[Progress, TaskID]]":
    """Draw a progress bar on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=screen, disable=not screen.is_terminal
    ) as drawn:
        yield drawn, drawn.add_task(name, total=total)


def drawn_over(name: str, values: Sequence[T]) -> Iterator[T]:
    """Yield values behind a progress bar."""
    with bar(name, len(values)) as (drawn, task):
        for value in values:
            yield value
            drawn.advance(task)


def show(title: str, figures: "Mapping[str, Figure]") -> None:
    """Print figures with their intervals."""
    drawn = Table(title, "value", "95 %", "sd over seeds", "n")
    for name, f in figures.items():
        sd = "" if f.sd is None else f"{f.sd:.3f}"
        drawn.add_row(name, f"{f.value:.3f}", f"{f.low:.3f} to {f.high:.3f}", sd, str(f.n or ""))
    Console().print(drawn)


def finished(
    run: Path, table: Path, weights: Path | None, test_set: Path | None
) -> "tuple[Corpus, Plan, Predictions]":
    """Read a finished run and the table that it learned from. Raises RunInvalid."""
    from worker.training import backbone, crossfit, dataset, splits

    plan, predictions = crossfit.load(run)
    if dataset.digest(table) != plan.table_sha256:
        raise crossfit.RunInvalid(f"{run} learned from another table than {table}.")
    held_out = splits.name_of(test_set) if test_set else None
    if held_out != plan.held_out:
        raise crossfit.RunInvalid(f"{run} was made with another frozen test set, or with none.")
    pictures = plan.recipe.reads_pictures
    corpus = gather(table, plan.rule, plan.variants, weights, pictures=pictures)
    return replace(corpus, start=backbone.started(run)), plan, predictions
