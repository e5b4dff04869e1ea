import os
import socket
import stat

import boto3
import psutil
import psycopg
import pytest
import redis
from botocore.config import Config

from cli.localstack import ports, state
from cli.localstack.errors import CannotStart
from cli.localstack.stack import Stack
from tests.cli import processes

SERVERS = {"postgres", "valkey", "swift-index", "swift-objects"}


def connect(servers):
    return psycopg.connect(servers.database_url.replace("+psycopg", ""), autocommit=True)


def bucket(servers):
    return boto3.resource(
        "s3",
        endpoint_url=servers.s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=servers.s3_access_key,
        aws_secret_access_key=servers.s3_secret_key,
        config=Config(s3={"addressing_style": "path"}, connect_timeout=2, read_timeout=10),
    ).Bucket(servers.s3_bucket)


def write(servers):
    with connect(servers) as connection:
        connection.execute("CREATE TABLE pets AS SELECT 'Rex' AS name")
    with redis.Redis.from_url(servers.broker_url) as client:
        client.rpush("extract", "job 1")
    bucket(servers).put_object(Key="clips/a b.mp4", Body=b"frames", Metadata={"pet": "rex"})


def assert_written(servers):
    with connect(servers) as connection:
        assert connection.execute("SELECT name FROM pets").fetchone() == ("Rex",)
    with redis.Redis.from_url(servers.broker_url) as client:
        assert client.lrange("extract", 0, -1) == [b"job 1"]
    found = bucket(servers).Object("clips/a b.mp4").get()
    assert found["Body"].read() == b"frames"
    assert found["Metadata"] == {"pet": "rex"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("localstack") / "a state with spaces, 100% 'odd'"


@pytest.fixture(scope="module")
def stack(directory):
    """The servers, stopped and started once with data in them."""
    with Stack(directory) as stack:
        write(stack.start_servers())
    with Stack(directory) as stack:
        stack.servers = stack.start_servers()
        yield stack


def test_data_survives_a_restart(stack):
    assert_written(stack.servers)


def test_nothing_but_127_0_0_1_listens(stack, directory):
    found = [
        connection.laddr.ip
        for process in processes.of(directory).values()
        for connection in process.net_connections(kind="all")
        if connection.status == psutil.CONN_LISTEN or connection.family == socket.AF_UNIX
    ]
    assert set(found) == {"127.0.0.1"}
    assert len(found) == len(stack.state.record.ports)


def test_no_command_line_and_no_log_holds_a_password(stack, directory):
    record = stack.state.record
    secrets = [record.postgres_password, record.valkey_password, record.swift_secret]
    shown = [" ".join(process.cmdline()) for process in processes.of(directory).values()]
    shown += [log.read_text(errors="replace") for log in (directory / "logs").iterdir()]
    assert len(shown) > 2 * len(SERVERS)
    assert not [text for text in shown if any(secret in text for secret in secrets)]


def test_the_state_is_closed_to_others(stack, directory):
    for path in [directory, *directory.iterdir(), *(directory / "logs").iterdir()]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    for path in (directory / "swift").rglob("*.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_wrong_passwords_are_refused(stack):
    servers = stack.servers
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(servers.database_url.replace("+psycopg", ""), password="wrong")
    with (
        pytest.raises(redis.AuthenticationError),
        redis.Redis(port=stack.state.record.ports["valkey"], password="wrong") as client,
    ):
        client.ping()


def test_data_survives_the_sigkill_of_every_server(stack):
    before = stack.supervisor.pids()
    assert set(before) == SERVERS
    for pid in before.values():
        os.kill(pid, 9)

    def all_new():
        stack.supervisor.watch()
        now = stack.supervisor.pids()
        return set(now) == SERVERS and not set(now.values()) & set(before.values())

    processes.wait_until(all_new)
    stack.supervisor.wait_ready(*SERVERS)
    assert_written(stack.servers)


def test_a_second_stack_on_the_same_state_is_refused(stack, directory, monkeypatch):
    monkeypatch.setattr(state, "LOCK_WAIT_S", 0)
    with pytest.raises(CannotStart, match=f"in use by .*process {os.getpid()}"), Stack(directory):
        pass


def test_a_start_that_was_interrupted_is_made_good(tmp_path):
    with Stack(tmp_path):
        (tmp_path / "postgres.new").mkdir()
        (tmp_path / "postgres.new" / "PG_VERSION").write_text("1")
    with Stack(tmp_path) as stack:
        servers = stack.start_servers(broker=False, storage=False)
        with connect(servers) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not (tmp_path / "postgres.new").exists()


def test_closing_leaves_no_process(tmp_path):
    with Stack(tmp_path) as stack:
        stack.start_servers(database=False, storage=False)
        assert processes.of(tmp_path)
    assert not processes.of(tmp_path)


def test_taken_ports_are_picked_anew_and_the_others_kept(tmp_path):
    with Stack(tmp_path) as stack:
        stack.state.choose_ports(["postgres", "valkey"])
        first = stack.state.record.ports
    with socket.create_server(("127.0.0.1", first["postgres"])), Stack(tmp_path) as stack:
        stack.state.choose_ports(["postgres", "valkey"])
        assert stack.state.record.ports["valkey"] == first["valkey"]
        assert stack.state.record.ports["postgres"] != first["postgres"]


def test_a_listening_port_is_not_free():
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def refusal(path):
    with pytest.raises(CannotStart) as caught, Stack(path):
        pass
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_a_damaged_state_file_is_refused(tmp_path):
    with Stack(tmp_path):
        pass
    (tmp_path / "local.json").write_text("{}")
    assert "damaged" in refusal(tmp_path)


def test_data_without_its_passwords_is_refused(tmp_path):
    with Stack(tmp_path):
        (tmp_path / "postgres").mkdir()
    (tmp_path / "local.json").unlink()
    assert "local.json is missing" in refusal(tmp_path)


def test_a_directory_of_somebody_else_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").touch()
    tmp_path.chmod(0o755)
    assert "neither empty nor a state directory" in refusal(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_full_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "FREE_NEEDED_MB", 10**12)
    assert "is full" in refusal(tmp_path)


@pytest.mark.parametrize("place", ["/sys/tailtrend", "/proc/version/tailtrend"])
def test_a_place_that_cannot_be_written_is_refused(place):
    from pathlib import Path

    assert f"Cannot use {place}" in refusal(Path(place))
