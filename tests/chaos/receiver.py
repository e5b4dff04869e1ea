"""A webhook receiver on loopback that verifies signatures and is as flaky as real ones are."""

import json
import random
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from standardwebhooks import Webhook, WebhookVerificationError

SLOW_S = 1.0
MANNERS = {"ok": 0.6, "error": 0.2, "slow": 0.1, "close": 0.1}


@dataclass(frozen=True, slots=True)
class Received:
    """One request that arrived."""

    path: str
    webhook_id: str
    type: str
    job_id: str
    is_genuine: bool
    is_answered: bool


class Receiver:
    """Listens for every account under a path of its own."""

    def __init__(self, *, seed: int) -> None:
        self.log: list[Received] = []
        self.secrets: dict[str, str] = {}
        self._chance = random.Random(seed)
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def manner(self) -> str:
        return self._chance.choices(list(MANNERS), weights=list(MANNERS.values()))[0]

    def is_genuine(self, path: str, body: bytes, headers: dict[str, str]) -> bool:
        try:
            Webhook(self.secrets[path]).verify(body, headers)
        except (KeyError, WebhookVerificationError):
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    receiver: ClassVar[Receiver]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        told, manner = json.loads(body), self.receiver.manner()
        if manner == "slow":
            time.sleep(SLOW_S)
        self.receiver.log.append(
            Received(
                path=self.path,
                webhook_id=headers.get("webhook-id", ""),
                type=told["type"],
                job_id=told["data"].get("job_id", ""),
                is_genuine=self.receiver.is_genuine(self.path, body, headers),
                is_answered=manner in ("ok", "slow"),
            )
        )
        self.close_connection = True
        if manner != "close":
            self.send_response(500 if manner == "error" else 204)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
