"""What is started: one program, how to tell that it is ready, how to end it."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# The servers get nothing of the caller's environment: it may hold keys, and they need none of it.
SERVER_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Identity:
    """An unprivileged user to run as."""

    uid: int
    gid: int


def _ready() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """A process in the foreground, its output in a log of its name."""

    name: str
    argv: list[str]
    cwd: Path
    env: Mapping[str, str] | None = field(default=None, repr=False)  # None: as ours
    identity: Identity | None = None  # None: as ourselves
    pass_fds: tuple[int, ...] = ()
    is_ready: Callable[[], bool] = _ready
    # Says why the program, though alive, makes no progress; asked every few seconds, never raises.
    stalled: Callable[[], str | None] | None = None
    # What is sent how many seconds after the wish to end it; SIGKILL goes to the whole group.
    ending: tuple[tuple[float, signal.Signals], ...] = ((0, signal.SIGTERM), (3, signal.SIGKILL))
