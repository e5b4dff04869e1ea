"""The load: clients that behave as phones do, and remember what the API has promised them."""

import json
import random
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import urllib3

from tests.chaos import clip_files
from tests.chaos.clip_files import Kind

ATTEMPT_TIMEOUT = urllib3.Timeout(connect=3, read=20)
GIVE_UP_AFTER_S = 120.0
PAUSE_S = 0.3
RETRIED_CODES = {"upload_refused"}  # it says: send it again


@dataclass(frozen=True, slots=True)
class Intent:
    """What one user wants, however often his phone has to ask."""

    account: int
    kind: Kind
    content: bytes
    key: str
    is_doubled: bool = False
    is_torn: bool = False
    canceled_after_s: float | None = None
    deleted_after_s: float | None = None
    deadline_s: float | None = None


@dataclass(slots=True)
class Promise:
    """What the API answered to an intent: the ids of its jobs, which must be one."""

    intent: Intent
    job_ids: set[str] = field(default_factory=set)
    clip_id: str = ""
    expires_at: str | None = None
    accepted_at: float = 0.0
    refusal: str | None = None
    is_canceled: bool = False
    is_deleted: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """A key and a pet."""

    api_key: str
    pet_id: str
    account_id: str


class Refused(Exception):
    """The API said no, for good."""


class Phone:
    """Sends intents and asks again until it has an answer. For many threads at once."""

    def __init__(self, api_url: str, accounts: list[Account]) -> None:
        self.api_url, self.accounts = api_url, accounts
        self.promises: list[Promise] = []
        self.torn = self.asked_again = 0
        self._pool = urllib3.PoolManager(timeout=ATTEMPT_TIMEOUT, retries=False, maxsize=32)
        self._lock = threading.Lock()

    def fulfil(self, intent: Intent) -> Promise:
        """Upload once, whatever it takes."""
        promise = Promise(intent, expires_at=_deadline(intent))
        with self._lock:
            self.promises.append(promise)
        if intent.is_torn:
            self._tear(intent)
        senders = [
            threading.Thread(target=self._upload, args=(promise,))
            for _ in range(1 + intent.is_doubled)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        return promise

    def cancel(self, promise: Promise) -> None:
        job_id = next(iter(promise.job_ids))
        status, body = self._until_answered("POST", promise, f"/v1/jobs/{job_id}/cancel")
        promise.is_canceled = status == 200 or body.get("status") == "canceled"

    def delete(self, promise: Promise) -> None:
        status, _ = self._until_answered("DELETE", promise, f"/v1/clips/{promise.clip_id}")
        promise.is_deleted = status in (200, 404)

    def read(self, account: Account, path: str) -> tuple[int, dict]:
        """Ask once. Raises urllib3.exceptions.HTTPError."""
        return self._ask("GET", account, path)

    def _upload(self, promise: Promise) -> None:
        intent = promise.intent
        account = self.accounts[intent.account]
        fields = {"pet_id": account.pet_id, "file": ("clip.mp4", intent.content)}
        if promise.expires_at is not None:
            fields["expires_at"] = promise.expires_at
        status, body = self._until_answered(
            "POST", promise, "/v1/clips", fields=fields, headers={"Idempotency-Key": intent.key}
        )
        with self._lock:
            if status != 202:
                promise.refusal = body.get("code", str(status))
                return
            promise.job_ids.add(body["id"])
            promise.clip_id = body["clip_id"]
            promise.accepted_at = promise.accepted_at or time.time()

    def _until_answered(self, method: str, promise: Promise, path: str, **what) -> tuple[int, dict]:
        account = self.accounts[promise.intent.account]
        deadline = time.monotonic() + GIVE_UP_AFTER_S
        while time.monotonic() < deadline:
            promise.attempts += 1
            try:
                status, body = self._ask(method, account, path, **what)
            except (urllib3.exceptions.HTTPError, OSError):
                status, body = 0, {}
            if 0 < status < 500 and status != 429 and body.get("code") not in RETRIED_CODES:
                return status, body
            self.asked_again += 1
            time.sleep(PAUSE_S * random.uniform(0.5, 1.5))
        return 0, {"code": "gave_up"}

    def _ask(self, method: str, account: Account, path: str, **what) -> tuple[int, dict]:
        headers = {"Authorization": f"Bearer {account.api_key}", **what.pop("headers", {})}
        response = self._pool.request(method, self.api_url + path, headers=headers, **what)
        return response.status, json.loads(response.data) if response.data else {}

    def _tear(self, intent: Intent) -> None:
        """Begin the upload and go away in the middle of the file."""
        account, where = self.accounts[intent.account], urlsplit(self.api_url)
        fields = {"pet_id": account.pet_id, "file": ("clip.mp4", intent.content)}
        body, content_type = urllib3.encode_multipart_formdata(fields)
        head = (
            f"POST /v1/clips HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Authorization: Bearer {account.api_key}\r\nIdempotency-Key: {intent.key}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.torn += 1
        try:
            with socket.create_connection((where.hostname, where.port), timeout=3) as connection:
                connection.sendall(head.encode() + body[: len(body) // 2])
        except OSError:
            return


def _deadline(intent: Intent) -> str | None:
    if intent.deadline_s is None:
        return None
    return (datetime.now(UTC) + timedelta(seconds=intent.deadline_s)).isoformat()


def draw(number: int, jobs: int, files: dict[Kind, list[bytes]], chance: random.Random) -> Intent:
    """Choose what the nth user wants; rare kinds have fixed places, so that none is absent."""
    kind = _kind(number, jobs, chance)
    key = str(uuid.UUID(int=chance.getrandbits(128)))
    fate = chance.random() if kind is Kind.GOOD and number > 2 else 1.0
    return Intent(
        account=number % 2,
        kind=kind,
        content=clip_files.unlike_any_other(chance.choice(files[kind]), key),
        key=key,
        is_doubled=chance.random() < 0.08,
        is_torn=chance.random() < 0.05,
        canceled_after_s=chance.uniform(0, 3) if fate < 0.05 else None,
        deleted_after_s=chance.uniform(0, 6) if 0.05 <= fate < 0.10 else None,
        deadline_s=chance.uniform(1, 10) if 0.10 <= fate < 0.14 else None,
    )


def _kind(number: int, jobs: int, chance: random.Random) -> Kind:
    rare = [Kind.KILLS_SANDBOX, Kind.KILLS_POOL, Kind.TEXT, Kind.UNREADABLE, Kind.NO_VIDEO]
    every = max(jobs // (2 * len(rare)), 3)
    if number % every == every - 1:
        return rare[number // every % len(rare)]
    common = [Kind.GOOD, Kind.UNREADABLE, Kind.TOO_SHORT, Kind.NO_VIDEO]
    return chance.choices(common, weights=[85, 5, 5, 5])[0]
