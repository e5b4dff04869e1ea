"""`tailtrend evaluate`: the product's own error rates, computed here."""

import typer

from cli.evaluate_shadow import evaluate_shadow
from cli.evaluate_signals import evaluate_signals
from cli.evaluate_trend import evaluate_trend

app = typer.Typer(no_args_is_help=True, help="Compute the product's own error rates.")
app.command("trend")(evaluate_trend)
app.command("signals")(evaluate_signals)
app.command("shadow")(evaluate_shadow)
