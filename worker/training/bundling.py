"""Makes a bundle of a run: the final network, its graph, calibration, figures and card.

The only place that writes `calibrated: true`, and only where held-out rows bear it out.
"""

import contextlib
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save
from sklearn.covariance import LedoitWolf

from shared.errors import InputError
from worker.pipeline import bundles
from worker.pipeline.architectures import export
from worker.pipeline.architectures.build import Network
from worker.pipeline.architectures.inputs import (
    PRESENT,
    QUALITY,
    SEQUENCE_FRAMES,
    SPECIES,
    WIDTHS,
)
from worker.pipeline.bundles import Bundle
from worker.pipeline.fuse.ethogram import load_ethogram
from worker.pipeline.fuse.rows import PICTURE_NUMBERS
from worker.pipeline.manifest import (
    ANY,
    NAME,
    VERSION,
    Abstain,
    Calibration,
    Encoder,
    Feature,
    Licences,
    Manifest,
    Metric,
    Offset,
    OutOfDistribution,
    Weights,
)
from worker.pipeline.runtime import OnnxNetwork
from worker.training import (
    adaptation,
    calibration,
    card,
    crossfit,
    experts,
    fit,
    provenance,
    serving,
    splits,
)
from worker.training.adaptation import Offsets
from worker.training.calibration import Evidence
from worker.training.corpus import Corpus
from worker.training.crossfit import Predictions
from worker.training.evaluation import Evaluation
from worker.training.plan import Plan, Recipe, Split
from worker.training.splits import Fold

ONNX, TORCH, OOD, CARD = "model.onnx", "model.safetensors", "ood.npz", "model-card.md"
FAR = 0.95  # of held-out rows lie nearer than what is called out of distribution
ROLE_OF = {"vision": "vision_encoder", "face": "vision_encoder", "audio": "audio_encoder"}
TOLD = ("macro_f1", "weighted_f1", "accuracy", "ece", "brier", "nll", "aurc", "coverage_at_90")
SPDX_NAME = r"\(*[A-Za-z0-9][A-Za-z0-9.:-]*\+?\)*"
SPDX = rf"{SPDX_NAME}( (AND|OR|WITH) {SPDX_NAME})*"  # its form: which names there are changes

Rows = NDArray[np.int64]


class NotExportable(InputError):
    """This run cannot become a bundle."""

    code = "not_exportable"


@dataclass(frozen=True, slots=True)
class Named:
    """What a bundle is called, and under which licence its weights go out. Raises NotExportable."""

    name: str
    version: str
    licence: str

    def __post_init__(self) -> None:
        for said, pattern, asked in (
            (self.name, NAME, "a name is at most 40 small letters, digits and dashes"),
            (self.version, VERSION, "a version is three numbers, as 1.0.0"),
            (self.licence, SPDX, "a licence is an SPDX expression, as CC-BY-4.0 or LicenseRef-own"),
        ):
            if not re.fullmatch(pattern, said):
                raise NotExportable(f'"{said}": {asked}.')


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle, what calibration did, the parity of its graph, and its files' bytes."""

    bundle: Bundle
    evidence: Evidence
    difference: float
    bytes: dict[str, int]


def export_run(
    corpus: Corpus,
    plan: Plan,
    predictions: Predictions,
    folder: Path,
    rows: Rows,
    out: Path,
    named: Named,
    evaluation: Evaluation,
    *,
    device: str = "cpu",
) -> Exported:
    """Fit the final network on `rows`, and write it to `out` with all that it needs.

    Raises NotExportable, ExportDiffers.
    """
    refuse(plan, out)
    final = final_fold(corpus, plan.recipe, rows)
    fitted = crossfit.fit_one(
        corpus, plan, final, 0, folder / "final", device=device, on_epoch=lambda epoch: None
    )
    evidence = calibration.judge(predictions, corpus)
    with appearing(out) as part:
        export.export(fitted.module, part / ONNX)
        difference = parity(fitted.module, part / ONNX, corpus, rows)
        state = {k: v.detach().contiguous() for k, v in fitted.module.state_dict().items()}
        (part / TORCH).write_bytes(save(state))  # save_file's own file is for its owner alone
        held = held_back(corpus, plan, final, device=device)
        calibrated = calibrate(corpus, predictions, fitted.module, held, final, part, evidence)
        learned = np.sort(np.concatenate([final.train, final.stop]))
        learned = learned[corpus.table.answerable(fitted.module.inputs)[learned]]
        provenance.keep(part, (corpus.dataset.examples[i] for i in learned))
        manifest = describe(corpus, learned, plan, fitted.module, calibrated, named, evaluation)
        text = card.written(manifest, evaluation, evidence, corpus, learned, plan)
        (part / CARD).write_text(text, "utf-8")
        bundles.write_manifest(part, manifest)
    sizes = {path.name: path.stat().st_size for path in sorted(out.iterdir())}
    return Exported(bundles.load_bundle(out), evidence, difference, sizes)


