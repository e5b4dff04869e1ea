"""Analysis gives way to what answers, and is not blamed for it."""

import os
import subprocess
import sys

import pytest
import structlog

from tests.waiting import eventually
from worker import priority
from worker.priority import Waits

PINNED = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
SPIN = "while True: pass"


def test_a_process_that_gives_way_is_behind_the_others():
    code = "import os; from worker import priority; priority.give_way(); print(os.nice(0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(priority.NICE)


def test_what_computes_goes_last_and_its_caller_does_not():
    assert priority.last(os.sched_getscheduler)(0) == os.SCHED_IDLE
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_what_computes_has_the_context_of_its_caller_and_raises_to_it():
    with structlog.contextvars.bound_contextvars(job_id="7"):
        assert priority.last(structlog.contextvars.get_contextvars)() == {"job_id": "7"}
    with pytest.raises(ZeroDivisionError):
        priority.last(divmod)(1, 0)


def test_where_the_kernel_refuses_it_computes_all_the_same(monkeypatch):
    monkeypatch.setattr(os, "SCHED_IDLE", 99)
    assert priority.last(divmod)(7, 2) == (3, 1)


def test_who_goes_last_waits_for_others_and_is_known_to_have_waited():
    go_last = f"{PINNED}; from worker import priority; priority.go_last(); print(flush=True)"
    with (
        subprocess.Popen([sys.executable, "-c", f"{go_last}\n{SPIN}"], stdout=-1) as last,
        subprocess.Popen(
            [sys.executable, "-c", f"{PINNED}; print(flush=True)\n{SPIN}"], stdout=-1
        ) as first,
    ):
        try:
            assert last.stdout.readline() == first.stdout.readline() == b"\n"
            waits = Waits(last.pid)
            # The kernel counts a wait when it has ended.
            assert eventually(lambda: waits.longest_s() >= 0.5, within_s=30)
            assert Waits(last.pid).longest_s() < 0.5
        finally:
            last.kill()
            first.kill()
