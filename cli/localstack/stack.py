"""The data servers of one state directory, started together and described by their URLs."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cli.localstack import postgres, swift, valkey
from cli.localstack.children import Children
from cli.localstack.program import Program
from cli.localstack.state import State, plain_errors
from cli.localstack.supervisor import Supervisor

BUCKET = "tailtrend"


@dataclass(frozen=True, slots=True)
class Servers:
    """How to reach the data servers; None where the embedded one was not started."""

    database_url: str | None = field(repr=False)
    broker_url: str | None = field(repr=False)
    s3_endpoint: str | None
    s3_access_key: str | None = field(repr=False)
    s3_secret_key: str | None = field(repr=False)
    s3_bucket: str | None

    def environment(self) -> dict[str, str]:
        """Give the settings that lead a process of ours to these servers."""
        values = {
            "TAILTREND_DATABASE_URL": self.database_url,
            "TAILTREND_BROKER_URL": self.broker_url,
            "TAILTREND_S3_ENDPOINT_URL": self.s3_endpoint,
            "TAILTREND_S3_ACCESS_KEY": self.s3_access_key,
            "TAILTREND_S3_SECRET_KEY": self.s3_secret_key,
            "TAILTREND_S3_BUCKET": self.s3_bucket,
        }
        return {name: value for name, value in values.items() if value is not None}


def _quiet(_line: str = "") -> None:
    pass


class Stack:
    """Embedded servers over a state directory, locked while open; use it as a context manager.

    From the main thread only: the servers die with the thread that started them.
    """

    def __init__(
        self,
        path: Path,
        *,
        say: Callable[[str], None] = _quiet,
        changed: Callable[[], None] = _quiet,
    ) -> None:
        self.state = State(path.absolute())
        self._say = say
        self._changed = changed
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as exit_stack, plain_errors(self.state.path):
            exit_stack.enter_context(self.state)
            children = Children(self.state.directory("logs"), lock_fd=self.state.lock_fd)
            exit_stack.callback(children.close)
            self.supervisor = Supervisor(children, say=self._say, changed=self._changed)
            self._children = children
            self._exit = exit_stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def start_servers(
        self, *, database: bool = True, broker: bool = True, storage: bool = True
    ) -> Servers:
        """Start the wanted servers and wait until each answers."""
        with plain_errors(self.state.path):
            names = self._port_names(database=database, broker=broker, storage=storage)
            self.state.choose_ports(names)
            programs: list[Program] = []
            # Swift first: its interpreters load while initdb runs.
            if storage:
                programs += self._start_storage()
            if broker:
                programs += self._start_broker()
            if database:
                programs += self._start_database()
            self.supervisor.wait_ready(*(program.name for program in programs))
        return Servers(
            database_url=postgres.url(self.state) if database else None,
            broker_url=valkey.url(self.state) if broker else None,
            s3_endpoint=swift.endpoint_url(self.state) if storage else None,
            s3_access_key=swift.ACCESS_KEY if storage else None,
            s3_secret_key=self.state.record.swift_secret if storage else None,
            s3_bucket=BUCKET if storage else None,
        )

    def _port_names(self, *, database: bool, broker: bool, storage: bool) -> list[str]:
        names = [postgres.NAME] * database + [valkey.NAME] * broker
        return names + [swift.port_name(server) for server in swift.SERVERS] * storage

    def _start_storage(self) -> list[Program]:
        swift.prepare(self.state, self._children)
        programs = swift.programs(self.state, bucket=BUCKET)
        self.supervisor.start(*programs)
        return programs

    def _start_broker(self) -> list[Program]:
        valkey.prepare(self.state)
        self.supervisor.start(program := valkey.program(self.state))
        return [program]

    def _start_database(self) -> list[Program]:
        postgres.prepare(self.state, self._children)
        self.supervisor.start(program := postgres.program(self.state))
        return [program]
