"""The short form: a kill at every boundary, a wiped broker, a killed Postgres, twenty jobs."""

import pytest
from rich.console import Console

from tests.chaos import report
from tests.chaos.control import Action
from tests.chaos.run import Layout, Outcome, Plan, run

JOBS = 20


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    plan = Plan(
        jobs=JOBS,
        seed=1,
        layout=Layout.WHOLE,
        minutes=2,
        actions=(Action.KILL,),
        at_random=False,
        has_skewed_clock=False,
        scripted=("FLUSHALL", "SIGKILL Postgres"),
    )
    outcome = run(plan, tmp_path_factory.mktemp("chaos"))
    report.show_faults(outcome, Console(width=100))
    report.show([outcome], Console(width=100))
    return outcome


def test_every_boundary_killed_its_process(outcome: Outcome):
    assert not outcome.never_reached


def test_the_broker_was_wiped_and_postgres_killed(outcome: Outcome):
    assert {"FLUSHALL", "SIGKILL Postgres"} <= {fault.kind for fault in outcome.faults}


def test_no_accepted_job_is_lost_and_none_is_doubled(outcome: Outcome):
    assert outcome.accepted >= JOBS - 2  # all but the text files, which are refused
    assert (outcome.lost, outcome.doubled) == (0, 0)


@pytest.mark.parametrize("number", range(1, 10))
def test_the_invariants_hold(outcome: Outcome, number: int):
    name = next(name for name in outcome.violations if name.startswith(f"{number} "))
    assert not outcome.violations[name]
