"""The service under test: real servers, API and workers, supervised as `tailtrend up` does.

Signals come from threads; the supervisor starts processes and so stays in the main thread.
"""

import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from cli import applications, schema
from cli.localstack import ports
from cli.localstack.environment import adopt
from cli.localstack.program import Program
from cli.localstack.stack import Stack
from shared import db, queue, storage
from shared.models import Step
from tests.chaos import audit, control
from tests.chaos.control import Control

LEASE_S = 4.0
QUICK = {
    "TAILTREND_LEASE_S": str(LEASE_S),
    "TAILTREND_SWEEP_INTERVAL_S": "1",
    "TAILTREND_RE_RING_S": "2",
    "TAILTREND_MAX_ATTEMPTS": "6",
    "TAILTREND_MAX_TRANSIENT_FAILURES": "30",
    "TAILTREND_EXTRACT_WALL_S": "20",
    "TAILTREND_MAX_UNFINISHED_JOBS": "100000",
    "TAILTREND_WEBHOOK_ALLOW_PRIVATE": "1",
    "TAILTREND_LOG_LEVEL": "INFO",
}
WORKER_MODULE = "tests.chaos.faulty_worker"
POLL_S = 0.05
BLANK = "blank"  # a migrated database that nobody uses, to copy


@dataclass(slots=True)
class System:
    """One database, one broker and the processes that work on them."""

    stack: Stack
    control: Control
    environment: dict[str, str]
    engine: Engine
    api_url: str = ""
    said: list[tuple[float, str]] = field(default_factory=list)

    def start(self, *programs: Program) -> None:
        self.stack.supervisor.start(*programs)

    def program(self, program: Program, **environment: str) -> Program:
        """Lead a program to this system, with faults inside."""
        theirs = {control.VARIABLE: str(self.control.folder), **environment}
        return replace(program, env=os.environ | self.environment | theirs)

    def api(self) -> Program:
        port = ports.pick(excluded=set())
        self.api_url = f"http://127.0.0.1:{port}"
        program = applications.api(port)
        argv = [*program.argv, "tests.chaos.faulty_api:create_app()"]  # instead of its own
        return self.program(replace(program, argv=argv))

    def worker(
        self,
        name: str,
        steps: tuple[Step, ...] = tuple(Step),
        *,
        concurrency: int = 2,
        **environment: str,
    ) -> Program:
        return self.program(worker_program(name, steps, concurrency), **environment)

    def deliverer(self) -> Program:
        program = applications.deliverer()
        argv = [
            "tests.chaos.faulty_deliverer" if part == "worker.deliverer" else part
            for part in program.argv
        ]
        return self.program(replace(program, argv=argv))

    def sweeper(self, name: str = "sweeper") -> Program:
        argv = [sys.executable, "-m", "worker.sweep"]
        return self.program(Program(name=name, argv=argv, cwd=applications.ROOT))

    def run_until(self, holds: Callable[[], object], *, within_s: float) -> bool:
        """Look after the processes until a condition holds; False when it never does."""
        deadline = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline:
                return False
            self.stack.supervisor.watch()
            time.sleep(POLL_S)
        return True

    def pid(self, name: str) -> int | None:
        return self.stack.supervisor.pids().get(name)

    def named(self, start: str) -> list[str]:
        return sorted(name for name in self.stack.supervisor.pids() if name.startswith(start))

    def pool_of(self, name: str) -> list[int]:
        """List the processes of a worker's pool, or gunicorn's workers."""
        return _children(self.pid(name))

    def sandboxes(self) -> list[int]:
        """List the children that decode clips."""
        pools = [pid for name in self.named("worker") for pid in self.pool_of(name)]
        return [child for pid in pools for child in _children(pid)]

    def ask(self, query: str, **values: object) -> list:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values))


def worker_program(name: str, steps: tuple[Step, ...], concurrency: int) -> Program:
    """Describe a worker of some steps, as the product starts it but for its module and size."""
    program = applications.worker()
    argv = list(program.argv)
    argv[argv.index("worker.app")] = WORKER_MODULE
    argv[argv.index("--concurrency") + 1] = str(concurrency)
    argv[argv.index("-Q") + 1] = ",".join(steps)
    node = ["--hostname", f"{name}-{uuid.uuid4().hex[:6]}@%h"]
    return replace(program, name=name, argv=[*argv, *node])


@contextmanager
def opened(folder: Path, **settings: str) -> Iterator[System]:
    """Start the data servers, with short settings, in a state directory."""
    with Stack(folder / "state") as stack:
        before = dict(os.environ)
        environment = stack.start_servers().environment() | QUICK | settings
        adopt(environment)
        _forget_clients()  # of the run before
        schema.upgrade()
        _forget_clients()
        system = _system(stack, folder / "control", environment)
        _copy_database(environment, "", BLANK)
        try:
            yield system
        finally:
            names = [name for name in stack.supervisor.pids() if not name.startswith("swift")]
            continue_all(stack)
            stack.supervisor.stop({name for name in names if name not in ("postgres", "valkey")})
            _forget_clients()
            _restore(before)


def twin(system: System, name: str, *, broker_url: str) -> System:
    """Make a system beside another: a fresh database of its own on the same servers."""
    environment = system.environment | {
        "TAILTREND_DATABASE_URL": _copy_database(system.environment, BLANK, name),
        "TAILTREND_BROKER_URL": broker_url,
    }
    folder = system.control.folder.with_name(f"control-{name}")
    return _system(system.stack, folder, environment, with_audit=False)


def _copy_database(environment: dict[str, str], source: str, name: str) -> str:
    """Make a database like another, which nobody may be using; give its URL."""
    url = make_url(environment["TAILTREND_DATABASE_URL"])
    admin = create_engine(
        url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{source or url.database}"'))
    return url.set(database=name).render_as_string(hide_password=False)


def continue_all(stack: Stack) -> None:
    """Let nobody stay stopped: a stopped process answers no SIGTERM."""
    for pid in stack.supervisor.pids().values():
        with suppress(psutil.Error):
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            for process in family:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)


def _system(
    stack: Stack, folder: Path, environment: dict[str, str], *, with_audit: bool = True
) -> System:
    control_ = Control(folder)
    control_.prepare()
    engine = create_engine(environment["TAILTREND_DATABASE_URL"], poolclass=NullPool)
    if with_audit:
        audit.install(engine)
    return System(stack, control_, environment, engine)


def _forget_clients() -> None:
    """Leave no connection of ours: the product's functions open them where settings lead."""
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    for cached in (db.engine, queue._redis, storage.client, storage.public_client):
        cached.cache_clear()


def _children(pid: int | None) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()] if pid else []
    except psutil.Error:
        return []


def _restore(before: dict[str, str]) -> None:
    for name in [name for name in os.environ if name not in before]:
        del os.environ[name]
    adopt(before)
