"""`tailtrend export`: a finished training run becomes a bundle."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli import tables
from cli.tables import Device, LabelledTable, RunFolder, TestSet, WeightsDir


def export(
    run: RunFolder,
    table: LabelledTable,
    out: Annotated[Path, typer.Argument(help="Directory of the new bundle.")],
    name: Annotated[str, typer.Option(help="The bundle's name, in small letters and dashes.")],
    version: Annotated[str, typer.Option(help="As 1.0.0.")] = "1.0.0",
    licence: Annotated[
        str, typer.Option(help="SPDX name of the weights' licence.")
    ] = "LicenseRef-unpublished",
    core_ml: Annotated[
        bool, typer.Option("--core-ml", help="Also write OUT.mlpackage; needs coremltools.")
    ] = False,
    test_set: TestSet = None,
    weights: WeightsDir = None,
    device: Device = "cpu",
) -> None:
    """Fit the final network, calibrate it on held-out rows, check its graph, and write a bundle.

    `calibrated` is true only if the temperatures of some folds do no harm to the others.
    """
    from worker.training import bundling, coreml, crossfit, study

    tables.prepare()
    named = bundling.Named(name, version, licence)
    bundling.refuse(crossfit.load(run)[0], out)  # before hours of work
    corpus, plan, predictions = tables.finished(run, table, weights, test_set)
    rows = tables.development_rows(corpus, test_set)
    with tables.screen.status("evaluating") as status:
        found = study.study(corpus, plan, predictions, run, device=device, on_step=status.update)
        status.update("fitting and exporting the final network")
        made = bundling.export_run(
            corpus, plan, predictions, run, rows, out, named, found, device=device
        )
    tables.show(plan.split_in_words, found.figures)
    drawn = Table("file", "kB")
    for file, size in made.bytes.items():
        drawn.add_row(file, f"{size / 1e3:.1f}")
    Console().print(drawn)
    state = "calibrated" if made.evidence.holds else "NOT calibrated"
    typer.echo(
        f"{made.bundle.name} {made.bundle.version} ({made.bundle.sha256[:12]}), {state}; the graph "
        f"differs from the network by at most {made.difference:.1e} in a logit."
    )
    if core_ml:
        package = out.with_suffix(".mlpackage")
        inputs = coreml.convert(made.bundle, package)
        typer.echo(f"{package}: reads {', '.join(inputs)}; numbers are to be compared on macOS.")
