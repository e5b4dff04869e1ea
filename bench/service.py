"""A service to measure: real servers, API and worker in a temporary state directory."""

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import text

from cli import applications, schema
from cli.client import Client, connect
from cli.localstack import ports
from cli.localstack.environment import adopt
from cli.localstack.program import Program
from cli.localstack.stack import Stack
from cli.localstack.supervisor import Supervisor
from shared import accounts, db, queue, storage
from shared.settings import settings

# One key stands for many customers.
UNLIMITED = {"TAILTREND_RATE_REQUESTS": "1000000", "TAILTREND_MAX_UNFINISHED_JOBS": "1000000"}
NO_STORAGE = {  # a client is made at start, and asked for nothing
    "TAILTREND_S3_ENDPOINT_URL": "http://127.0.0.1:9",
    "TAILTREND_S3_ACCESS_KEY": "none",
    "TAILTREND_S3_SECRET_KEY": "none",
}
READY_WITHIN_S = 60.0

REAL_WORKER = "worker.app"
NOOP_API, NOOP_WORKER = ["bench.noop_api:create_app()"], "bench.noop_worker"


@dataclass(frozen=True, slots=True)
class Service:
    """A running service with one account and one pet."""

    port: int
    api_key: str
    pet_id: str
    client: Client
    supervisor: Supervisor

    def process(self, name: str) -> psutil.Process:
        """Find a program's main process."""
        return psutil.Process(self.supervisor.pids()[name])


@contextmanager
def real() -> Iterator[Service]:
    """Run the API and the worker as `tailtrend up` does."""
    with _running([_worker(REAL_WORKER)], api=[], storage_too=True) as service:
        yield service


@contextmanager
def noop(*, workers: tuple[str, ...] = ("extract,encode,fuse",)) -> Iterator[Service]:
    """Run the API and workers, one for each of the given `-Q`, without pipeline and storage."""
    programs = [_worker(NOOP_WORKER, queues=queues) for queues in workers]
    with _running(programs, api=NOOP_API, storage_too=False) as service:
        yield service


@contextmanager
def _running(workers: list[Program], *, api: list[str], storage_too: bool) -> Iterator[Service]:
    with _temporary_stack() as stack:
        adopt(NO_STORAGE | stack.start_servers(storage=storage_too).environment() | UNLIMITED)
        try:
            schema.upgrade()
            port = ports.pick(excluded=set())
            stack.supervisor.start(_api(api, port))
            stack.supervisor.wait_ready("api")
            stack.supervisor.start(*workers)
            yield _ready(port, stack.supervisor)
        finally:
            names = {"api", *(worker.name for worker in workers)}
            stack.supervisor.stop(names)
            _close_clients()


@contextmanager
def _temporary_stack() -> Iterator[Stack]:
    with (
        tempfile.TemporaryDirectory(prefix="tailtrend-bench-") as folder,
        Stack(Path(folder) / "state") as stack,
    ):
        yield stack


def _ready(port: int, supervisor: Supervisor) -> Service:
    with db.transaction() as session:
        account = accounts.create(session, "bench")
        key = accounts.create_key(session, account.id, name="bench")
    client = connect(f"http://127.0.0.1:{port}", key)
    pet = client.create_pet("Bench", "dog")
    _wait_for_workers(supervisor)
    return Service(port, key, pet["id"], client, supervisor)


def _api(app: list[str], port: int) -> Program:
    """Describe the API of production; an app named last stands in for the configured one."""
    program = applications.api(port)
    return dataclasses.replace(program, argv=[*program.argv, *app])


def _worker(app: str, queues: str | None = None) -> Program:
    """Describe the worker of production with another app and other queues."""
    program = applications.worker()
    argv = [app if each == REAL_WORKER else each for each in program.argv]
    if queues is None:
        return dataclasses.replace(program, argv=argv)
    argv[argv.index("-Q") + 1] = queues
    return dataclasses.replace(program, name=f"worker-{queues}", argv=argv)


def _wait_for_workers(supervisor: Supervisor) -> None:
    """Wait until every worker says in its log that it is ready."""
    deadline = time.monotonic() + READY_WITHIN_S
    logs = [log for name, log in supervisor.logs().items() if name.startswith("worker")]
    while not all(" ready." in log.read_text() for log in logs):
        if time.monotonic() > deadline:
            raise TimeoutError(logs[0].read_text()[-2000:])
        time.sleep(0.05)


def wait_until_done(jobs: int) -> None:
    """Wait until so many jobs have ended, without loading the database."""
    while count_done() < jobs:
        time.sleep(0.1)


def count_done() -> int:
    """Count the jobs that have ended."""
    with db.transaction() as session:
        return int(
            session.scalar(text("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL")) or 0
        )


def _close_clients() -> None:
    db.engine().dispose()
    for cached in (db.engine, queue._redis, storage.client, settings):
        cached.cache_clear()