@contextlib.contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """Give a directory to write to, which becomes `out` at the end, or is gone after an error."""
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse(plan: Plan, out: Path) -> None:
    """Raise NotExportable for a run that only shows something, or a directory that is there."""
    if plan.split == Split.RANDOM:
        raise NotExportable("This run's split is leaky: it shows how much that flatters, no more.")
    if plan.shuffled:
        raise NotExportable("This run learned from shuffled labels: it is a control.")
    if out.exists():
        raise NotExportable(f"{out} is there already; a bundle is never written over another.")


def final_fold(corpus: Corpus, recipe: Recipe, rows: Rows) -> Fold:
    """Return all rows as a training part and one that tells when to stop. Raises NotExportable."""
    can = crossfit.teaching(corpus, recipe)
    train, stop = splits.stopped_by(rows, corpus.truth, corpus.groups, can, seed=0)
    if not len(stop):
        raise NotExportable("Too few groups of rows have what the network reads.")
    return crossfit.teachable(corpus, Fold(train, stop, np.zeros(0, np.int64)))


def held_back(corpus: Corpus, plan: Plan, final: Fold, *, device: str) -> Network:
    """Fit a network of the same recipe to the training part alone."""
    can = crossfit.teaching(corpus, plan.recipe)
    train, stop = splits.stopped_by(final.train, corpus.truth, corpus.groups, can, seed=0)
    task = crossfit.task_of(corpus, Fold(train, stop, final.stop), 0)
    return fit.fit(task, plan.recipe, device=device).module


def parity(module: Network, path: Path, corpus: Corpus, rows: Rows) -> float:
    """Return the greatest difference of a logit on real rows. Raises ExportDiffers."""
    can = rows[corpus.table.answerable(module.inputs)[rows]]
    found = serving.asked(OnnxNetwork(path, threads=1), corpus.table, can)
    difference = float(np.abs(found - fit.predict(module, corpus.table, can)).max())
    if not difference <= export.MAX_DIFFERENCE:
        raise export.ExportDiffers(f"The graph's logits of real rows differ by {difference:.2g}.")
    return difference


def calibrate(
    corpus: Corpus,
    predictions: Predictions,
    module: Network,
    held: Network,
    final: Fold,
    folder: Path,
    evidence: Evidence,
) -> Calibration:
    """Return the manifest's calibration; `calibrated` only where held-out rows bear it out.

    So do the ethogram's exponent and offsets by breed: none where unseen animals gain nothing.
    """
    table = calibration.temperatures(predictions, corpus, predictions.rows)
    cross = calibration.cross_calibrated(predictions, corpus)[ANY]
    both, offsets = experts.ALONE, Offsets()
    gained = experts.gained(cross, predictions, corpus)
    if gained is not None and gained.low > 0:
        both = experts.fit(cross, corpus, predictions.rows)
        cross = experts.cross_multiplied(cross, predictions, corpus)
    if adaptation.gained(cross, predictions, corpus).low > 0:
        offsets = adaptation.fit(cross, corpus, predictions.rows)
        cross = adaptation.cross_moved(cross, predictions, corpus)
    limit = far_from(corpus, module, held, final, folder / OOD)
    return Calibration(
        calibrated=evidence.holds,
        temperature={name: round(value, 4) for name, value in table.items()},
        experts=both,
        offsets={key: nats_of(found) for key, found in offsets.items()},
        conformal=calibration.conformal(cross, corpus, predictions.rows),
        ood=OutOfDistribution(file=OOD, max_score=limit),
        abstain=limits(),
    )


def limits() -> Abstain:
    """Return the ethogram's thresholds, and how wide a set is still an answer."""
    own = load_ethogram(bundles.load_bundle()).abstain
    return own.model_copy(update={"max_set": calibration.MOST_LEFT})


