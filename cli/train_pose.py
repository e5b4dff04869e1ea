"""`tailtrend train pose`: from drawn animals to a keypoint network (ONNX) with its card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli import tables
from shared.settings import settings

if TYPE_CHECKING:
    from worker.training.pose.fit import Run
    from worker.training.pose.score import Scores

NETWORK, CARD = "keypoints.onnx", "card.json"


def train_pose(
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoint, network, card.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="Most time to train.")] = 60.0,
    samples: Annotated[int, typer.Option(min=1, help="Most samples to learn from.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Seed of every drawing and weight.")] = 1,
    drawers: Annotated[int, typer.Option(min=1, help="Processes that draw.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads that learn.")] = 1,
    taps: Annotated[
        bool, typer.Option(help="Read maps of MobileNetV3-small as well (needs its weights).")
    ] = False,
    start: Annotated[
        Path | None, typer.Option(help="Folder of a run to begin from; draw with another seed.")
    ] = None,
) -> None:
    """Train the keypoint network on drawn cats and dogs; a killed run goes on where it was."""
    import cv2
    import torch

    from worker.pipeline.run import load_taps
    from worker.training.pose.fit import Budget, fit  # fmt: skip
    from worker.training.pose.fit import Progress as State

    chosen = settings()
    backbone = load_taps(chosen.weights_dir, chosen.cache_dir.expanduser(), 1) if taps else None
    if taps and backbone is None:
        raise typer.BadParameter("no weights of MobileNetV3-small: see `tailtrend models list`")
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    with tables.resumable(), bar:
        task = bar.add_task("drawing the first animals", total=1.0)

        def show(state: State, used: float) -> None:
            said = f"{state.samples} samples, loss {state.loss:.3f}"
            bar.update(task, completed=used, description=said)

        budget = Budget(60 * minutes, samples)
        run = fit(
            out,
            seed=seed,
            budget=budget,
            drawers=drawers,
            on_step=show,
            taps=backbone,
            start=start,
        )
    scores = finish(run, out)
    Console().print(
        f"{out / NETWORK}: held-out drawings, PCK@0.1 {scores.every.pck_10}, of the confident"
        f" 60 % {scores.confident_60.pck_10}; card in {out / CARD}"
    )


def finish(run: "Run", out: Path) -> "Scores":
    """Export a run's network, score it on held-out drawings and write its card."""
    from worker.pipeline.extract.pose import PoseNetwork
    from worker.training.pose.evaluate import look_at_drawings
    from worker.training.pose.export import export_network, write_card
    from worker.training.pose.fit import held_out, to_export_on
    from worker.training.pose.score import score

    drawn = to_export_on(run.progress.seed).picture
    difference = export_network(run.mean, out / NETWORK, drawn, run.taps)
    network = PoseNetwork(out / NETWORK, taps=run.taps)
    scores = score(look_at_drawings(held_out(run.progress.seed), network))
    write_card(out / CARD, run.progress, scores, difference, tapped=run.taps is not None)
    return scores
