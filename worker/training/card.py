"""Writes a bundle's model card from what was measured; nothing in it is written by hand."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.manifest import Manifest
from worker.training import agreement, labels
from worker.training.calibration import ALPHA, MOST_LEFT, Evidence
from worker.training.corpus import Corpus
from worker.training.evaluation import Evaluation, labels_in
from worker.training.intervals import Figure
from worker.training.plan import Plan

Rows = NDArray[np.int64]

MEANT = """\
## Meant for
Owners of one cat or dog who film 5 to 15 seconds and want to know which state the signs speak for;
a person judges.

## Not meant for
Finding or excluding pain or illness; the risk of a bite; other animals; several animals in one
picture; any decision without a person. It cannot tell that an animal is well.
"""


def written(
    manifest: Manifest,
    found: Evaluation,
    evidence: Evidence,
    corpus: Corpus,
    learned: Rows,
    plan: Plan,
) -> str:
    """Return the card as Markdown; `learned` are the rows that the network was fitted to."""
    parts = [
        f"# Model card: `{manifest.name}` {manifest.version}",
        *(f"> **{mark}**" for mark in found.marks),
        f"`{manifest.arch}`; {', '.join(manifest.species)}. Written by `tailtrend export`.",
        MEANT,
        "## Data\n" + data(corpus, learned, plan),
        "## Labels\n" + raters(corpus, plan),
        f"## Figures\n{found.data}, {found.split}, {found.seeds} seed(s), {found.rows} rows in "
        f"{found.groups} groups. Chance macro F1: {found.chance:.3f}. Of networks fitted to the "
        "other folds by the same recipe, with the temperatures of the other folds.\n\n"
        + table(found.figures),
        classes(found),
    ]
    more = {
        "Macro F1 by what the network is shown": found.missing_modalities,
        "Controls": found.controls,
        "What each modality adds": found.ablations,
        "Subgroups": found.subgroups,
    }
    parts += [f"## {name}\n{table(rows)}" for name, rows in more.items() if rows]
    parts.append("## Calibration\n" + calibration(manifest, evidence))
    parts.append("## Licences\n" + licences(manifest))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def data(corpus: Corpus, learned: Rows, plan: Plan) -> str:
    """Say what was learned from, and what of the table was not."""
    rows = [corpus.dataset.examples[i] for i in learned]
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(Counter(r.kind for r in rows).items()))
    counts = ", ".join(f"{n} {c}" for c, n in labels_in(corpus.truth[learned]).items() if n)
    pets = len({r.pet_id for r in rows})
    told = f"{len(rows)} files ({kinds}) of {pets} animals. Labels: {counts}."
    rest = len(corpus) - len(rows)
    if not rest:
        return told
    held = f"the frozen test set {plan.held_out[:12]}, " if plan.held_out else ""
    why = f"{held}files with nothing that the network reads, or votes that the rule refuses"
    return f"{told} {rest} further rows of the table were not learned from: {why}."


def raters(corpus: Corpus, plan: Plan) -> str:
    """Say who rated, and how far they agree."""
    who = len(corpus.dataset.raters)
    text = f"{who} rater(s); learned from `{plan.rule}` votes, scored on every row."
    votes = labels.votes_of(corpus.dataset)
    if ((votes >= 0).sum(axis=1) >= 2).sum() < 2:
        return text + " Agreement is unknown: rows have one vote."
    alpha = agreement.with_interval(votes, labels.DISTANCE**2)
    verdict = "" if alpha.value >= agreement.CONCLUSIVE else " **No reliable conclusions.**"
    shown = f"{alpha.value:.3f} ({alpha.low:.3f} to {alpha.high:.3f})"
    return f"{text} Krippendorff's alpha over valence and arousal: {shown}.{verdict}"


def calibration(manifest: Manifest, evidence: Evidence) -> str:
    """Say what calibration did where it was not fitted."""
    assert manifest.calibration is not None
    state = "calibrated" if manifest.calibration.calibrated else "**not calibrated**"
    temperatures = ", ".join(f"{k} {v:.2f}" for k, v in manifest.calibration.temperature.items())
    return (
        f"This bundle is {state}. On {evidence.rows} held-out rows in {evidence.groups} groups, "
        f"with temperatures of the other folds: cross-entropy {evidence.nll_before:.3f} to "
        f"{evidence.nll_after:.3f}, calibration error {evidence.ece_before.value:.3f} to "
        f"{evidence.ece_after.value:.3f} ({evidence.ece_after.low:.3f} to "
        f"{evidence.ece_after.high:.3f}), where right probabilities stay under "
        f"{evidence.ece_of_chance:.3f} 19 times in 20. Sets that should hold the truth in "
        f"{1 - ALPHA:.0%} of cases hold it in {evidence.coverage:.1%}, with "
        f"{evidence.set_size:.2f} classes on average; it answers where {MOST_LEFT} at most are "
        f"left, in {evidence.answered:.0%}, and calls the rest ambiguous. "
        f"Temperatures: {temperatures}. {signs(manifest)} {offsets(manifest)}"
    )


def signs(manifest: Manifest) -> str:
    """Say whether the ethogram decides as well; figures are without it."""
    assert manifest.calibration is not None
    both = manifest.calibration.experts
    if manifest.decides == "alone":
        return "The network decides alone: clips of other folds gained nothing by the ethogram."
    return (
        f"The ethogram's evidence counts {both.ethogram:.2f} times beside {both.learned:.2f} times "
        "the network's, by which clips of other folds gained."
    )


def offsets(manifest: Manifest) -> str:
    """Say whose logits are shifted when it is served; figures are without that."""
    fitted = manifest.calibration.offsets if manifest.calibration else {}
    if not fitted:
        return "No offsets by species or breed: animals of other folds gained nothing by them."
    return f"Offsets, by which animals of other folds gained, for {', '.join(fitted)}."


def licences(manifest: Manifest) -> str:
    """Say under which licences code, weights and data stand."""
    said = manifest.licences
    return f"Code {said.code}; weights {said.weights}; data {', '.join(said.data)}."


def table(rows: Mapping[str, Figure]) -> str:
    """Return figures as a Markdown table."""
    lines = ["| | value | 95 % | sd over seeds | n |", "|---|---|---|---|---|"]
    for name, f in rows.items():
        sd = "" if f.sd is None else f"{f.sd:.3f}"
        lines.append(
            f"| {name} | {f.value:.3f} | {f.low:.3f} to {f.high:.3f} | {sd} | {f.n or ''} |"
        )
    return "\n".join(lines)


def classes(found: Evaluation) -> str:
    """Return the classes' figures as a Markdown table."""
    lines = ["| | precision | recall | F1 | n |", "|---|---|---|---|---|"]
    for name, c in found.per_class.items():
        lines.append(f"| {name} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f} | {c.n} |")
    return "\n".join(lines)
