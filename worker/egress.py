"""The only way out to addresses that customers choose: one POST to a public address, or none.

The name is resolved once and refused if any of its addresses is not public; the socket goes to an
address that was looked at, while Host, SNI and the certificate check keep the name. No redirect is
followed, no proxy is asked, and what is answered is neither kept nor logged.
"""

import contextlib
import functools
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult

from shared import addresses
from shared.errors import TailTrendError

LIMIT_S = 5.0  # for everything together: name, connection, TLS, sending, answer
MOST_ANSWER_BYTES = 1 << 16
MOST_ADDRESSES = 4
PORTS = {"http": 80, "https": 443}

Resolver = Callable[..., list[tuple[Any, ...]]]  # as socket.getaddrinfo

# getaddrinfo knows no time limit: one that hangs keeps a thread of these, not one that sends.
_resolving = ThreadPoolExecutor(max_workers=32, thread_name_prefix="resolve")


class SendFailed(TailTrendError):
    """No answer came."""

    code = "connection_failed"


class AddressRefused(SendFailed):
    """The name leads to an address that is not public."""

    code = "address_refused"


class NameNotFound(SendFailed):
    """The name leads nowhere."""

    code = "name_not_found"


class TookTooLong(SendFailed):
    """The answer did not come in time."""

    code = "timeout"


class TlsFailed(SendFailed):
    """No trusted connection could be made to the name."""

    code = "tls_failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered, as far as it matters."""

    status: int
    retry_after_s: float


def post(
    url: SplitResult,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
    limit_s: float = LIMIT_S,
    resolver: Resolver = socket.getaddrinfo,
) -> Answer:
    """Send one request and read the status of its answer. Raises SendFailed."""
    deadline = time.monotonic() + limit_s
    host, port = url.hostname or "", url.port or PORTS[url.scheme]
    found = resolve(host, port, deadline=deadline, resolver=resolver)
    if not allow_private and not all(addresses.is_public(one) for one in found):
        raise AddressRefused
    try:
        with _connection(found, port, deadline) as connected:
            if url.scheme == "https":
                connected.sock = _trust().wrap_socket(connected.sock, server_hostname=host)
            _send(connected, url, body, headers)
            return _answer(connected, deadline)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _failure(error, deadline) from error


def resolve(host: str, port: int, *, deadline: float, resolver: Resolver) -> list[str]:
    """Give the addresses of a name, asking once. Raises NameNotFound, TookTooLong."""
    asked = _resolving.submit(resolver, host, port, type=socket.SOCK_STREAM)
    try:
        found = asked.result(timeout=max(deadline - time.monotonic(), 0))
    except NotInTime as error:
        asked.cancel()
        raise TookTooLong from error
    except (OSError, UnicodeError) as error:
        raise NameNotFound from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@contextmanager
def _connection(
    found: list[str], port: int, deadline: float
) -> Iterator[http.client.HTTPConnection]:
    """Keep a connection to an address that was looked at, shut down at the deadline.

    Timeouts bound each wait, not their sum: a byte every four seconds would never end.
    """
    sock = _connect(found, port, deadline)
    with sock.dup() as same:  # it stays valid when TLS takes `sock` over
        cut = threading.Timer(max(deadline - time.monotonic(), 0), _shut_down, [same])
        cut.start()
        connected = http.client.HTTPConnection(found[0], port)
        connected.sock = sock
        try:
            yield connected
        finally:
            cut.cancel()
            cut.join()
            connected.close()


def _connect(found: list[str], port: int, deadline: float) -> socket.socket:
    """Connect to the first address that lets us, each getting its share of the time."""
    shown = found[:MOST_ADDRESSES]
    error = OSError("no address")
    for tried, address in enumerate(shown):
        left_s = (deadline - time.monotonic()) / (len(shown) - tried)
        try:
            return socket.create_connection((address, port), timeout=max(left_s, 0.001))
        except OSError as refused:
            error = refused
    raise error


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _send(
    connected: http.client.HTTPConnection, url: SplitResult, body: bytes, headers: Mapping[str, str]
) -> None:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connected.request("POST", target, body, {"Host": url.netloc, "Connection": "close", **headers})


def _answer(connected: http.client.HTTPConnection, deadline: float) -> Answer:
    answer = connected.getresponse()
    if time.monotonic() >= deadline:
        raise TimeoutError  # headers that were cut off read as headers that ended
    # A receiver that is still writing should not see its connection reset; the status has come.
    with contextlib.suppress(OSError, http.client.HTTPException):
        answer.read(MOST_ANSWER_BYTES)
    return Answer(answer.status, _seconds(answer.getheader("Retry-After", "")))


def _seconds(retry_after: str) -> float:
    """Read a Retry-After, in seconds or as a date; 0 when there is none."""
    if retry_after.strip().isdecimal():
        return float(retry_after[:9])
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError, IndexError):  # whatever a hostile header makes of the parser
        return 0
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0)


def _failure(error: Exception, deadline: float) -> SendFailed:
    if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
        return TookTooLong()
    return TlsFailed() if isinstance(error, ssl.SSLError) else SendFailed()
