"""`tailtrend evaluate pose`: how right the keypoints are on labelled photos of one's own."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from shared.settings import settings

if TYPE_CHECKING:
    from worker.pipeline.extract.pose import PoseNetwork
    from worker.training.pose.score import Scores, Share

TARGETS = {"all points": ">= 0.72", "confident 60 %": ">= 0.88"}


def evaluate_pose(
    images: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of photos.")],
    annotations: Annotated[Path, typer.Option(help="COCO keypoints JSON, boxes included.")],
    network: Annotated[
        Path | None, typer.Option(help="ONNX file; what the worker would use if left out.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Directory of weight files.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the figures go as JSON.")] = None,
) -> None:
    """Compare found with labelled keypoints: PCK, tails, and joint by joint.

    The box is given, the mask is the network's own. Of left and right the better fit counts.
    """
    from worker.training.pose.coco import read_labels
    from worker.training.pose.evaluate import look_at_photos
    from worker.training.pose.score import score

    labels = read_labels(annotations, images)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("photos", total=len(labels))
        looks = look_at_photos(
            labels,
            looker(network, weights or settings().weights_dir),
            lambda: progress.advance(task),
        )
        scores = score(looks)
    Console().print(table_of(scores))
    if out is not None:
        out.write_text(json.dumps(asdict(scores), indent=1) + "\n", "utf-8")


def looker(network: Path | None, weights: Path | None) -> "PoseNetwork":
    """Load a file, its taps beside it, or what the worker would use. Raises BadParameter."""
    from worker.pipeline.extract.pose import PoseNetwork
    from worker.pipeline.run import load_pose, load_taps

    cache = settings().cache_dir.expanduser()
    if network is not None:
        return PoseNetwork(network, taps=load_taps(weights, cache, 1))
    found = load_pose(weights, cache, 1)
    if found is None:
        raise typer.BadParameter("no keypoint network is installed: give --network")
    return found


def table_of(scores: "Scores") -> Table:
    """Return the table for people."""
    table = Table("", "n", "PCK@0.1", "PCK@0.15", "target", title=f"{scores.animals} animals")
    for name, share in (
        ("all points", scores.every),
        ("confident 60 %", scores.confident_60),
        ("confidence >= 0.5", scores.sure),
    ):
        table.add_row(name, *cells(share), TARGETS.get(name, ""))
    tails = scores.tails
    within = "-" if tails.within_30 is None else f"{tails.within_30:.0%} within 30 degrees"
    median = "-" if tails.median_deg is None else f"median {tails.median_deg:.1f}"
    table.add_row(f"confident tails, of {tails.n}", str(tails.confident), within, median, ">= 70 %")
    for joint, share in scores.joints.items():
        table.add_row(joint, *cells(share), "")
    return table


def cells(share: "Share") -> tuple[str, str, str]:
    """Return one row's figures."""
    near, nearby = ("-" if s is None else f"{s:.3f}" for s in (share.pck_10, share.pck_15))
    return str(share.n), near, nearby
