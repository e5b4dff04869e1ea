"""The `tailtrend` command. Each subcommand lives in the module of its name, read when asked for."""

import functools
import sys
from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from shared.errors import TailTrendError
from shared.memory import reading

COMMANDS = (
    *("up", "demo", "analyze", "prepare", "health", "orphans", "psql"),
    *("keys", "models", "export", "train", "labels", "evaluate"),
)


class Subcommands(TyperGroup):
    """The subcommands, each read when it is asked for: all of them together take two seconds."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(**given | {"commands": dict.fromkeys(COMMANDS)})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - Typer's own
        """Read one; None for another word."""
        return read(cmd_name) if cmd_name in COMMANDS else None


@functools.cache
def read(name: str) -> Any:  # noqa: ANN401 - of Typer's own copy of click
    """Read the module of a subcommand: its `app`, or else the function of its name."""
    with reading():
        module = import_module(f"cli.{name}")
    parent = typer.Typer(add_completion=False)
    if hasattr(module, "app"):
        parent.add_typer(module.app, name=name)
    else:
        parent.command(name)(getattr(module, name))
    return typer.main.get_group(parent).commands[name]


app = typer.Typer(
    cls=Subcommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Behavioural signals, an honest emotional state and a trend from short clips of a pet.",
)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tailtrend {metadata.version('tailtrend')}")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool,
        typer.Option("--version", help="Tell the version.", is_eager=True, callback=_tell_version),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; an expected error is one sentence and exit code 2."""
    try:
        app()
    except TailTrendError as error:
        typer.echo(error.detail, err=True)
        sys.exit(2)
