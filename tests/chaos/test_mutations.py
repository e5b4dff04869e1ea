"""The checker has teeth: each guard that is removed shows as a violation, and none without that."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.chaos import invariants, system, worlds
from tests.chaos.control import Action
from tests.chaos.injector import Reviver
from tests.chaos.worlds import World

MAX_ATTEMPTS = 3
WORK_S = 1.5
WITHIN_S = 200
HARM = {
    "succeed.before": [Action.STOP],  # past its lease, then it goes on
    "extract.after": [Action.KILL],
}
FROZEN = {"succeed.before": [Action.STOP] * 2}  # the late one, then its rival that holds the job
POISON = {"extract.before": [Action.KILL] * (MAX_ATTEMPTS + 2)}

# All of the poison for one job: shared by two, neither would be tried too often.
SCENES = {"fence": (FROZEN, 1), "late_count": (POISON, 1)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    """Run every world at once until what must end has ended and what must go wrong has."""
    folder = tmp_path_factory.mktemp("mutations")
    quick = {"TAILTREND_MAX_ATTEMPTS": str(MAX_ATTEMPTS), "TAILTREND_LEASE_S": "3"}
    with system.opened(folder, **quick) as under:
        names = ["", "fence", "outbox", "sweep", "late_count"]
        made = {name: worlds.make(under, name, database=n) for n, name in enumerate(names, 1)}
        for name, world in made.items():
            armed, jobs = SCENES.get(name, (HARM, 2))
            worlds.start(world, work_s=WORK_S, armed=armed, jobs=jobs)
        reviver = Reviver([world.system for world in made.values()])
        reviver.start()
        under.run_until(lambda: is_over(made), within_s=WITHIN_S)
        reviver.stop()
        yield made


def test_with_every_guard_the_jobs_succeed(made):
    rows = made[""].system.ask("SELECT status, attempts FROM jobs")
    assert [row.status for row in rows] == ["succeeded"] * len(rows)


def is_over(made: dict[str, World]) -> bool:
    return (
        not made[""].unfinished()
        and not made[""].system.control.armed()
        and bool(violations(made["late_count"], "attempts_are_bounded"))
        and a_late_writer_was_seen(made["fence"])
    )


def a_late_writer_was_seen(world: World) -> bool:
    """Wake whoever stopped first as soon as its rival has stopped too; else race once more."""
    if violations(world, "no_late_writes"):
        return True
    *late, _rival = stopped(world) or [None]
    for pid in late:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    if not world.unfinished():
        worlds.arm(world, FROZEN)
        worlds.submit(world, 1)
    return False


def stopped(world: World) -> list[int]:
    notes = world.system.control.notes()
    return [note["pid"] for note in notes if note["action"] == Action.STOP]


def violations(world: World, invariant: str) -> list[str]:
    return getattr(invariants, invariant)(world.evidence(MAX_ATTEMPTS))


@pytest.mark.parametrize(
    "invariant", ["every_job_ends", "one_result_each", "no_late_writes", "attempts_are_bounded"]
)
def test_with_every_guard_the_same_faults_violate_nothing(made, invariant):
    assert not violations(made[""], invariant)


@pytest.mark.parametrize(
    ("guard", "invariant"),
    [
        ("fence", "no_late_writes"),
        ("outbox", "every_job_ends"),
        ("sweep", "every_job_ends"),
        ("late_count", "attempts_are_bounded"),
    ],
)
def test_without_a_guard_the_checker_finds_what_it_prevents(made, guard, invariant):
    found = violations(made[guard], invariant)
    assert found
    print(f"without {guard}: {found[0]}")  # noqa: T201 - the evidence, with `pytest -s`
