"""`tailtrend prepare`: what the split deployment needs before its programs start."""

import typer

from cli import schema
from shared import storage


def prepare() -> None:
    """Run the missing migrations and make the bucket; to do it again changes nothing."""
    schema.upgrade()
    storage.make_bucket()
    storage.ping()
    typer.echo("The database and the bucket are ready.")
