"""Wraps the product's functions, inside its own processes, with boundaries at which they may die.

Each verb of `shared.jobs` has three: `.before` the call, `.inside` the transaction after it, and
`.committed`. Verbs that carry a lease also tell the database whose token acts; the audit trigger of
`audit.py` compares it with the token that the row holds.
"""

import contextlib
import functools
import os
import signal
from collections.abc import Callable, Iterable
from types import ModuleType

import psycopg
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from shared import jobs, ways
from shared.ways import Single
from tests.chaos.control import Action, Control

SAY_WHO_ACTS = text("SELECT set_config('chaos.acting', :token, false)")  # a verb may be alone
MOST_HIT_ATTEMPTS = 2  # the rest of the cap is for faults at random times
LEASED = ("continue_to", "hand_over", "succeed", "fail", "retry_later")
ALSO_ACTING = ("beat", "hand_back")
CLAIM = ("claim.before", "claim.inside", "claim.committed")
STEPS = ("extract", "encode", "fuse")

OF_ONE_WORKER = (
    *CLAIM,
    *(f"{name}.{side}" for name in STEPS for side in ("before", "after")),
    *(
        f"{verb}.{side}"
        for verb in ("continue_to", "succeed")
        for side in ("before", "inside", "committed")
    ),
)
OF_SPLIT_WORKERS = (
    "store.before",
    "store.after",
    "load.before",
    "load.after",
    *(f"hand_over.{side}" for side in ("before", "inside", "committed")),
)
OF_THE_API = (
    "reserve.inside",
    "reserve.committed",
    "put.before",
    "put.after",
    "accept.before",
    "accept.inside",
    "accept.committed",
)


def meet(control: Control, boundary: str, *, attempt: int = 1) -> None:
    """Do to this process what is armed here, unless the job was hit often enough."""
    action = control.pull(boundary) if attempt <= MOST_HIT_ATTEMPTS else None
    if action is None:
        return
    control.note(boundary=boundary, action=action, parent=os.getppid())
    if action is Action.KILL_PARENT:
        os.kill(os.getppid(), signal.SIGKILL)
        return
    os.kill(os.getpid(), signal.SIGKILL if action is Action.KILL else signal.SIGSTOP)


def around(control: Control, module: ModuleType, name: str, *, called: str = "") -> None:
    """Put boundaries before and after a function."""
    original, boundary = getattr(module, name), called or name

    @functools.wraps(original)
    def wrapped(*args, **kwargs):
        attempt = _attempt(args)
        meet(control, f"{boundary}.before", attempt=attempt)
        result = original(*args, **kwargs)
        meet(control, f"{boundary}.after", attempt=attempt)
        return result

    setattr(module, name, wrapped)


def around_step(control: Control, table: dict, step: str) -> None:
    """Put boundaries before and after a step of `steps.RUN`."""
    original = table[step]

    def wrapped(work, data):
        meet(control, f"{step}.before", attempt=work.lease.attempt)
        result = original(work, data)
        meet(control, f"{step}.after", attempt=work.lease.attempt)
        return result

    table[step] = wrapped


def around_verb(control: Control, module: ModuleType, name: str) -> None:
    """Put boundaries before a verb, inside its transaction after it, and after the commit."""
    original = getattr(module, name)

    @functools.wraps(original)
    def wrapped(way, *args, **kwargs):
        attempt = _attempt(args)
        meet(control, f"{name}.before", attempt=attempt)
        result = original(way, *args, **kwargs)
        if name == "claim" and result is None:
            return result
        attempt = max(attempt, _attempt([result]))
        meet(control, f"{name}.inside", attempt=attempt)

        def committed(*_):
            meet(control, f"{name}.committed", attempt=attempt)

        if isinstance(way, Single):  # whose statements have committed, but nobody was told
            way.afterwards.append(committed)
        else:
            event.listen(way, "after_commit", committed, once=True)
        return result

    setattr(module, name, wrapped)


def _attempt(args: Iterable) -> int:
    """Find the lease among arguments and tell its attempt; 1 where there is none."""
    leases = [getattr(one, "lease", one) for one in args]
    return max((one.attempt for one in leases if isinstance(one, jobs.Lease)), default=1)


def say_who_acts(name: str) -> None:
    """Let a verb of `shared.jobs` tell the audit which lease it acts for."""
    original: Callable = getattr(jobs, name)

    @functools.wraps(original)
    def wrapped(way, lease, *args, **kwargs):
        ways.row(way, SAY_WHO_ACTS, {"token": str(lease.token)})
        try:
            return original(way, lease, *args, **kwargs)
        finally:  # the connection goes on to others
            with contextlib.suppress(SQLAlchemyError, psycopg.Error):
                ways.row(way, SAY_WHO_ACTS, {"token": ""})

    setattr(jobs, name, wrapped)
