"""`tailtrend psql`: a prompt on the database of a running local stack."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import make_url

from cli.localstack import postgres
from cli.localstack.errors import CannotStart
from cli.up import STACK_FILE


def psql(
    arguments: Annotated[list[str] | None, typer.Argument(help="For psql, after `--`.")] = None,
    state: Annotated[Path, typer.Option(help="Directory of all data.")] = Path(".tailtrend"),
) -> None:
    """Open psql on the database of the running local stack."""
    file = state / STACK_FILE
    if not file.exists():
        raise CannotStart(f"Nothing runs in {state}; start it with `tailtrend up`.")
    url = make_url(json.loads(file.read_text())["database_url"])
    address = ["--host", str(url.host), "--port", str(url.port), "--username", str(url.username)]
    argv = ["psql", *address, "--dbname", str(url.database), *(arguments or [])]
    # Not in argv, which every user of the machine can read.
    environment = os.environ | {"PGPASSWORD": str(url.password)}
    os.execve(postgres.client(), argv, environment)  # noqa: S606 - no shell is wanted
