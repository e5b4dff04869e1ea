"""What `tailtrend analyze --explain` shows of an answer: contributions, and time as a picture."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

COLOURS = {
    "Relaxed": "#4f8a5b",
    "Alert": "#d9a441",
    "Anxious": "#c46a3d",
    "Playful": "#4a7fb5",
    "Distressed": "#9c2f3f",
}
BAR = 12  # characters for the longest contribution


def show(console: Console, name: str, said: dict[str, Any], picture: Path | None) -> None:
    """Print one answer's reasons; say where its picture is."""
    console.print(f"\n[bold]{name}[/bold]: {headline(said)}")
    console.print(contributions(said))
    for moment in said["moments"]:
        start, end = moment["span_s"]
        console.print(f"  {start:.1f}-{end:.1f} s: {moment['why']}")
    for change in said["transitions"]:
        console.print(
            f"  {change['t_s']:.1f} s: {change['before']} -> {change['after']}"
            f" (odds {change['odds']:.1f})"
        )
    for line in unknown(said):
        console.print(f"  [dim]not measurable, {line}[/dim]")
    if picture is not None:
        console.print(f"  timeline: {picture}")


def headline(said: dict[str, Any]) -> str:
    """Return the state, or why there is none, and what decided."""
    bundle = said["bundle"]
    by = f"{bundle['name']} {bundle['version']}"
    if said["emotion"] is None:
        return f"cannot tell ({said['abstention']['code']}), by {by}"
    return f"{said['emotion']} {said['confidence']:.2f}, {said['evidence']} evidence, by {by}"


def contributions(said: dict[str, Any]) -> Table:
    """Return modalities and signs with what each adds."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 1))
    for head in ("", "what", "nats", "", "measured", "reliability"):
        table.add_column(head, justify="right" if head in ("nats", "reliability") else "left")
    for name, part in said["modalities"].items():
        if part["present"]:
            table.add_row("modality", name, f"{part['nats']:+.2f}", bar(part["nats"]), "", "")
    for kind, rows in (("for", said["signal_details"]), ("against", said["against"])):
        for row in sorted(rows, key=lambda r: -r["weight_nats"]):
            nats = row["weight_nats"] if kind == "for" else -row["weight_nats"]
            drawn = bar(nats) + f" {row['supports']}"
            measured = f"{row['value']:g} {row['unit']}"
            told = f"{row['weight_nats']:+.2f}"
            table.add_row(kind, row["name"], told, drawn, measured, f"{row['reliability']:.2f}")
    return table


def unknown(said: dict[str, Any]) -> list[str]:
    """Return what could not be measured, one line a reason."""
    by_reason: dict[str, list[str]] = {}
    for row in said["not_measurable"]:
        by_reason.setdefault(row["why"], []).append(row["name"])
    return [f"{why}: {', '.join(names)}" for why, names in by_reason.items()]


def bar(nats: float) -> str:
    """Draw a contribution: a block is an eighth of a nat."""
    return ("█" if nats > 0 else "░") * min(BAR, max(1, round(abs(nats) * 8)))


def draw(said: dict[str, Any], title: str, path: Path) -> bool:
    """Write the timeline of an answer as a PNG; False where there is none."""
    points = said["timeline"]
    if not points:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), dpi=120, layout="constrained")
    axes = figure.subplots()
    times_s = [p["t_s"] for p in points]
    for state, colour in COLOURS.items():
        shares = [p["probabilities"][state] for p in points]
        is_answer = state == said["emotion"]
        axes.plot(times_s, shares, color=colour, lw=2.4 if is_answer else 1.3, label=state)
    for moment in said["moments"]:
        axes.axvspan(*moment["span_s"], color="#888888", alpha=0.15, lw=0)
    for change in said["transitions"]:
        axes.axvline(change["t_s"], color="#444444", lw=1, ls=":")
    axes.set(xlabel="seconds", ylabel="probability", ylim=(0, 1), title=title)
    axes.margins(x=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    return True
