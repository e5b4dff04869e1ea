"""A file server on loopback that misbehaves as told: breaks off, ignores ranges, sleeps."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does; `asked` collects the Range headers that came."""

    content: bytes
    breaks_after: list[int] = field(default_factory=list)  # bytes of each of the first answers
    honours_ranges: bool = True
    status: int = 200
    location: str = ""
    hangs: threading.Event | None = None  # set: let go
    asked: list[str | None] = field(default_factory=list)


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """Serve until the block ends; give the URL of the file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, behaviour)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file"
    finally:
        if behaviour.hangs:
            behaviour.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(handler: BaseHTTPRequestHandler, behaviour: Behaviour) -> None:
    """Answer one request."""
    asked = handler.headers.get("Range")
    behaviour.asked.append(asked)
    if behaviour.hangs:
        behaviour.hangs.wait(60)
        return
    if behaviour.location:
        handler.send_response(302)
        handler.send_header("Location", behaviour.location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    if behaviour.status != 200:
        handler.send_error(behaviour.status)
        return
    start = int(asked[6:-1]) if asked and behaviour.honours_ranges else 0
    body = behaviour.content[start:]
    handler.send_response(206 if start else 200)
    if start:
        whole = len(behaviour.content)
        handler.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    breaks = behaviour.breaks_after.pop(0) if behaviour.breaks_after else len(body)
    handler.wfile.write(body[:breaks])
    handler.close_connection = True
