"""`python -m tests.chaos.broker_cells`: what each fault of the broker does to our worker.

The cells that decided docs/decisions/0002, repeated with the settings of `worker.consumer`: each
has a broker, a database and a worker of its own. Its jobs sleep; what counts is whether they run.
"""

import os
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer
from redis import Redis
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.localstack import ports, valkey
from cli.localstack.program import Program
from shared import accounts, clips, jobs, pets, queue
from shared.clips import StoredFile, Told
from shared.models import Reason, Species
from shared.queue import Queue
from tests.chaos import system
from tests.chaos.system import System
from tests.chaos.worlds import World
from tests.waiting import eventually

WORK_S = 4.0
NEW_JOBS = 6
AT_ONCE = 5  # cells that run beside each other
WITHIN_S = 120.0
STATES = {"idle": 0, "part": 1, "busy": 6}  # jobs before the fault, for two places


@dataclass(slots=True)
class Cell:
    """One fault on one state of the worker, and what came of it."""

    state: str
    fault: str
    name: str
    world: World | None = None
    pids: list[int] = field(default_factory=list)
    ran: int = 0
    submitted: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    work_s: float = WORK_S

    @property
    def system(self) -> System:
        assert self.world is not None
        return self.world.system


# --- faults ----------------------------------------------------------------------------------


def terminate(cell: Cell) -> None:
    _restart(cell, signal.SIGTERM)


def kill(cell: Cell) -> None:
    _restart(cell, signal.SIGKILL)


def wipe(cell: Cell) -> None:
    _broker(cell).flushall()


def cut(cell: Cell) -> None:
    for kind in ("normal", "pubsub"):
        _broker(cell).execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def pause(cell: Cell) -> None:
    _broker(cell).execute_command("CLIENT", "PAUSE", "8000", "ALL")
    time.sleep(8)


def freeze(cell: Cell) -> None:
    pid = cell.system.pid(cell.name)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(20)
    os.kill(pid, signal.SIGCONT)


def refuse_writes(cell: Cell) -> None:
    """Refuse every write, as a broker with a full disk does."""
    client = _broker(cell)
    client.config_set("min-replicas-to-write", 1)
    time.sleep(5)
    client.config_set("min-replicas-to-write", 0)


def kill_worker(cell: Cell) -> None:
    os.kill(cell.system.pid(f"worker-{cell.name}"), signal.SIGKILL)


FAULTS: dict[str, Callable[[Cell], None]] = {
    "SIGTERM broker, restarted": terminate,
    "SIGKILL broker, restarted": kill,
    "FLUSHALL": wipe,
    "CLIENT KILL normal + pubsub": cut,
    "CLIENT PAUSE 8 s": pause,
    "SIGSTOP broker 20 s": freeze,
    "writes refused 5 s": refuse_writes,
    "SIGKILL worker": kill_worker,
}


# --- one cell --------------------------------------------------------------------------------


def prepare(under: System, cell: Cell, number: int) -> None:
    """Start a broker and a worker for a cell; from the main thread only."""
    broker = broker_program(under, cell.name)
    under.start(broker)
    under.stack.supervisor.wait_ready(cell.name)
    world = system.twin(under, f"cell{number}", broker_url=_url(under, cell.name))
    cell.world = World("", world)
    world.start(world.worker(f"worker-{cell.name}", CHAOS_WORK_S=str(cell.work_s)))


def play(cell: Cell) -> None:
    """Bring the worker into its state, do the harm, submit new jobs and see them run."""
    work, worker = cell.system, f"worker-{cell.name}"
    submit(cell, 1)  # it is up when it has done something
    assert eventually(lambda: not cell.world.unfinished(), within_s=WITHIN_S), "did not start"
    submit(cell, STATES[cell.state])
    running = min(STATES[cell.state], 2)
    assert eventually(lambda: _running(cell) == running, within_s=WITHIN_S), "not in its state"
    cell.pids.append(work.pid(worker))
    FAULTS[cell.fault](cell)
    harmed_until = time.time()
    submit(cell, NEW_JOBS)
    eventually(lambda: not cell.world.unfinished(), within_s=WITHIN_S)
    cell.pids.append(work.pid(worker) or 0)
    measure(cell, harmed_until)


def measure(cell: Cell, harmed_until: float) -> None:
    """Read which jobs ended, and when the new ones were claimed."""
    query = "SELECT count(*) AS n FROM jobs WHERE status = 'succeeded'"
    cell.ran = cell.system.ask(query)[0].n
    row = cell.system.ask(
        """
        SELECT min(began) AS first, max(began) AS last FROM (
            SELECT extract(epoch FROM min(step_attempts.started_at)) AS began
              FROM jobs LEFT JOIN step_attempts ON job_id = jobs.id
             WHERE extract(epoch FROM jobs.created_at) > :harmed_until GROUP BY jobs.id) AS new""",
        harmed_until=harmed_until,
    )[0]
    cell.first_s = float(row.first or "nan") - harmed_until
    cell.last_s = float(row.last or "nan") - harmed_until


