"""One self-contained page of an evaluation, with its plots drawn into it, and the same as JSON."""

import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from worker.pipeline.manifest import CLASSES
from worker.training.evaluation import Evaluation
from worker.training.intervals import Figure

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.25rem .8rem;border-bottom:1px solid #d5dbe1;text-align:right}
td:first-child,th:first-child{text-align:left}
.mark{background:#fff3d1;color:#1c2733;padding:.6rem 1rem;border-left:4px solid #d99000}
.plots{display:flex;flex-wrap:wrap;gap:1rem}.plots svg{max-width:100%;height:auto}
"""
NAMES = {
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "accuracy": "Accuracy",
    "ece": "Calibration error (15 bins of equal mass)",
    "brier": "Brier score",
    "nll": "Cross-entropy, nats",
    "soft_nll": "Cross-entropy against the votes, nats",
    "aurc": "Area under the risk-coverage curve",
    "coverage_at_90": "Share answered at 90 % accuracy",
}


def write(folder: Path, found: Evaluation, *, compared: Mapping[str, Figure] | None = None) -> Path:
    """Write `report.html` and `report.json`; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    told = found.as_json() | {"compared": {k: asdict(v) for k, v in (compared or {}).items()}}
    (folder / "report.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    path = folder / "report.html"
    path.write_text(page(found, compared or {}), "utf-8")
    return path


def page(found: Evaluation, compared: Mapping[str, Figure]) -> str:
    """Return the page."""
    what = (
        f"{found.rows} rows in {found.groups} groups, {found.split}, {found.seeds} seed(s). "
        f"Chance macro F1: {found.chance:.3f}. Intervals: 95 %, whole groups resampled."
    )
    sections = [
        ("Figures", {NAMES[k]: v for k, v in found.figures.items()}),
        ("Compared", compared),
        ("Macro F1 by what the network is shown", found.missing_modalities),
        ("Controls", found.controls),
        ("What each modality adds", found.ablations),
        ("Subgroups", found.subgroups),
    ]
    name = f"{found.about} on {found.data}" if found.about else found.data
    body = [f"<h1>{html.escape(name)}</h1>", f"<p>{html.escape(what)}</p>"]
    body += [f'<p class="mark">{html.escape(mark)}</p>' for mark in found.marks]
    body += [f"<h2>{name}</h2>{table(rows)}" for name, rows in sections if rows]
    body.append(f"<h2>Classes</h2>{classes(found)}")
    plots = (confusion, reliability, coverage)
    body.append(f'<div class="plots">{"".join(drawn(plot, found) for plot in plots)}</div>')
    head = f'<meta charset="utf-8"><title>{html.escape(found.data)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>'


def table(rows: Mapping[str, Figure]) -> str:
    """Return figures with their intervals."""
    cells = [
        (name, f"{f.value:.3f}", f"{f.low:.3f} to {f.high:.3f}", spread(f), str(f.n or ""))
        for name, f in rows.items()
    ]
    return grid(("", "value", "95 % interval", "sd over seeds", "n"), cells)


def spread(figure: Figure) -> str:
    """Return the deviation over seeds, '' of one seed."""
    return "" if figure.sd is None else f"{figure.sd:.3f}"


def classes(found: Evaluation) -> str:
    """Return precision, recall and F1 of each class."""
    cells = [
        (name, f"{c.precision:.3f}", f"{c.recall:.3f}", f"{c.f1:.3f}", str(c.n))
        for name, c in found.per_class.items()
    ]
    text = grid(("", "precision", "recall", "F1", "n"), cells)
    if found.called_well_in_distress is None:
        return text
    share = f"{found.called_well_in_distress:.1%}"
    return f"{text}<p>Distressed called Relaxed or Playful: {share}.</p>"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return f"<table><tr>{top}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def drawn(plot: Callable[[Axes, Evaluation], None], found: Evaluation) -> str:
    """Return one plot as SVG, the same bytes for the same figures."""
    with mpl.rc_context({"svg.hashsalt": "tailtrend", "font.size": 9}):
        drawing = Drawing(figsize=(4.6, 3.8), layout="constrained")
        plot(drawing.add_subplot(), found)
        out = io.StringIO()
        drawing.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def confusion(axes: Axes, found: Evaluation) -> None:
    """Draw counts, the truth downwards."""
    axes.imshow(found.confusion, cmap="Blues")
    most = max(max(row) for row in found.confusion)
    for i, row in enumerate(found.confusion):
        for j, n in enumerate(row):
            colour = "white" if n > most / 2 else "black"
            axes.text(j, i, f"{n:.0f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=30)
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    axes.set(xlabel="answered", ylabel="truth", title="Confusion")


def reliability(axes: Axes, found: Evaluation) -> None:
    """Draw accuracy over confidence."""
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    points = found.reliability
    axes.plot([p.x for p in points], [p.y for p in points], marker="o")
    axes.set(xlabel="confidence", ylabel="accuracy", title="Reliability", xlim=(0, 1), ylim=(0, 1))


def coverage(axes: Axes, found: Evaluation) -> None:
    """Draw the share of errors over the share that is answered, surest first."""
    axes.plot([p.x for p in found.risk_coverage], [p.y for p in found.risk_coverage])
    axes.set(xlabel="share answered", ylabel="share wrong", title="Risk and coverage",
             xlim=(0, 1), ylim=(0, 1))  # fmt: skip
