"""Load from a process of its own: keep-alive connections, requests written once, times kept.

`python -m bench.load` reads one JSON line, works through it, and writes one JSON line.
"""

import dataclasses
import itertools
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

CONNECTIONS = 16
BOUNDARY = "tailtrend-bench"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TINY_MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"  # passes for a video until decoded


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send; `creates` of each `cycle` are uploads. Without a rate: as fast as it goes."""

    port: int
    api_key: str
    pet_id: str
    requests: int
    rate_hz: float | None = None
    creates: int = 1
    cycle: int = 1
    clip: str | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds from when each request was due to its whole answer, and answers by status."""

    create_s: list[float]
    poll_s: list[float]
    statuses: dict[str, int]


def run(plan: Plan) -> Load:
    """Run a plan in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(dataclasses.asdict(plan)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Load(**json.loads(done.stdout))


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and read its status and body."""
        self._socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._read()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(LENGTH.search(head).group(1))
        while len(body) < length:
            body += self._read()
        return int(head[9:12]), body

    def _read(self) -> bytes:
        some = self._socket.recv(1 << 16)
        if not some:
            raise ConnectionError("the API closed a connection")
        return some


class Client:
    """Threads that work through a plan together."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._create, self._end = create_request(plan)
        self._numbers = itertools.count()
        self._job = self._first_job() if plan.creates < plan.cycle else ""
        self._started_at = time.perf_counter() + 0.2
        self.times: dict[str, list[float]] = {"create": [], "poll": []}
        self.statuses: dict[str, int] = {}
        self._lock = threading.Lock()

    def work(self) -> None:
        """Send requests, each when it is due, until all are sent."""
        connection = Connection(self._plan.port)
        while (number := next(self._numbers)) < self._plan.requests:
            due_at = self._due(number)
            time.sleep(max(0.0, due_at - time.perf_counter()))
            is_create = number % self._plan.cycle < self._plan.creates
            request = self._new_clip() if is_create else self._poll()
            status, body = connection.ask(request)
            self._keep("create" if is_create else "poll", time.perf_counter() - due_at, status)
            if status == 202:
                self._job = json.loads(body)["id"]

    def _first_job(self) -> str:
        """Upload a clip that is not counted, so that the first polls have a job to ask for."""
        _, body = Connection(self._plan.port).ask(self._new_clip())
        job: str = json.loads(body)["id"]
        return job

    def _due(self, number: int) -> float:
        rate_hz = self._plan.rate_hz
        return time.perf_counter() if rate_hz is None else self._started_at + number / rate_hz

    def _new_clip(self) -> bytes:
        return self._create + last_box() + self._end

    def _poll(self) -> bytes:
        return _head(self._plan, f"GET /v1/jobs/{self._job}") + b"\r\n"

    def _keep(self, kind: str, seconds: float, status: int) -> None:
        with self._lock:
            self.times[kind].append(seconds)
            name = f"{kind} {status}"
            self.statuses[name] = self.statuses.get(name, 0) + 1


def last_box() -> bytes:
    """Give an empty box to end a clip with: bytes that were seen before are not analysed again."""
    return struct.pack(">I4s8s", 16, b"free", os.urandom(8))


def create_request(plan: Plan) -> tuple[bytes, bytes]:
    """Write the multipart request that uploads the clip, around the last 16 bytes of the clip."""
    clip = TINY_MP4
    if plan.clip is not None:
        with open(plan.clip, "rb") as file:
            clip = file.read()
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'
    body = f'{part}pet_id"\r\n\r\n{plan.pet_id}\r\n{part}file"; filename="c.mp4"\r\n\r\n'.encode()
    body, end = body + clip, f"\r\n--{BOUNDARY}--\r\n".encode()
    head = _head(plan, "POST /v1/clips")
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    return head + f"{kind}Content-Length: {len(body) + 16 + len(end)}\r\n\r\n".encode() + body, end


def _head(plan: Plan, line: str) -> bytes:
    key = f"Authorization: Bearer {plan.api_key}\r\n"
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}".encode()


def main() -> None:
    """Work through the plan on standard input."""
    client = Client(Plan(**json.loads(sys.stdin.readline())))
    threads = [threading.Thread(target=client.work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load = Load(client.times["create"], client.times["poll"], client.statuses)
    print(json.dumps(dataclasses.asdict(load)))


if __name__ == "__main__":
    main()
