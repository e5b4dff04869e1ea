"""Inflicts faults at random times, seeded, and revives what stopped itself at a boundary."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos import recovery
from tests.chaos.control import Action
from tests.chaos.faults import (
    FAULTS,
    PAST_THE_LEASE_S,
    Fault,
    inflict,
)
from tests.chaos.system import System
from tests.waiting import eventually

LONGEST_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Lane:
    """Faults that one thread does, one after the other."""

    names: list[str]
    is_endless: bool

    def orders(self, chance: random.Random) -> Iterator[list[str]]:
        """Give every fault once as listed, or again and again in drawn orders."""
        if not self.is_endless:
            yield self.names
            return
        while True:
            yield chance.sample(self.names, len(self.names))


class Injector:
    """Threads that do harm until they are told to stop."""

    def __init__(self, system: System, lanes: list[Lane], *, seed: int, pause_s: float) -> None:
        self._system, self._pause_s = system, pause_s
        self._stopped = threading.Event()
        self.faults: list[Fault] = []
        self._threads = [
            threading.Thread(target=self._run, args=(one, random.Random(f"{seed} {number}")))
            for number, one in enumerate(lanes)
        ]
        self._reviver = Reviver([system])

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._reviver.start()

    def ended(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Begin no new fault; those in progress end on their own."""
        self._stopped.set()

    def close(self) -> None:
        self._reviver.stop()

    def boundary_faults(self) -> list[Fault]:
        """Tell what the armed boundaries did, as their processes noted it."""
        return [
            Fault(f"{note['action']} at {note['boundary']}", [note["pid"]], note["at"], note["at"])
            for note in self._system.control.notes()
        ]

    def _run(self, its: Lane, chance: random.Random) -> None:
        eventually(lambda: recovery.has_begun(self._system), within_s=60)
        for names in its.orders(chance):
            for name in names:
                if self._stopped.wait(self._pause_s * chance.uniform(0.5, 1.5)):
                    return
                fault = inflict(name, FAULTS[name], self._system, chance)
                if fault is not None:
                    self.faults.append(fault)
                    self._let_recover(fault)

    def _let_recover(self, fault: Fault) -> None:
        """Wait until work goes on: else faults only meet processes that still start."""
        eventually(
            lambda: self._stopped.is_set() or recovery.has_resumed(self._system, fault),
            within_s=LONGEST_WAIT_S,
        )


class Reviver:
    """A thread that continues, past their leases, the processes that stopped at a boundary."""

    def __init__(self, systems: list[System]) -> None:
        self._systems = systems
        self._revived: set[tuple[int, float]] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reviver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(0.2):
            for system in self._systems:
                for note in system.control.notes():
                    self._revive(note)

    def _revive(self, note: dict) -> None:
        who = (note["pid"], note["at"])
        is_due = time.time() > note["at"] + PAST_THE_LEASE_S
        if note["action"] == Action.STOP and is_due and who not in self._revived:
            self._revived.add(who)
            with suppress(ProcessLookupError):
                os.kill(note["pid"], signal.SIGCONT)
