"""The real server: clients that are slow, refused, idle or still sending."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest

from api import server as config
from tests.api.serving import serving
from tests.factories import make_key


@pytest.mark.parametrize(
    "said",
    [
        "GET /live HTTP/1.1\r\nX: ",
        "POST /v1/pets HTTP/1.1\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n[",
    ],
)
def test_a_client_that_idles_in_the_middle_of_a_request_is_let_go(server, account, said):
    port, said = int(server.rpartition(":")[2]), said.format(key=make_key(account)).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(said)
        while client.recv(4096):
            pass


@pytest.mark.parametrize(
    "head",
    [
        "GET /live HTTP/1.1\r\nX: ",
        "POST /sign-in HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 90000\r\n\r\n",
    ],
)
def test_a_client_that_sends_a_byte_now_and_then_is_let_go_as_well(server, head):
    with connected(server) as client:
        client.sendall(head.encode())
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            send_slowly(client, for_s=10)


def send_slowly(client, *, for_s):
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        client.sendall(b"a")
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("query", "header", "status", "code"),
    [
        ("", "x" * 9000, 431, "headers_too_large"),
        ("?" + "x" * 5000, "x", 414, "uri_too_long"),
        ("", "\0", 400, "malformed_request"),
    ],
)
def test_what_never_becomes_a_request_is_refused_with_a_problem(
    server, query, header, status, code
):
    request = urllib.request.Request(f"{server}/live{query}", headers={"X-Odd": header})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as answer:
        said = json.load(answer)
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.code, said["status"], said["code"]) == (status, status, code)


# --- connections -----------------------------------------------------------------------------


def ask(client, head, body=b""):
    """Send a request as it is; give its answer's status and `Connection`."""
    client.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    with client.makefile("rb") as answer:
        status = int(answer.readline().split()[1])
        said = dict(line.rstrip().split(b": ", 1) for line in iter(answer.readline, b"\r\n"))
        answer.read(int(said[b"Content-Length"]))
    return status, said[b"Connection"].decode()


def connected(server):
    return socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2])), timeout=10)


POST = "POST /v1/pets HTTP/1.1\nHost: x\nAuthorization: Bearer {key}"
CHUNK = b"30d40\r\n" + bytes(0x30D40) + b"\r\n"


@pytest.mark.parametrize(
    ("key", "length", "status"),
    [
        ("", "Content-Length: 200000", 413),
        ("wrong", "Transfer-Encoding: chunked", 401),
        ("wrong", "Content-Length: 200000", 401),
    ],
)
def test_an_answer_to_a_body_that_nobody_reads_says_that_it_ends_the_connection(
    server, account, key, length, status
):
    head = POST.format(key=key or make_key(account)) + f"\n{length}"
    with connected(server) as client:
        assert ask(client, head, CHUNK) == (status, "close")
        assert client.recv(1) == b""


def test_an_answer_to_a_small_body_that_nobody_reads_keeps_the_connection(server):
    head = POST.format(key="wrong") + "\nContent-Length: 1000"
    with connected(server) as client:
        assert ask(client, head, bytes(1000)) == (401, "keep-alive")
        assert ask(client, "GET /live HTTP/1.1\nHost: x") == (200, "keep-alive")


def test_a_server_that_stops_does_not_wait_for_connections_that_idle(servers):
    with serving(servers) as (process, port), connected(f":{port}") as kept:
        assert ask(kept, "GET /live HTTP/1.1\nHost: x") == (200, "keep-alive")
        process.send_signal(signal.SIGTERM)
        started_at = time.monotonic()
        assert process.wait(20) == 0
    assert time.monotonic() - started_at < config.graceful_timeout


def test_the_server_logs_one_json_object_a_line_where_that_is_asked_for(servers, capfd):
    with (
        serving(servers | {"TAILTREND_LOG_JSON": "true"}) as (process, port),
        connected(f":{port}"),
    ):
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    events = [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()]
    assert any(event.startswith("Listening at") for event in events)
