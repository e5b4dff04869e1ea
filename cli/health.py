"""`tailtrend health`: for container health checks. Health is progress on the backlog, not a ping.

`python -m cli.health` is the same and loads neither models nor the rest of the command line.
"""

import http.client
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy import RowMapping

from shared import db, metrics
from shared.errors import DatabaseUnavailable
from shared.settings import settings

ANSWER_WITHIN_S = 5.0
UNSENT_S = 60.0  # an attempt to deliver takes five seconds at most
UNSWEPT_S = 120.0  # the sweep comes every few seconds


class Part(StrEnum):
    """What may be asked about."""

    api = "api"
    worker = "worker"
    deliverer = "deliverer"
    sweeper = "sweeper"


def health(
    part: Annotated[Part, typer.Argument(help="Which part of the service.")],
    port: Annotated[int, typer.Option(help="Port of the API.")] = 8000,
) -> None:
    """Exit with 0 when a part makes progress, with 1 and one sentence when it does not."""
    trouble = api_trouble(port) if part is Part.api else backlog_trouble(part)
    if trouble:
        typer.echo(trouble, err=True)
        raise typer.Exit(1)


def api_trouble(port: int) -> str | None:
    """Say why the API takes no uploads."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        return None if answer.status == http.HTTPStatus.OK else answer.read(1000).decode()
    except (OSError, http.client.HTTPException) as error:
        return f"The API does not answer: {error}."
    finally:
        connection.close()


def backlog_trouble(part: Part) -> str | None:
    """Say what waits without progress."""
    found = figures()
    if found is None:
        return None
    if part is Part.worker and metrics.backlog(found).is_stalled(unclaimed_s()):
        return f"Work waits, and nothing was claimed for {unclaimed_s():.0f} s."
    if part is Part.deliverer and metrics.deliveries(found).is_stalled(UNSENT_S):
        return f"Webhooks are due, and nothing was sent for {UNSENT_S:.0f} s."
    if part is Part.sweeper and (unswept_s := found["oldest_lapsed_s"]) > UNSWEPT_S:
        return f"A silent worker's job has waited for the sweep for {unswept_s:.0f} s."
    return None


def figures() -> RowMapping | None:
    """Read how far everything is behind; None without the database: that is no part's fault."""
    try:
        with db.transaction() as session:
            return metrics.figures(session)
    except DatabaseUnavailable:
        return None


def unclaimed_s() -> float:
    """Give how long work may wait unclaimed: longer than any step may take."""
    return settings().extract_wall_s + settings().lease_s


if __name__ == "__main__":
    typer.run(health)