def nats_of(offset: NDArray[np.float64]) -> Offset:
    """Return an offset (5,) as the manifest holds it."""
    first, second, third, fourth, fifth = (round(float(nats), 4) for nats in offset)
    return first, second, third, fourth, fifth


def far_from(corpus: Corpus, module: Network, held: Network, final: Fold, path: Path) -> float:
    """Write mean and precision of the learned rows' embeddings; return the limit of the rest.

    The limit is from `held`, a network of the same recipe that never saw the stopping rows.
    """
    rows = np.concatenate([final.train, final.stop])
    shrunk = LedoitWolf().fit(embeddings(corpus, module, rows))
    mean, precision = shrunk.location_, shrunk.precision_
    np.savez(path, mean=mean.astype(np.float32), precision=precision.astype(np.float32))
    trained, rest = (embeddings(corpus, held, part) for part in (final.train, final.stop))
    return float(np.quantile(LedoitWolf().fit(trained).mahalanobis(rest), FAR))


def embeddings(corpus: Corpus, module: Network, rows: Rows) -> NDArray[np.float64]:
    """Return the second output (rows, d)."""
    can = rows[corpus.table.answerable(module.inputs)[rows]]
    return np.asarray(fit.outputs(module, corpus.table, can)[1], np.float64)


def describe(
    corpus: Corpus,
    learned: Rows,
    plan: Plan,
    module: Network,
    calibrated: Calibration,
    named: Named,
    evaluation: Evaluation,
) -> Manifest:
    """Return the manifest; the hashes are written with it."""
    blank = "0" * 64
    examples = [corpus.dataset.examples[i] for i in learned]
    species = {one.species for one in examples}
    licences = {one.licence or "LicenseRef-unknown" for one in examples}
    return Manifest(
        schema=1,
        name=named.name,
        version=named.version,
        arch=plan.recipe.arch,
        decides="with_ethogram" if calibrated.experts.ethogram else "alone",
        species=tuple(s for s in SPECIES if s in species),
        files={ONNX: blank, TORCH: blank, OOD: blank, provenance.FILE: blank, CARD: None},
        weights=Weights(onnx=ONNX, torch=TORCH),
        encoders=() if module.looks else encoders(corpus, module.inputs),
        features=tuple(
            feature(name, looks=module.looks)
            for name in module.inputs
            if not name.endswith(PRESENT)
        ),
        config=dict(plan.recipe.config),
        calibration=calibrated,
        metrics=measured(evaluation),
        licences=Licences(code="Apache-2.0", weights=named.licence, data=tuple(sorted(licences))),
        provenance=origin(plan, evaluation),
    )


def encoders(corpus: Corpus, inputs: Sequence[str]) -> tuple[Encoder, ...]:
    """Return whose numbers the network reads."""
    wanted = {ROLE_OF[name] for name in inputs if name in ROLE_OF}
    return tuple(
        Encoder(role=role, name=name, sha256=digest)
        for role, name, digest in corpus.named
        if role in wanted
    )


def feature(name: str, *, looks: bool) -> Feature:
    """Return one input's description."""
    if name == "face":
        width = PICTURE_NUMBERS if looks else WIDTHS["vision"]
        return Feature(name=name, width=width, frames=SEQUENCE_FRAMES, of="pet")
    columns = {"quality": QUALITY, "species": SPECIES}.get(name)
    return Feature(name=name, width=export.COLUMNS[name], names=columns)


def measured(found: Evaluation) -> tuple[Metric, ...]:
    """Return the headline figures with their intervals, data and split."""
    return tuple(
        Metric(
            name=name,
            value=round(figure.value, 4),
            low=round(figure.low, 4),
            high=round(figure.high, 4),
            n=figure.n,
            data=found.data,
            split=found.split,
        )
        for name in TOLD
        for figure in (found.figures[name],)
    )


def origin(plan: Plan, found: Evaluation) -> dict[str, str]:
    """Return how the bundle came about, and the warnings that go with it."""
    told = {
        "command": "tailtrend export",
        "table_sha256": plan.table_sha256,
        "recipe": plan.recipe.model_dump_json(),
        "labels": plan.rule,
        "seeds": str(plan.seeds),
    }
    if plan.held_out:
        told["test_set_sha256"] = plan.held_out
    return told | {f"mark_{i}": mark for i, mark in enumerate(found.marks, 1)}
