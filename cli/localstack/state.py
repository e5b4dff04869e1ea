"""A state directory: its lock, its secrets and ports, and files that only the owner reads."""

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cli.localstack import ports
from cli.localstack.errors import CannotStart

RECORD = "local.json"
LOCK = "lock"
LOCK_WAIT_S = 3  # longer than the guardian of a killed stack needs to clear up
FREE_NEEDED_MB = 200  # initdb and its first WAL segment take 60


class Record(BaseModel):
    """What must survive: no field has a default, so a damaged file never makes new passwords."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    postgres_password: str
    valkey_password: str
    swift_secret: str
    swift_hash_suffix: str
    ports: dict[str, int]

    @classmethod
    def fresh(cls) -> Self:
        """Draw new passwords."""
        return cls(
            version=1,
            postgres_password=secrets.token_urlsafe(24),
            valkey_password=secrets.token_urlsafe(24),
            swift_secret=secrets.token_urlsafe(24),
            swift_hash_suffix=secrets.token_hex(16),
            ports={},
        )


def write_private(path: Path, text: str) -> None:
    """Replace a file at once with one that only its owner reads."""
    draft = path.with_name(path.name + ".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        reason = os.strerror(error.errno).lower()
        raise CannotStart(f"Cannot use {error.filename or path}: {reason}.") from error


class State:
    """An open, locked state directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = Record.fresh()
        self.lock_fd = -1

    def __enter__(self) -> Self:
        with plain_errors(self.path):
            self._claim_directory()
            self.lock_fd = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._lock()
                self._check_disk()
                self._load()
            except BaseException:
                os.close(self.lock_fd)
                raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.lock_fd)

    def directory(self, name: str) -> Path:
        """Make a directory of ours inside the state, closed to others."""
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def choose_ports(self, names: list[str]) -> None:
        """Keep the ports of the last time; pick anew those that somebody else took."""
        kept = {name: port for name, port in self.record.ports.items() if ports.is_free(port)}
        for name in names:
            kept.setdefault(name, ports.pick(excluded=set(kept.values())))
        if kept != self.record.ports:
            self._save(self.record.model_copy(update={"ports": kept}))

    def _claim_directory(self) -> None:
        if self.path.is_dir() and any(self.path.iterdir()) and not (self.path / LOCK).exists():
            raise CannotStart(f"{self.path} is neither empty nor a state directory of TailTrend.")
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def _lock(self) -> None:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self.lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise CannotStart(f"{self.path} is in use by {self._holder()}.") from error
                time.sleep(0.05)
        os.truncate(self.lock_fd, 0)
        os.pwrite(self.lock_fd, str(os.getpid()).encode(), 0)

    def _holder(self) -> str:
        pid = os.pread(self.lock_fd, 20, 0).decode().strip()
        return f"another `tailtrend up` (process {pid})"

    def _check_disk(self) -> None:
        free_mb = shutil.disk_usage(self.path).free // 10**6
        if free_mb < FREE_NEEDED_MB:
            raise CannotStart(
                f"The disk of {self.path} is full: {free_mb} MB free, {FREE_NEEDED_MB} MB needed."
            )
        try:
            os.setxattr(self.lock_fd, "user.tailtrend", b"1")
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise
            raise CannotStart(
                f"The file system of {self.path} has no extended attributes, which object storage"
                " needs; choose another with --state."
            ) from error

    def _load(self) -> None:
        file = self.path / RECORD
        if not file.exists():
            if (self.path / "postgres").exists():
                raise CannotStart(f"{file} is missing, and with it the passwords of the data.")
            self._save(self.record)
            return
        try:
            self.record = Record.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise CannotStart(
                f"The state file {file} is damaged or from another version of TailTrend;"
                " restore it, or choose another directory with --state."
            ) from error

    def _save(self, record: Record) -> None:
        write_private(self.path / RECORD, record.model_dump_json(indent=2))
        self.record = record
