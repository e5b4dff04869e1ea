"""The `tailtrend` command. Each subcommand lives in the module of its name."""

import sys

import typer

from cli import (
    analyze,
    demo,
    evaluate,
    export,
    health,
    keys,
    labels,
    models,
    prepare,
    psql,
    train,
    up,
)
from shared.errors import TailTrendError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Behavioural signals, an honest emotional state and a trend from short clips of a pet.",
)
app.command()(up.up)
app.command()(demo.demo)
app.command()(analyze.analyze)
app.command()(prepare.prepare)
app.command()(health.health)
app.command()(psql.psql)
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")
app.command()(export.export)
app.add_typer(train.app, name="train")
app.add_typer(labels.app, name="labels")
app.add_typer(evaluate.app, name="evaluate")


def main() -> None:
    """Run the command line; an expected error is one sentence and exit code 2."""
    try:
        app()
    except TailTrendError as error:
        typer.echo(error.detail, err=True)
        sys.exit(2)
