"""How the injector steers the processes under test: a folder of files.

A file in `armed/` waits at a boundary for the first process that comes by; one in `flags/` holds
for everybody while it is there; `notes.jsonl` is what the processes tell before they die.
"""

import json
import os
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.chaos import clock

VARIABLE = "CHAOS_DIRECTORY"


class Action(StrEnum):
    """What happens to the process that comes to an armed boundary."""

    KILL = "kill"
    STOP = "stop"  # the injector continues it once its lease is over
    KILL_PARENT = "kill_parent"


class Flag(StrEnum):
    """What holds for every process while it is set."""

    DISK_FULL = "disk_full"


@dataclass(frozen=True, slots=True)
class Control:
    """One folder, seen from both sides."""

    folder: Path

    def prepare(self) -> None:
        for part in ("armed", "flags"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)

    def arm(self, boundary: str, action: Action) -> None:
        draft = self.folder / uuid.uuid4().hex
        draft.write_text(action)
        draft.rename(self.folder / "armed" / f"{boundary}.{draft.name}")

    def pull(self, boundary: str) -> Action | None:
        """Take what is armed at a boundary; no two processes take the same."""
        for path in sorted((self.folder / "armed").glob(f"{boundary}.*")):
            try:
                action = Action(path.read_text())
                path.unlink()
            except FileNotFoundError:
                continue
            return action
        return None

    def armed(self) -> list[str]:
        return sorted(path.name.rpartition(".")[0] for path in (self.folder / "armed").iterdir())

    def disarm(self) -> None:
        for path in (self.folder / "armed").iterdir():
            path.unlink(missing_ok=True)

    def set(self, flag: Flag) -> None:
        (self.folder / "flags" / flag).touch()

    def clear(self, flag: Flag) -> None:
        (self.folder / "flags" / flag).unlink(missing_ok=True)

    def holds(self, flag: Flag) -> bool:
        return (self.folder / "flags" / flag).exists()

    def note(self, **what: Any) -> None:
        line = json.dumps({"at": clock.real_time(), "pid": os.getpid(), **what}) + "\n"
        file = os.open(self.folder / "notes.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, line.encode())
        os.close(file)

    def notes(self) -> list[dict[str, Any]]:
        path = self.folder / "notes.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def from_environment() -> Control:
    return Control(Path(os.environ[VARIABLE]))
