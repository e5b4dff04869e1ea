"""`tailtrend up`: the whole service on one machine, in the foreground."""

import json
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from cli import applications, schema
from cli.localstack import ports, postgres, state
from cli.localstack.environment import adopt
from cli.localstack.errors import CannotStart
from cli.localstack.program import Program
from cli.localstack.stack import Servers, Stack
from shared import accounts, db
from shared.errors import DatabaseUnavailable, TailTrendError
from shared.settings import settings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ASK_AGAIN_S = 0.5
STACK_FILE = "stack.json"
KEY_FILE = "api_key"


class Stopped(BaseException):
    """The wish to end, from a signal; no `except Exception` may swallow it."""


def up(
    state: Annotated[Path, typer.Option(help="Directory of all data.")] = Path(".tailtrend"),
    port: Annotated[int, typer.Option(help="Port of the API.", min=1, max=65535)] = 8000,
) -> None:
    """Start servers, API and workers here; one `ready` line with URL and key; Ctrl-C stops all."""
    try:
        workers = (applications.worker, applications.deliverer)
        serve(state, port, api=applications.api, workers=workers)
    except TailTrendError as error:
        typer.echo(f"tailtrend up: {error.detail}", err=True)
        raise typer.Exit(2) from error


def serve(
    directory: Path,
    port: int,
    *,
    api: Callable[[int], Program],
    workers: Iterable[Callable[[], Program]],
) -> None:
    """Run until a signal; raise CannotStart and leave nothing behind when it cannot start."""
    screen = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    with _stoppable():
        if not ports.is_free(port):
            raise CannotStart(f"Port {port} is taken; choose another with --port.")
        with Stack(directory, say=screen.print, changed=lambda: run.write_pids()) as stack:
            run = Run(stack, f"http://127.0.0.1:{port}")
            with run.ended_in_order(), state.plain_errors(stack.state.path):
                with _progress(screen) as tell:
                    run.start(tell, api=lambda: api(port), workers=workers)
                typer.echo(f"ready {run.api_url} {run.api_key}")
                stack.supervisor.run()


class Run:
    """One run of a stack with its API and workers, and the file that describes it."""

    def __init__(self, stack: Stack, api_url: str) -> None:
        self.api_url = api_url
        self.api_key = ""
        self._workers: set[str] = set()
        self._stack = stack
        self._file = stack.state.path / STACK_FILE
        self._started = False

    def start(
        self,
        tell: Callable[[str], None],
        *,
        api: Callable[[], Program],
        workers: Iterable[Callable[[], Program]],
    ) -> None:
        """Start everything and wait until the API takes uploads."""
        tell("Starting PostgreSQL, Valkey and Swift")
        servers = self._servers()
        adopt(servers.environment())
        tell("Preparing the database")
        self._upgrade(is_ours=servers.database_url is not None)
        self._open_account()
        tell("Starting the API and the workers")
        self._stack.supervisor.start(api())
        self._stack.supervisor.wait_ready("api")
        # Not before: its models load on the cores that everything above needs.
        programs = [worker() for worker in workers]
        self._workers = {program.name for program in programs}
        self._stack.supervisor.start(*programs)
        self._started = True
        self.write_pids()

    def write_pids(self) -> None:
        """Describe the running stack for programs; again when a process was replaced."""
        if not self._started:
            return
        chosen = settings()
        described = {
            "api_url": self.api_url,
            "api_key": self.api_key,
            "database_url": chosen.database_url and chosen.database_url.get_secret_value(),
            "broker_url": chosen.broker_url and chosen.broker_url.get_secret_value(),
            "s3_endpoint": chosen.s3_endpoint_url,
            "s3_access_key": chosen.s3_access_key,
            "s3_secret_key": chosen.s3_secret_key and chosen.s3_secret_key.get_secret_value(),
            "s3_bucket": chosen.s3_bucket,
            "pids": self._stack.supervisor.pids(),
        }
        state.write_private(self._file, json.dumps(described, indent=2))

    @contextmanager
    def ended_in_order(self) -> Iterator[None]:
        """Stop the workers and the API before the servers that they use."""
        self._file.unlink(missing_ok=True)  # of a run that was killed
        try:
            yield
        finally:
            _ignore_signals()
            self._started = False
            self._stack.supervisor.stop({*self._workers, "api"})
            self._file.unlink(missing_ok=True)

    def _servers(self) -> Servers:
        """Start the servers that the operator did not name."""
        own = settings()
        return self._stack.start_servers(
            database=own.database_url is None,
            broker=own.broker_url is None,
            storage=own.s3_endpoint_url is None and own.s3_access_key is None,
        )

    def _upgrade(self, *, is_ours: bool) -> None:
        """Bring the schema; our own server, should it end after it answered, is waited for once."""
        try:
            schema.upgrade()
        except DatabaseUnavailable:
            if not is_ours:
                raise
            self._stack.supervisor.wait_again(postgres.NAME)
            schema.upgrade()

    def _open_account(self) -> None:
        """Keep the key that still works; it can be read nowhere else."""
        file = self._stack.state.path / KEY_FILE
        existing = file.read_text().strip() if file.exists() else None
        with db.transaction() as session:
            self.api_key = accounts.ensure_local_key(session, existing)
            if self.api_key != existing:
                state.write_private(file, self.api_key)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let signals end the block, quietly."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Python drops what is raised in a callback, as in those around a fork: so ask again.
        signal.setitimer(signal.ITIMER_REAL, ASK_AGAIN_S)
        raise Stopped

    signal.signal(signal.SIGALRM, stop)
    for number in SIGNALS:
        # nohup ignores SIGHUP for us; a shell that ignores SIGINT for `up &` must not count.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    except Stopped:
        pass
    finally:
        _ignore_signals()


def _ignore_signals() -> None:
    for number in (signal.SIGALRM, *SIGNALS):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _progress(screen: Console) -> Iterator[Callable[[str], None]]:
    """Show what is being waited for: one line that changes on a terminal, else a line each."""
    if not screen.is_terminal:
        yield screen.print
        return
    with Status("Starting", console=screen) as status:
        yield status.update
