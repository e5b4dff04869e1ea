"""One run: start a system, put load and faults on it, let it settle, gather the evidence."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared import accounts, endpoints, pets
from shared.models import Species, Step
from tests.chaos import boundaries, client, clip_files, invariants, recovery, system
from tests.chaos.client import Account, Phone, Promise
from tests.chaos.control import Action
from tests.chaos.faults import PROCESS_FAULTS, SERVER_FAULTS, Fault
from tests.chaos.injector import Injector, Lane
from tests.chaos.invariants import Evidence
from tests.chaos.receiver import Receiver
from tests.chaos.system import QUICK, System
from tests.chaos.watcher import Watcher

PHONES = 12
MOST_WAITING = 30  # unfinished jobs at once: faults should hit work, not a queue
READY_WITHIN_S = 120.0
SETTLE_WITHIN_S = 180.0
AHEAD_S = 3600


class Layout(StrEnum):
    """How the steps are spread over workers."""

    WHOLE = "whole"  # every worker serves all steps, data goes on in memory
    SPLIT = "split"  # a worker for each step, artifacts through storage


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does."""

    jobs: int
    seed: int
    layout: Layout
    minutes: float = 20.0
    actions: tuple[Action, ...] = (Action.KILL, Action.STOP, Action.KILL_PARENT)
    at_random: bool = True
    has_skewed_clock: bool = True
    scripted: tuple[str, ...] = ()  # faults to do once each, in this order
    pause_s: float = 1.0  # between two faults of one lane


def alone(plan: Plan, fault: str, *, times: int = 14) -> Plan:
    """Plan one kind of fault, each after the recovery from the one before: its own cost."""
    quiet = {"actions": (), "at_random": False, "has_skewed_clock": False, "pause_s": 5.0}
    return replace(plan, **quiet, scripted=(fault,) * times)


@dataclass(slots=True)
class Outcome:
    """What a run found."""

    plan: Plan
    accepted: int
    took_s: float
    faults: list[Fault]
    never_reached: list[str]
    violations: dict[str, list[str]]
    recoveries: dict[str, float]
    lost: int
    doubled: int
    requests_again: int
    deliveries: int
    unsettled: dict[str, int]


def run(plan: Plan, folder: Path) -> Outcome:
    """Do a run in an empty folder."""
    began = time.monotonic()
    files = clip_files.make(folder)
    with system.opened(folder) as under_test, listening(plan.seed) as receiver:
        phone = Phone(start(under_test, plan), open_accounts(under_test, receiver))
        watcher, injector = Watcher(phone), injector_of(under_test, plan)
        arm(under_test, plan)
        watcher.start()
        injector.start()
        load(under_test, plan, phone, files)
        under_test.run_until(lambda: is_settled(under_test), within_s=SETTLE_WITHIN_S)
        injector.stop()
        under_test.run_until(injector.ended, within_s=60)
        never_reached = under_test.control.armed()
        under_test.control.disarm()
        under_test.run_until(lambda: is_settled(under_test), within_s=SETTLE_WITHIN_S)
        undone = unsettled(under_test)  # now: another deletion may be due any moment
        under_test.run_until(lambda: recovery.is_quiet(under_test), within_s=10)
        watcher.stop()
        injector.close()
        watcher.read_finals()
        evidence = Evidence(
            under_test,
            int(QUICK["TAILTREND_MAX_ATTEMPTS"]),
            phone.promises,
            watcher.seen,
            receiver.log,
        )
        faults = injector.faults + injector.boundary_faults()
        return Outcome(
            plan=plan,
            accepted=sum(len(promise.job_ids) for promise in phone.promises),
            took_s=time.monotonic() - began,
            faults=faults,
            never_reached=never_reached,
            violations=invariants.check(evidence),
            recoveries=recovery.worst(under_test, faults),
            lost=invariants.lost(evidence),
            doubled=invariants.doubled(evidence),
            requests_again=phone.asked_again,
            deliveries=len(receiver.log),
            unsettled=undone,
        )


def injector_of(under_test: System, plan: Plan) -> Injector:
    lanes = [Lane(list(plan.scripted), is_endless=False)]
    if plan.at_random:
        lanes += [Lane(list(table), is_endless=True) for table in (PROCESS_FAULTS, SERVER_FAULTS)]
    return Injector(under_test, lanes, seed=plan.seed, pause_s=plan.pause_s)


