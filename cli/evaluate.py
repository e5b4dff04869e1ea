"""`tailtrend evaluate`: error rates, computed here: the product's own and a trained network's."""

import typer

from cli import evaluate_training
from cli.evaluate_modalities import evaluate_modalities
from cli.evaluate_pose import evaluate_pose
from cli.evaluate_shadow import evaluate_shadow
from cli.evaluate_signals import evaluate_signals
from cli.evaluate_trend import evaluate_trend

app = typer.Typer(no_args_is_help=True, help="Compute error rates.")
app.command("trend")(evaluate_trend)
app.command("signals")(evaluate_signals)
app.command("shadow")(evaluate_shadow)
app.command("run")(evaluate_training.run)
app.command("bundle")(evaluate_training.bundle)
app.command("balance")(evaluate_training.balance)
app.command("pose")(evaluate_pose)
app.command("modalities")(evaluate_modalities)
