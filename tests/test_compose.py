"""The split deployment, as far as it can be checked without an engine."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from api import server
from cli import pins
from shared import db
from shared.db import transaction
from shared.queue import Queue
from shared.settings import Settings

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
FOREIGN = [name for name in SERVICES if name not in OURS]
CLOSED_PORT_URL = "postgresql+psycopg://nobody:none@127.0.0.1:9/none"


def module_of(command):
    return command[command.index("-m") + 1] if "-m" in command else "cli.__main__"


def queues_of(name):
    command = SERVICES[name]["command"]
    text = command[command.index("-Q") + 1] if "-Q" in command else ""
    return set(re.sub(r"\$\{\w+:-(.*)\}", r"\1", text).split(",")) - {""}


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_there_to_be_run(name):
    command = SERVICES[name]["command"]
    assert find_spec(module_of(command))
    if "-A" in command:
        assert find_spec(command[command.index("-A") + 1])
    if "-c" in command:
        assert find_spec(command[command.index("-c") + 1].removeprefix("python:"))


def test_the_workers_without_profiles_serve_every_queue():
    served = set().union(*(queues_of(n) for n in OURS if "profiles" not in SERVICES[n]))
    assert served == set(Queue)


def test_a_gpu_worker_serves_encode_alone_in_one_process_with_threads():
    command = SERVICES["worker-gpu"]["command"]
    assert queues_of("worker-gpu") == {Queue.ENCODE}  # the decoder's child is not for threads
    assert command[command.index("--pool") + 1] == "threads"
    assert SERVICES["worker-gpu"]["environment"]["TAILTREND_DEVICE"] == "cuda:0"


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name):
    known = {f"TAILTREND_{field.upper()}" for field in Settings.model_fields}
    assert set(SERVICES[name]["environment"]) <= known


@pytest.mark.parametrize("name", OURS)
def test_a_setting_in_the_env_file_reaches_every_part(name):
    """Compose itself reads the file for `${...}` only."""
    assert SERVICES[name]["env_file"] == [{"path": ".env", "required": False}]


def test_no_secret_has_a_default():
    text = (ROOT / "compose.yaml").read_text()
    for secret in ("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "TAILTREND_S3_SECRET_KEY"):
        uses = re.findall(rf"\$\{{{secret}[^}}]*\}}", text)
        assert uses
        assert all(":?" in use for use in uses)


def test_nothing_but_the_api_is_published_and_only_on_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000:8000"]}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_locked_down(name):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["mem_limit"]
    dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
    assert re.search(r"^USER (?!0|root)\S+", dockerfile, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "prepare"])
def test_a_container_has_a_health_check_and_time_to_stop(name):
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["stop_grace_period"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_log_grows_for_ever(name):
    assert SERVICES[name]["logging"] == {"driver": "local"}


@pytest.mark.parametrize("name", FOREIGN)
def test_an_image_names_its_version_and_no_registry(name):
    image, _, version = SERVICES[name]["image"].partition(":")
    assert version
    assert "." not in image


@pytest.mark.parametrize("file", ["api.Dockerfile", "worker.Dockerfile"])
def test_what_a_dockerfile_copies_exists_and_is_not_ignored(file):
    kept = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    for line in re.findall(r"^COPY (.+) \S+$", (ROOT / file).read_text(), re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists()
            assert source.split("/")[0] in kept


def test_postgres_has_connections_for_four_api_containers_and_all_else():
    (given,) = re.findall(r"max_connections=(\d+)", " ".join(SERVICES["postgres"]["command"]))
    others = sum(name not in ("prepare", "api") for name in OURS)
    assert int(given) >= (4 * server.workers + others) * db.MOST_CONNECTIONS


@pytest.mark.parametrize("file", ["api.Dockerfile", "worker.Dockerfile"])
@pytest.mark.parametrize(("fails", "builds"), [("pip", False), ("python", True)])
def test_an_image_needs_its_packages_and_not_that_each_file_of_them_compiles(
    tmp_path, file, fails, builds
):
    """`compileall` ends with 1 over the pinned mediapipe and torch, whose tests are no 3.11."""
    for program in ("pip", "python"):
        (tmp_path / program).write_text(f"#!/bin/sh\nexit {int(program == fails)}\n")
        (tmp_path / program).chmod(0o755)
    (line,) = re.findall(r"^RUN (.*compileall.*)$", (ROOT / file).read_text(), re.MULTILINE)
    run = subprocess.run(["/bin/sh", "-c", line], env={"PATH": str(tmp_path)})
    assert (run.returncode == 0) == builds


def test_every_volume_and_network_is_declared():
    for service in SERVICES.values():
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert named <= set(COMPOSE["volumes"])
        assert set(service["networks"]) <= set(COMPOSE["networks"])


def test_the_pins_of_the_api_are_what_its_extra_needs():
    assert (ROOT / "requirements-api.lock").read_text().splitlines() == pins.pins("api")


API_ALONE = """
import importlib.metadata, sys
from packaging.utils import canonicalize_name
pinned = {canonicalize_name(line.partition("==")[0]) for line in open("requirements-api.lock")}
of_module = importlib.metadata.packages_distributions()

class OnlyPinned:
    def find_spec(self, name, path=None, target=None):
        owners = {canonicalize_name(one) for one in of_module.get(name.partition(".")[0], [])}
        if owners - {"tailtrend"} and not owners & pinned:
            raise ModuleNotFoundError(f"{name} is not in requirements-api.lock", name=name)
        if name == "worker":
            raise ModuleNotFoundError("the API's image has no worker", name=name)

sys.meta_path.insert(0, OnlyPinned())
import api.app, api.server, cli.health
api.app.create_app()
"""


def test_the_api_starts_with_nothing_but_its_pins():
    done = subprocess.run([sys.executable, "-c", API_ALONE], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def check_health(part, **environment):
    command = SERVICES[part]["healthcheck"]["test"][1:]
    command = [sys.executable if each == "python" else each for each in command]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def nothing_waits(servers):
    """Take away what other tests left queued: on a slow day it has waited for too long."""
    with transaction() as session:
        session.execute(text("DELETE FROM outbox"))
        session.execute(text("TRUNCATE accounts CASCADE"))


@pytest.mark.parametrize("part", ["worker-cpu", "deliverer", "sweeper"])
def test_a_health_check_is_content_with_an_empty_backlog(part, servers, nothing_waits):
    assert check_health(part, **servers).returncode == 0


def test_a_health_check_does_not_blame_a_worker_for_an_absent_database():
    assert check_health("worker-cpu", TAILTREND_DATABASE_URL=CLOSED_PORT_URL).returncode == 0


def test_a_health_check_finds_that_no_api_answers():
    done = check_health("api")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
