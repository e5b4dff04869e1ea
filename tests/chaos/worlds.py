"""Small systems beside each other on the same servers, each with a guard removed and faults armed.

Their workers do stub work: what is tested is who may do it, when and how often. Jobs come past the
API, from a process that is led to the world's database as the API would be.
"""

import multiprocessing
import os
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from cli.localstack.environment import adopt
from shared import queue
from shared.queue import Queue
from tests import factories
from tests.chaos import mutations, system
from tests.chaos.control import Action
from tests.chaos.invariants import Evidence
from tests.chaos.system import System

FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class World:
    """A system with one guard removed, or none."""

    mutation: str
    system: System

    def evidence(self, max_attempts: int) -> Evidence:
        return Evidence(self.system, max_attempts)

    def unfinished(self) -> int:
        query = "SELECT count(*) AS n FROM jobs WHERE finished_at IS NULL"
        try:
            return self.system.ask(query)[0].n
        except DBAPIError:
            return 1


def make(under: System, mutation: str, *, database: int) -> World:
    """Make a world with a database of its own and the broker's database of that number."""
    url, _, _ = under.environment["TAILTREND_BROKER_URL"].rpartition("/")
    name = f"without_{mutation}" if mutation else "whole"
    return World(mutation, system.twin(under, name, broker_url=f"{url}/{database}"))


def start(world: World, *, work_s: float, armed: dict[str, list[Action]], jobs: int) -> None:
    """Arm the boundaries, submit the jobs and start the worker."""
    arm(world, armed)
    submit(world, jobs)
    name = f"worker-{world.mutation or 'whole'}"
    world.system.start(
        world.system.worker(name, CHAOS_MUTATION=world.mutation, CHAOS_WORK_S=str(work_s))
    )


def arm(world: World, armed: dict[str, list[Action]]) -> None:
    """Let the processes that come to these boundaries meet these actions."""
    for boundary, actions in armed.items():
        for action in actions:
            world.system.control.arm(boundary, action)


def submit(world: World, jobs: int) -> None:
    """Queue jobs as the API of this world would."""
    process = FORK.Process(target=_submit, args=(world, jobs))
    process.start()
    process.join()
    assert process.exitcode == 0


def _submit(world: World, jobs: int) -> None:
    os.environ.update(world.system.environment)
    adopt(world.system.environment)
    mutations.apply(world.mutation)
    made = [factories.accept_job() for _ in range(jobs)]
    for job in made if world.mutation != "outbox" else []:
        queue.ring(Queue.EXTRACT, job.id)  # now: this process ends before its bell has rung
