"""`tailtrend orphans`: stored objects that no row knows, as a restored database leaves them."""

from typing import Annotated

import typer

from shared import deletions, storage
from shared.db import transaction


def orphans(
    delete: Annotated[bool, typer.Option("--delete", help="Have the sweep delete them.")] = False,
) -> None:
    """List the folders in object storage that the database knows nothing of."""
    looked_at, found = 0, 0
    for root in deletions.ROOTS:
        for folders in storage.folders(root):
            with transaction() as session:
                unknown = deletions.unknown(session, folders)
                for folder in unknown if delete else []:
                    deletions.owe(session, folder)
            for folder in unknown:
                typer.echo(folder)
            looked_at, found = looked_at + len(folders), found + len(unknown)
    said = "; the sweep deletes them now" if delete and found else ""
    typer.echo(f"{found} of {looked_at} folders are in no row{said}.", err=True)
