"""What gunicorn reads (`-c python:api.server`): processes, limits, patience with slow clients."""

import contextlib
import errno
import json
import logging
import socket
import struct
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http import parser
from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from api import throttle
from api.errors import OF_THE_SERVER, document, status_of
from api.watch import watch
from shared import db, queue, storage
from shared.errors import RequestMalformed, TailTrendError
from shared.memory import share_arenas, spare_what_is_loaded
from shared.settings import settings

wsgi_app = "api.app:create_app()"
preload_app = True  # read once: the processes share it, and one that is killed is replaced at once
worker_class = "api.server.Worker"
logger_class = "api.server.Log"
workers = 2
threads = 32  # of a process; settings().poll_waiters of them may wait for jobs
graceful_timeout = 4
limit_request_line = 4094  # bytes
limit_request_fields = 64
limit_request_field_size = 8190  # bytes

# A connection that waits for its next request holds no thread. Longer than the minute after which
# proxies let go of theirs: whoever closes first never finds a request on a closed connection.
keepalive = 75  # seconds

FIRST_BYTE_S = 2.0  # of a connection that has said nothing yet; such count against those accepted
PASSED_OVER_BYTES = 64 * 1024  # of a body that nobody read; above, gunicorn closes the connection
MOST_LINGERING = 64
LEAST_BYTES_A_S = 1000  # of a client in the middle of a request, while we wait for it


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gthread, in which a client that keeps an answered connection open delays nobody.

    gunicorn 27.0.1 waits for each such client up to two seconds, and does so in the one loop that
    all connections of the process need: 24 of them made it deaf for 48 s.
    """

    def finish_request(self, connection: TConn, done: "Future[Any]") -> None:
        connection.close = partial(close, connection)
        super().finish_request(connection, done)
        if self.pending_conns and self.pending_conns[-1] is connection:
            connection.timeout = time.monotonic() + FIRST_BYTE_S


class Log(Logger):  # type: ignore[misc]
    """gunicorn's lines as everybody else's: JSON, where that is asked for."""

    def setup(self, chosen: Any) -> None:  # noqa: ANN401
        super().setup(chosen)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Reader(SocketUnreader):  # type: ignore[misc]
    """Reads from a client that may keep a thread waiting for as long as what it sends is worth.

    A byte now and then would never be silent for long: 64 such clients made the API deaf for hours.
    """

    waited_s, received = 0.0, 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        asked_at = time.monotonic()
        data: bytes = super().chunk(size_hint)
        self.waited_s += time.monotonic() - asked_at
        self.received += len(data)
        if self.waited_s > settings().request_idle_s + self.received / LEAST_BYTES_A_S:
            raise BlockingIOError(errno.EAGAIN, "the client is too slow")  # as one that is silent
        return data


parser.SocketUnreader = Reader

_lingering = threading.BoundedSemaphore(MOST_LINGERING)


def close(connection: TConn, graceful: bool = False) -> None:
    """Say goodbye at once, and listen to what the client still sends on a thread of its own."""
    if not graceful or not _lingering.acquire(blocking=False):
        util.close(connection.sock)
        return
    with contextlib.suppress(OSError):
        connection.sock.shutdown(socket.SHUT_WR)
    threading.Thread(target=_linger, args=[connection], daemon=True).start()


def _linger(connection: TConn) -> None:
    try:
        util.close_graceful(connection.sock)
    finally:
        _lingering.release()


def write_problem(sock: socket.socket, status: int, _reason: str, _message: str) -> None:
    """Refuse what never becomes a request of the application as the application refuses."""
    kind = next((one for one in OF_THE_SERVER if status_of(one) == status), RequestMalformed)
    known = status_of(kind)
    body = json.dumps(document(known, kind.code, kind().detail)).encode()
    head = (
        f"HTTP/1.1 {known:d} {known.phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode() + body)


util.write_error = write_problem  # gunicorn's own writes HTML, and there is no setting for it


def pre_request(_: Any, request: Any) -> None:  # noqa: ANN401
    """Let the answer say that it ends the connection where the rest of the body will end it."""
    said = request.should_close
    request.should_close = lambda: said() or _is_too_much_left(request.body.reader)


def _is_too_much_left(reader: Any) -> bool:  # noqa: ANN401
    if isinstance(reader, ChunkedReader):
        return reader.parser is not None
    return bool(reader.length >= PASSED_OVER_BYTES)


def when_ready(server: Any) -> None:  # noqa: ANN401
    """Bound every read from a client and every write to it.

    Linux hands the listener's timeouts down to each connection. gunicorn's own `timeout` watches
    its processes, and would let a phone that lost its network keep a thread for ever.
    """
    idle = struct.pack("ll", settings().request_idle_s, 0)
    for listener in server.LISTENERS:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, idle)
    logging.getLogger("gunicorn.error").addFilter(_is_news)
    share_arenas()
    spare_what_is_loaded()


def post_worker_init(_: Any) -> None:  # noqa: ANN401
    """Make the clients of this process before its threads could each make their own.

    And their connections, before its first requests all wait for those. What is away is not
    waited for: `/ready` tells of it.
    """
    for make in (db.engine, storage.client, storage.public_client, throttle.throttle, watch):
        make()
    for connect in (db.connect_all, storage.ping, queue.lengths):
        with contextlib.suppress(TailTrendError):
            connect()
    spare_what_is_loaded()


def _is_news(record: logging.LogRecord) -> bool:
    """Drop the traceback that gunicorn writes for each client that idled."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