def submit(cell: Cell, count: int) -> None:
    """Queue jobs and ring for them, as well as the broker allows."""
    cell.submitted += count
    with Session(cell.system.engine) as session, session.begin():
        made = [_job(session) for _ in range(count)]
    for job_id in made:
        with suppress(RedisError):
            _ring(cell, job_id)


def _job(session: Session) -> uuid.UUID:
    account = accounts.create(session, "cell")
    pet = pets.create(session, account.id, name="Rex", species=Species.DOG)
    file = StoredFile(clips.reserve(session), uuid.uuid4().bytes * 2, 1, "video/mp4")
    told = Told(None, Reason.ROUTINE, [], None)
    return jobs.accept(session, file, told, account_id=account.id, pet_id=pet.id).id


def _ring(cell: Cell, job_id: uuid.UUID) -> None:
    """Put into the cell's broker what `queue.ring` puts into ours."""
    with Redis.from_url(cell.system.environment["TAILTREND_BROKER_URL"]) as broker:
        broker.lpush(Queue.EXTRACT, queue.message(Queue.EXTRACT, job_id))


def _running(cell: Cell) -> int:
    return cell.system.ask("SELECT count(*) AS n FROM jobs WHERE status = 'running'")[0].n


def _restart(cell: Cell, number: signal.Signals) -> None:
    before = cell.system.pid(cell.name)
    os.kill(before, number)
    eventually(lambda: cell.system.pid(cell.name) not in (None, before), within_s=30)
    eventually(lambda: _answers(cell), within_s=30)


def _answers(cell: Cell) -> bool:
    try:
        return bool(_broker(cell).ping())
    except RedisError:
        return False


def _broker(cell: Cell) -> Redis:
    return Redis.from_url(cell.system.environment["TAILTREND_BROKER_URL"], socket_timeout=30)


def _url(under: System, name: str) -> str:
    password = under.stack.state.record.valkey_password
    return f"redis://:{password}@127.0.0.1:{PORTS[name]}/0"


PORTS: dict[str, int] = {}


def broker_program(under: System, name: str) -> Program:
    """Describe a broker like the stack's own, on a port and in a directory of its own."""
    PORTS[name] = ports.pick(excluded=set(PORTS.values()))
    record = under.stack.state.record
    text = valkey.CONFIGURATION.format(port=PORTS[name], password=record.valkey_password)
    directory = under.stack.state.directory(name)
    (directory / "valkey.conf").write_text(text)
    program = valkey.program(under.stack.state)
    url = _url(under, name)
    return replace(program, name=name, cwd=directory, is_ready=lambda: _pings(url))


def _pings(url: str) -> bool:
    try:
        with Redis.from_url(url, socket_timeout=2) as client:
            return bool(client.ping())
    except RedisError:
        return False


# --- all cells -------------------------------------------------------------------------------


def run(cells: list[Cell], folder: Path, console: Console) -> None:
    """Play all cells, some at a time."""
    with system.opened(folder) as under:
        for start in range(0, len(cells), AT_ONCE):
            batch = cells[start : start + AT_ONCE]
            for number, cell in enumerate(batch, start):
                prepare(under, cell, number)
            threads = [threading.Thread(target=play, args=(cell,)) for cell in batch]
            for thread in threads:
                thread.start()
            under.run_until(
                lambda threads=threads: not any(thread.is_alive() for thread in threads),
                within_s=5 * WITHIN_S,
            )
            for cell in batch:
                console.print(*row(cell), sep=" | ")
            under.stack.supervisor.stop({f"worker-{cell.name}" for cell in batch})
            under.stack.supervisor.stop({cell.name for cell in batch})


def row(cell: Cell) -> list[str]:
    survived = "same process" if len(set(cell.pids)) == 1 else "restarted"
    started = f"{cell.first_s:.1f}..{cell.last_s:.1f} s"
    return [cell.fault, cell.state, survived, f"{cell.ran}/{cell.submitted}", started]


def main(only: Annotated[str, typer.Option(help="Part of the faults' names.")] = "") -> None:
    """Play every cell and print the table."""
    cells = [
        Cell(state, fault, f"broker{number}-{index}")
        for number, fault in enumerate(FAULTS)
        for index, state in enumerate(STATES)
        if only in fault
    ]
    console = Console()
    with tempfile.TemporaryDirectory(prefix="cells-") as folder:
        run(cells, Path(folder), console)
    table = Table("fault", "worker was", "worker", "jobs done", "new jobs claimed after")
    for cell in cells:
        table.add_row(*row(cell))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
