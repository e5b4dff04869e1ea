"""`tailtrend keys`: make, list and revoke API keys, invite people. Needs TAILTREND_DATABASE_URL."""

import uuid
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text
from sqlalchemy.orm import Session

from shared import accounts, invites
from shared.db import transaction
from shared.errors import NotFound
from shared.models import Account

WIDE = 200  # columns

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys; invite people.")


@app.command()
def create(
    account: Annotated[str, typer.Argument(help="Name of the account; made when it is new.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key",
) -> None:
    """Make a key and print it; it cannot be shown again."""
    with transaction() as session:
        owner = _owner(session, account)
        key = accounts.create_key(session, owner.id, name=name)
    typer.echo(key)


@app.command()
def invite(
    account: Annotated[str, typer.Argument(help="Name of the account; made when it is new.")],
    name: Annotated[str, typer.Option(help="For whom.")] = "Invitation",
    days: Annotated[int, typer.Option(min=1, max=90, help="How long it can be used.")] = 7,
    url: Annotated[str, typer.Option(help="Where people reach the pages.")] = "",
) -> None:
    """Make a one-time link into an account's pages and print it; it cannot be shown again."""
    with transaction() as session:
        owner = _owner(session, account)
        code = invites.create(session, owner.id, name=name, valid_days=days)
    typer.echo(f"{url.rstrip('/')}/invite#{code}")


@app.command("list")
def list_keys() -> None:
    """List every key."""
    with transaction() as session:
        rows = accounts.list_keys(session)
    whole = [Column(name, no_wrap=True) for name in ("id", "key", "made", "revoked")]
    names = [Column(name, overflow="fold") for name in ("account", "name")]
    table = Table(*whole, *names, box=None)
    for key, account in rows:
        revoked = key.revoked_at.date().isoformat() if key.revoked_at else ""
        made = key.created_at.date().isoformat()
        told = [_plain(name) for name in (account.name, key.name)]
        table.add_row(str(key.id), f"{key.prefix}…", made, revoked, *told)
    Console(width=WIDE).print(table)  # a narrow terminal breaks its lines itself, and cuts nothing


def _owner(session: Session, name: str) -> Account:
    """Find an account or open it, which is said: a mistyped name would be one, too."""
    found = accounts.find(session, name)
    if found is None:
        typer.echo(f"The account {name!r} is new.", err=True)
    return found or accounts.create(session, name)


def _plain(name: str) -> Text:
    """Show a name that a customer chose as it is: no markup, nothing that a terminal obeys."""
    return Text("".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name))


@app.command()
def shut(account: Annotated[str, typer.Argument(help="Name of the account.")]) -> None:
    """Let nobody into an account: revoke its keys, sign its browsers out, take invites back."""
    with transaction() as session:
        owner = accounts.find(session, account)
        if owner is None:
            raise NotFound("There is no account of this name.")
        revoked = accounts.shut(session, owner.id)
    typer.echo(f"Nobody is in any more; {revoked} keys revoked. A new key opens the account again.")


@app.command()
def revoke(key_id: Annotated[uuid.UUID, typer.Argument(help="Its id, from `keys list`.")]) -> None:
    """Revoke a key for good."""
    try:
        with transaction() as session:
            accounts.revoke_key(session, key_id)
    except NotFound as error:
        typer.echo(error.detail, err=True)
        raise typer.Exit(2) from None
