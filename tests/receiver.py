"""A webhook receiver on loopback that answers as it is told, and rows that lead to it."""

import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import select, text
from standardwebhooks import Webhook

from shared import endpoints
from shared.db import transaction
from shared.models import Account, Delivery, DeliveryAttempt, Event, EventType, WebhookEndpoint


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    late: bool = False  # not before the receiver closes
    dropped: bool = False  # the connection is closed instead


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:
        """Verify with the reference library; give the payload."""
        return Webhook(secret).verify(self.body, self.headers)


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of handshakes that fail on purpose."""


class Receiver:
    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: deque[Answer] = deque()  # then 200
        self.closing = threading.Event()
        self.server = QuietServer(("127.0.0.1", 0), self._handler())
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks?of=us"

    def answer(self, *answers: int | Answer) -> None:
        for one in answers:
            self.answers.append(Answer(one) if isinstance(one, int) else one)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, body))
                answer = receiver.answers.popleft() if receiver.answers else Answer()
                if answer.late:
                    receiver.closing.wait()
                if answer.late or answer.dropped:
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def make_endpoint(
    account: Account,
    url: str = "https://hooks.example.com/",
    *,
    types: list[EventType] | None = None,
) -> WebhookEndpoint:
    with transaction() as session:
        return endpoints.create(session, account.id, url=url, events=types)


def send_test(endpoint: WebhookEndpoint) -> Delivery:
    """Owe the endpoint one delivery."""
    with transaction() as session:
        fresh = endpoints.get(session, endpoint.account_id, endpoint.id)
        return endpoints.send_test(session, fresh)


def make_event(account: Account, type_: EventType, happened_at: datetime) -> None:
    """Write an event that nobody has been told."""
    with transaction() as session:
        session.add(Event(account_id=account.id, type=type_, data={}, created_at=happened_at))


def read_endpoint(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    with transaction() as session:
        return session.get_one(WebhookEndpoint, endpoint.id)


def read_delivery(delivery_id: uuid.UUID) -> Delivery:
    with transaction() as session:
        return session.get_one(Delivery, delivery_id)


def events_of(account: Account) -> list[Event]:
    with transaction() as session:
        query = select(Event).where(Event.account_id == account.id).order_by(Event.id)
        return list(session.scalars(query))


def deliveries_of(endpoint: WebhookEndpoint) -> list[Delivery]:
    with transaction() as session:
        query = select(Delivery).where(Delivery.endpoint_id == endpoint.id).order_by(Delivery.id)
        return list(session.scalars(query))


def attempts_of(delivery: Delivery) -> list[tuple[int | None, str | None]]:
    """List the status and error of each logged attempt."""
    with transaction() as session:
        query = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == delivery.id)
        return [
            (one.status, one.error) for one in session.scalars(query.order_by(DeliveryAttempt.id))
        ]


def due_in_s(delivery: Delivery) -> float:
    """Tell by the database's clock when the next attempt may start."""
    query = text("SELECT extract(epoch FROM due_at - now())::float FROM deliveries WHERE id = :id")
    with transaction() as session:
        return session.execute(query, {"id": delivery.id}).scalar_one()


def set_row(row: Delivery | WebhookEndpoint | Event, what: str) -> None:
    """Change a row behind the product's back, as time or a fault would."""
    with transaction() as session:
        statement = text(f"UPDATE {row.__tablename__} SET {what} WHERE id = :id")
        session.execute(statement, {"id": row.id})
