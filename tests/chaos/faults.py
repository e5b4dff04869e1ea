"""The catalogue of faults: each does one harm to a running system and tells whom it hit.

Processes are hit by signals, the broker by its own commands; what has to happen inside a process
is armed in `control.py`. A fault takes the system and a random generator, nothing else.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from shared.queue import Queue
from tests.chaos.control import Flag
from tests.chaos.system import LEASE_S, System
from tests.waiting import eventually

PAST_THE_LEASE_S = LEASE_S + 1.5
STALL_S = 3.0
RESTART_WITHIN_S = 60.0


@dataclass(slots=True)
class Fault:
    """One harm: what, to whom, from when to when (seconds since the epoch)."""

    kind: str
    pids: list[int] = field(default_factory=list)
    at: float = field(default_factory=time.time)
    over_at: float = 0.0


HOLDS = """
SELECT FROM step_attempts
 WHERE finished_at IS NULL AND split_part(worker, ':', 2) = ANY (CAST(:pids AS text[]))
"""

Harm = Callable[[System, random.Random], list[int]]


def inflict(name: str, harm: Harm, system: System, chance: random.Random) -> Fault | None:
    """Do one harm; None when there was nobody to do it to."""
    fault = Fault(name)
    try:
        fault.pids = harm(system, chance)
    except (ProcessLookupError, RedisError, LookupError, DBAPIError):
        return None
    fault.over_at = time.time()
    return fault


# --- processes -------------------------------------------------------------------------------


def kill_worker_main(system: System, chance: random.Random) -> list[int]:
    workers = system.named("worker")
    name = chance.choice([one for one in workers if _holds_a_job(system, one)] or workers)
    pids = [system.stack.supervisor.pids()[name], *system.pool_of(name)]
    os.kill(pids[0], signal.SIGKILL)
    return pids


def _holds_a_job(system: System, worker: str) -> bool:
    pids = [str(pid) for pid in system.pool_of(worker)]
    return bool(system.ask(HOLDS, pids=pids))


def kill_pool_process(system: System, chance: random.Random) -> list[int]:
    pid = chance.choice(system.pool_of(chance.choice(system.named("worker"))))
    os.kill(pid, signal.SIGKILL)
    return [pid]


def kill_sandbox(system: System, chance: random.Random) -> list[int]:
    os.kill(chance.choice(system.sandboxes()), signal.SIGKILL)
    return []


def kill_gunicorn_worker(system: System, chance: random.Random) -> list[int]:
    os.kill(chance.choice(system.pool_of("api")), signal.SIGKILL)
    return []


def kill_api(system: System, chance: random.Random) -> list[int]:
    os.kill(system.stack.supervisor.pids()["api"], signal.SIGKILL)
    return []


def kill_sweeper(system: System, chance: random.Random) -> list[int]:
    os.kill(system.stack.supervisor.pids()["sweeper"], signal.SIGKILL)
    return []


def terminate_worker(system: System, chance: random.Random) -> list[int]:
    os.kill(system.stack.supervisor.pids()[chance.choice(system.named("worker"))], signal.SIGTERM)
    return []


def stop_worker_main(system: System, chance: random.Random) -> list[int]:
    return _stop(system.stack.supervisor.pids()[chance.choice(system.named("worker"))])


def stop_pool_process(system: System, chance: random.Random) -> list[int]:
    return _stop(chance.choice(system.pool_of(chance.choice(system.named("worker")))))


def stop_sandbox(system: System, chance: random.Random) -> list[int]:
    _stop(chance.choice(system.sandboxes()))
    return []


def stop_gunicorn_worker(system: System, chance: random.Random) -> list[int]:
    _stop(chance.choice(system.pool_of("api")))
    return []


def stop_sweeper(system: System, chance: random.Random) -> list[int]:
    _stop(system.stack.supervisor.pids()["sweeper"])
    return []


# --- servers ---------------------------------------------------------------------------------


def kill_broker(system: System, chance: random.Random) -> list[int]:
    return _kill_server(system, "valkey")


def kill_postgres(system: System, chance: random.Random) -> list[int]:
    return _kill_server(system, "postgres")


def kill_storage(system: System, chance: random.Random) -> list[int]:
    return _kill_server(system, chance.choice(system.named("swift")))


def stall_broker(system: System, chance: random.Random) -> list[int]:
    _stop(system.stack.supervisor.pids()["valkey"], STALL_S)
    return []


def stall_storage(system: System, chance: random.Random) -> list[int]:
    _stop(system.stack.supervisor.pids()[chance.choice(system.named("swift"))], STALL_S)
    return []


def wipe_broker(system: System, chance: random.Random) -> list[int]:
    with broker(system) as client:
        client.flushall()
    return []


def pause_broker(system: System, chance: random.Random) -> list[int]:
    with broker(system) as client:
        client.execute_command("CLIENT", "PAUSE", int(STALL_S * 1000), "ALL")
    return []


def cut_broker_connections(system: System, chance: random.Random) -> list[int]:
    with broker(system) as client:
        for kind in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    return []


# --- messages --------------------------------------------------------------------------------


def drop_messages(system: System, chance: random.Random) -> list[int]:
    return _edit(system, lambda messages: [one for one in messages if chance.random() < 0.5])


def double_messages(system: System, chance: random.Random) -> list[int]:
    return _edit(system, lambda messages: [one for one in messages for _ in range(2)])


def reorder_messages(system: System, chance: random.Random) -> list[int]:
    return _edit(system, lambda messages: chance.sample(messages, len(messages)))


# --- machines --------------------------------------------------------------------------------


def fill_disk(system: System, chance: random.Random) -> list[int]:
    system.control.set(Flag.DISK_FULL)
    try:
        time.sleep(STALL_S)
    finally:
        system.control.clear(Flag.DISK_FULL)
    return []


PROCESS_FAULTS: dict[str, Harm] = {
    "SIGKILL worker": kill_worker_main,
    "SIGKILL pool process": kill_pool_process,
    "SIGKILL sandbox": kill_sandbox,
    "SIGKILL gunicorn worker": kill_gunicorn_worker,
    "SIGKILL gunicorn": kill_api,
    "SIGKILL sweeper": kill_sweeper,
    "SIGTERM worker": terminate_worker,
    "SIGSTOP worker past the lease": stop_worker_main,
    "SIGSTOP pool process past the lease": stop_pool_process,
    "SIGSTOP sandbox past the lease": stop_sandbox,
    "SIGSTOP gunicorn worker": stop_gunicorn_worker,
    "SIGSTOP sweeper": stop_sweeper,
}
SERVER_FAULTS: dict[str, Harm] = {
    "SIGKILL broker": kill_broker,
    "SIGKILL Postgres": kill_postgres,
    "SIGKILL a Swift process": kill_storage,
    "SIGSTOP broker": stall_broker,
    "SIGSTOP a Swift process": stall_storage,
    "FLUSHALL": wipe_broker,
    "CLIENT PAUSE": pause_broker,
    "CLIENT KILL": cut_broker_connections,
    "messages dropped": drop_messages,
    "messages doubled": double_messages,
    "messages reordered": reorder_messages,
    "disk full": fill_disk,
}
FAULTS = PROCESS_FAULTS | SERVER_FAULTS


@contextmanager
def broker(system: System) -> Iterator[Redis]:
    """Open a connection of the injector's own."""
    url = system.environment["TAILTREND_BROKER_URL"]
    with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2) as client:
        yield client


def _stop(pid: int, seconds: float = PAST_THE_LEASE_S) -> list[int]:
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    return [pid]


def _kill_server(system: System, name: str) -> list[int]:
    """Kill a server and wait until the supervisor's new one has another pid."""
    before = system.stack.supervisor.pids()[name]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: system.pid(name) not in (None, before), within_s=RESTART_WITHIN_S)
    return []


def _edit(system: System, change: Callable[[list[bytes]], list[bytes]]) -> list[int]:
    """Replace the messages of every queue at once."""
    with broker(system) as client:
        for queue in Queue:
            messages = client.lrange(queue, 0, -1)
            with client.pipeline(transaction=True) as pipeline:
                pipeline.delete(queue)
                if changed := change(messages):
                    pipeline.rpush(queue, *changed)
                pipeline.execute()
    return []
