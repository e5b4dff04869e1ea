"""What a client sees of its jobs by polling: every progress that it was shown, in order."""

import threading
from collections import defaultdict
from dataclasses import dataclass

import urllib3

from tests.chaos.client import Account, Phone

PAUSE_S = 0.3
FINAL = ("succeeded", "failed", "canceled", "expired")


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer about one job."""

    status: str
    progress: int


class Watcher:
    """Polls the unfinished jobs of every account until it is stopped."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.seen: dict[str, list[Seen]] = defaultdict(list)
        self.answers = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(30)

    def read_finals(self) -> None:
        """Read every accepted job once more, at the end; one that was deleted is not there."""
        for promise in list(self._phone.promises):
            account = self._phone.accounts[promise.intent.account]
            for job_id in promise.job_ids:
                self._look(account, f"/v1/jobs/{job_id}")

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE_S):
            for account in self._phone.accounts:
                self._look_at_lists(account)

    def _look_at_lists(self, account: Account) -> None:
        # Running before queued: a job that is freed meanwhile is seen in its true order.
        for status in ("running", "queued"):
            self._look(account, f"/v1/jobs?status={status}&limit=100")

    def _look(self, account: Account, path: str) -> None:
        try:
            status, body = self._phone.read(account, path)
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return
        if status != 200:
            return
        self.answers += 1
        for job in body.get("data", body.get("items", [body])):
            self._remember(job)

    def _remember(self, job: dict) -> None:
        now = Seen(job["status"], job["progress"])
        before = self.seen[job["id"]]
        if not before or before[-1] != now:
            before.append(now)
