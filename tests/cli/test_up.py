import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from cli.localstack import ports
from tests.cli import processes

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "cli", "up"]


ENDS_POSTGRES = """
import os, signal, psutil
from cli import schema
from cli.main import main

upgrade = schema.upgrade

def end_postgres_and_upgrade():
    schema.upgrade = upgrade
    postgres = [one for one in psutil.Process().children(True) if one.name() == "postgres"]
    first = min(postgres, key=lambda one: one.create_time())
    os.kill(first.pid, signal.SIGKILL)
    psutil.wait_procs(postgres, timeout=10)
    upgrade()

schema.upgrade = end_postgres_and_upgrade
main()
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("up") / "state of mine"


@pytest.fixture(scope="module")
def port():
    return ports.pick(excluded=set())


@contextmanager
def started(state, port, command=COMMAND):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TAILTREND_")}
    argv = [*command, "--state", str(state), "--port", str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, cwd=ROOT, env=environment, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def refusal(state, port):
    with started(state, port) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert not out
    assert "Traceback" not in err
    return err.splitlines()[-1]


def status(url, path, key=None):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def running(state, port):
    with started(state, port) as process:
        line = process.stdout.readline()
        if not line:
            pytest.fail(process.communicate()[1])
        ready, process.url, process.key = line.split()
        assert ready == "ready"
        yield process


def test_the_ready_line_gives_an_api_that_serves_with_the_key(running, port):
    assert running.url == f"http://127.0.0.1:{port}"
    assert status(running.url, "/ready") == 200
    assert status(running.url, "/v1/pets", running.key) == 200
    assert status(running.url, "/v1/pets") == 401


def test_the_stack_file_describes_the_run_and_only_its_owner_reads_it(running, state):
    file = state / "stack.json"
    told = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert told["api_url"] == running.url
    assert told["api_key"] == running.key
    started = {"api", "worker", "deliverer", "postgres", "valkey", "swift-objects"}
    assert told["pids"].keys() >= started
    with psycopg.connect(told["database_url"].replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (1,)


def test_nothing_but_127_0_0_1_listens(running, state):
    addresses = {
        connection.laddr.ip
        for process in processes.of(state).values()
        for connection in process.net_connections(kind="tcp")
        if connection.status == "LISTEN"
    }
    assert addresses == {"127.0.0.1"}


def test_psql_asks_the_running_database(running, state):
    argv = [*COMMAND[:-1], "psql", "--state", str(state), "--", "-Atc", "SELECT name FROM accounts"]
    asked = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(asked.stdout.splitlines()) == 1


def test_psql_says_in_a_sentence_that_nothing_runs(tmp_path):
    argv = [*COMMAND[:-1], "psql", "--state", str(tmp_path)]
    asked = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 2
    assert asked.stderr == f"Nothing runs in {tmp_path}; start it with `tailtrend up`.\n"


def test_a_second_up_on_the_same_state_is_refused(running, state, port):
    sentence = refusal(state, ports.pick(excluded={port}))
    assert sentence.endswith(f"is in use by another `tailtrend up` (process {running.pid}).")


def test_a_taken_port_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert f"Port {taken} is taken" in refusal(tmp_path, taken)


@pytest.mark.parametrize("name", ["worker", "api"])
def test_what_is_killed_comes_back(running, state, name):
    def pid():
        return json.loads((state / "stack.json").read_text())["pids"].get(name)

    before = pid()
    os.kill(before, signal.SIGKILL)
    processes.wait_until(lambda: pid() not in (None, before))
    processes.wait_until(lambda: before not in processes.of(state))


def test_sigterm_stops_everything_within_ten_seconds_and_a_new_start_keeps_the_key(
    running, state, port
):
    began = time.monotonic()
    running.terminate()
    assert running.wait(timeout=15) == 0
    assert time.monotonic() - began < 10
    assert not processes.of(state)
    assert not (state / "stack.json").exists()
    with started(state, port) as again:
        assert again.stdout.readline() == f"ready {running.url} {running.key}\n"
    processes.wait_until(lambda: not processes.of(state), within_s=3)


@pytest.mark.parametrize("sign", ["logs/initdb.log", "logs/api.log"])
def test_a_kill_during_the_first_start_leaves_no_orphan_and_can_be_repeated(tmp_path, port, sign):
    with started(tmp_path / "state", port):
        processes.wait_until((tmp_path / "state" / sign).exists)
    processes.wait_until(lambda: not processes.of(tmp_path / "state"), within_s=3)


def test_a_database_that_ends_after_it_answered_is_waited_for(tmp_path, port):
    command = [sys.executable, "-c", ENDS_POSTGRES, "up"]
    with started(tmp_path / "state", port, command) as process:
        assert process.stdout.readline().startswith("ready ")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert "postgres ended" in err


def test_a_signal_during_the_start_stops_it(tmp_path, port):
    with started(tmp_path / "state", port) as process:
        processes.wait_until((tmp_path / "state/logs/initdb.log").exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    assert not processes.of(tmp_path / "state")


def test_a_database_of_a_newer_version_is_refused(state, port):
    from cli.localstack.stack import Stack

    with Stack(state) as stack:
        url = stack.start_servers(broker=False, storage=False).database_url
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer version of TailTrend (schema 9999)" in refusal(state, port)