def start(under_test: System, plan: Plan) -> str:
    """Start API, workers, deliverer and a sweep of its own; give the API's URL."""
    under_test.start(under_test.api())
    under_test.stack.supervisor.wait_ready("api")
    under_test.start(*workers(under_test, plan), under_test.sweeper(), under_test.deliverer())
    return under_test.api_url


def workers(under_test: System, plan: Plan) -> list:
    if plan.layout is Layout.SPLIT:
        return [
            under_test.worker(f"worker-{step}-{number}", (step,), concurrency=1)
            for step in Step
            for number in (1, 2)
        ]
    programs = [under_test.worker("worker-1"), under_test.worker("worker-2")]
    if plan.has_skewed_clock:
        ahead = under_test.worker("worker-ahead", concurrency=1, CHAOS_SKEW_S=str(AHEAD_S))
        programs.append(ahead)
    return programs


def arm(under_test: System, plan: Plan) -> None:
    """Arm every boundary once for each action; to stop the API's process costs a minute, so not."""
    names = [*boundaries.OF_ONE_WORKER]
    if plan.layout is Layout.SPLIT:
        names = [name for name in names if not name.startswith("continue_to")]
        names += boundaries.OF_SPLIT_WORKERS
    for name in names:
        for action in plan.actions:
            under_test.control.arm(name, action)
    for name in boundaries.OF_THE_API if plan.actions else ():
        under_test.control.arm(name, Action.KILL)


def open_accounts(under_test: System, receiver: Receiver) -> list[Account]:
    """Open two accounts, each with a pet, a key and a webhook endpoint."""
    opened = []
    with Session(under_test.engine, expire_on_commit=False) as session, session.begin():
        for species in Species:
            account = accounts.create(session, f"chaos {species}")
            pet = pets.create(session, account.id, name="Rex", species=species)
            key = accounts.create_key(session, account.id, name="chaos")
            path = f"/{account.id}"
            endpoint = endpoints.create(session, account.id, url=receiver.url(path))
            receiver.secrets[path] = endpoint.secret
            opened.append(Account(key, str(pet.id), str(account.id)))
    return opened


@contextmanager
def listening(seed: int) -> Iterator[Receiver]:
    receiver = Receiver(seed=seed)
    receiver.start()
    yield receiver
    receiver.stop()


def load(under_test: System, plan: Plan, phone: Phone, files: dict) -> None:
    """Send the whole load, never far ahead of the workers, while faults go on."""
    chance = random.Random(plan.seed)
    intents = [client.draw(number, plan.jobs, files, chance) for number in range(plan.jobs)]
    deadline = time.monotonic() + plan.minutes * 60
    with ThreadPoolExecutor(PHONES) as pool:
        waiting = []
        for intent in intents:
            under_test.run_until(
                lambda: _has_room(under_test, waiting),
                within_s=max(deadline - time.monotonic(), 0),
            )
            if time.monotonic() > deadline:
                break
            waiting.append(pool.submit(_live, under_test, phone, intent))
        under_test.run_until(lambda: all(one.done() for one in waiting), within_s=300)
    for one in waiting:
        one.result()


def unsettled(under_test: System) -> dict[str, int]:
    """Count what is left to do: jobs, deletions, deliveries."""
    row = under_test.ask("""
        SELECT (SELECT count(*) FROM jobs WHERE finished_at IS NULL) AS jobs,
               (SELECT count(*) FROM deletions WHERE due_at < now()) AS deletions,
               (SELECT count(*) FROM deliveries WHERE state = 'pending') AS deliveries""")[0]
    return {name: count for name, count in row._mapping.items() if count}


def is_settled(under_test: System) -> bool:
    try:
        return not unsettled(under_test)
    except DBAPIError:
        return False


def _has_room(under_test: System, waiting: list) -> bool:
    if sum(not one.done() for one in waiting) >= PHONES:
        return False
    try:
        query = "SELECT count(*) AS n FROM jobs WHERE finished_at IS NULL"
        return under_test.ask(query)[0].n < MOST_WAITING
    except DBAPIError:
        return False


def _live(under_test: System, phone: Phone, intent: client.Intent) -> Promise:
    """Do all that one user does: upload, and perhaps think better of it."""
    promise = phone.fulfil(intent)
    if not promise.job_ids:
        return promise
    for after_s, act in (
        (intent.canceled_after_s, phone.cancel),
        (intent.deleted_after_s, phone.delete),
    ):
        if after_s is not None:
            threading.Event().wait(after_s)
            act(promise)
    return promise
