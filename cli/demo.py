"""`tailtrend demo`: real clips through the real API of a local stack, and what came out."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from cli import answers
from cli.client import ApiProblem, Client, connect
from cli.clips import Species, clips_in, species_of
from cli.localstack.children import end_with
from cli.localstack.environment import adopt
from cli.up import STACK_FILE
from shared import accounts
from shared.db import transaction
from shared.errors import AttemptsExhausted, TailTrendError, TransientError

POLL_S = 0.25
OUR_FAULT = {TailTrendError.code, AttemptsExhausted.code, TransientError.code}

Job = dict[str, Any]

console = Console()


def demo(
    clips: Annotated[list[Path], typer.Argument(help="Clips, or folders of clips.", exists=True)],
    state: Annotated[Path, typer.Option(help="State directory.")] = Path(".tailtrend"),
    port: Annotated[int, typer.Option(help="Port of the API.")] = 8000,
    keep: Annotated[bool, typer.Option(help="Leave the stack up afterwards.")] = True,
    empty: Annotated[bool, typer.Option(help="Leave the simulated pet out.")] = False,
) -> None:
    """Start everything, analyse clips through the API, show the results.

    One pet is filled with twelve simulated weeks, once, so that the pages show something.

    A clip whose file name says cat or kitten is taken for a cat's, any other for a dog's. Exits
    with 0 only when every clip got an assessment or was refused for a reason of its own.
    """
    found = clips_in(clips)
    stack = start(state, port)
    try:
        told = json.loads((state / STACK_FILE).read_text())
        if not empty:
            fill(told)
        client = connect(told["api_url"], told["api_key"])
        rows = analyse(client, found)
        answers.show(console, [answer(clip, job) for clip, job in rows])
        if keep:
            console.print(f"pages {told['api_url']}/   sign in with the key")
            console.print(f"API   {told['api_url']}   docs {told['api_url']}/docs")
            console.print(f"key   {told['api_key']}")
            console.print("Ctrl-C stops everything.")
            stack.wait()
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    finally:
        stop(stack)
    if any(job["error"] and job["error"]["code"] in OUR_FAULT for _, job in rows):
        raise typer.Exit(1)


def start(state: Path, port: int) -> subprocess.Popen[str]:
    """Start the stack and wait for its `ready` line; it stops in order however we end."""
    command = [sys.executable, "-m", "cli", "up", "--state", str(state), "--port", str(port)]
    bound = partial(end_with, os.getpid(), signal.SIGTERM)
    stack = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=bound)
    assert stack.stdout is not None
    if not stack.stdout.readline().startswith("ready"):
        raise typer.Exit(stack.wait())
    return stack


def fill(told: dict[str, Any]) -> None:
    """Have the simulated pet in the account of the stack's key."""
    from cli import simulated_pet  # takes longer to read than all other commands

    adopt({f"TAILTREND_{name.upper()}": told[name] for name in ("database_url", "broker_url")})
    with transaction() as session:
        account_id = accounts.verify_key(session, told["api_key"]).account_id
        simulated_pet.fill(session, account_id)


def stop(stack: subprocess.Popen[str]) -> None:
    """Ask the stack to stop and wait for it."""
    stack.send_signal(signal.SIGTERM)
    stack.wait()


def analyse(client: Client, clips: list[Path]) -> list[tuple[Path, Job]]:
    """Upload clips and follow their jobs to the end, showing both."""
    pets = {species: pet_of(client, species) for species in {species_of(clip) for clip in clips}}
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        followed = []
        for clip in progress.track(clips, description="upload"):
            followed.append((clip, upload(client, clip, pets[species_of(clip)]["id"])))
        return follow(client, followed, progress)


def pet_of(client: Client, species: Species) -> dict[str, Any]:
    """Return the pet of an earlier demo, else a new one."""
    name = f"Demo {species}"
    known = client.get("/v1/pets?limit=100")["items"]
    return next((one for one in known if one["name"] == name), None) or client.create_pet(
        name, species
    )


def upload(client: Client, clip: Path, pet_id: str) -> Job:
    """Upload one clip; a refusal looks like a job that failed."""
    try:
        return client.upload(clip, pet_id)
    except ApiProblem as problem:
        error = {"code": problem.code, "detail": problem.detail}
        return {"status": "refused", "error": error, "assessment": None, "progress": 0}


def follow(
    client: Client, followed: list[tuple[Path, Job]], progress: Progress
) -> list[tuple[Path, Job]]:
    """Poll all jobs to their end."""
    bars = [progress.add_task(clip.name, total=100) for clip, _ in followed]
    found = [job for _, job in followed]
    while waiting := [n for n, job in enumerate(found) if job["status"] in ("queued", "running")]:
        for n in waiting:
            found[n] = client.get(f"/v1/jobs/{found[n]['id']}")
            progress.update(bars[n], completed=found[n]["progress"])
            if found[n]["status"] not in ("queued", "running", "succeeded"):
                progress.stop_task(bars[n])
        time.sleep(POLL_S)
    return [(clip, job) for (clip, _), job in zip(followed, found, strict=True)]


def answer(clip: Path, job: Job) -> answers.Answer:
    """Return what a job has to say about its clip."""
    name = f"{clip.name} ({species_of(clip)})"
    return name, job["assessment"], job["error"] or {"code": job["status"], "detail": ""}
