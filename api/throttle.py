"""How often somebody may ask: fixed windows, counted in the broker for all processes together.

While the broker is away or slow each process counts for itself: nobody gets an error or waits.
"""

import functools
import math
import threading
import time
from dataclasses import dataclass

import structlog
from flask import Response, g
from limits.storage import MemoryStorage, RedisStorage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shared import queue
from shared.errors import TooManyRequests
from shared.settings import settings

BROKER_TIMEOUT_S = 0.05
REPORT_LOOKS = 60  # of one address in each window: tokens cannot be guessed, pages cost
BROKER_PAUSE_S = 5.0  # after a failure, one request in this time tries the broker again

log = structlog.get_logger()

_making = threading.Lock()


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests in each window."""

    name: str
    requests: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of a policy for one client, and until when."""

    policy: Policy
    left: int  # negative when it is overdrawn
    reset_s: int

    def check(self) -> None:
        """Raise TooManyRequests when it is overdrawn."""
        if self.left < 0:
            raise TooManyRequests(retry_after_s=self.reset_s)


class Throttle:
    """Counts in the broker, or here."""

    def __init__(self) -> None:
        pool = ConnectionPool.from_url(
            queue.broker_url(),
            socket_timeout=BROKER_TIMEOUT_S,
            socket_connect_timeout=BROKER_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._shared = RedisStorage(queue.broker_url(), pool, key_prefix="tailtrend-rate")
        self._own = MemoryStorage()
        self._try_again_at = 0.0
        self._is_away = False

    def draw(self, policy: Policy, who: str) -> Budget:
        """Count one request of somebody."""
        now = time.time()
        window = int(now // policy.window_s)
        used = self._count(f"{policy.name}/{who}/{window}", policy.window_s)
        reset_s = math.ceil((window + 1) * policy.window_s - now)
        return Budget(policy, policy.requests - used, reset_s)

    def _count(self, key: str, window_s: int) -> int:
        now = time.monotonic()
        if now < self._try_again_at:
            return self._own.incr(key, window_s)
        if self._is_away:
            self._try_again_at = now + BROKER_PAUSE_S  # this request alone finds out
        try:
            used = self._shared.incr(key, window_s)
        except (RedisError, OSError) as error:
            self._is_away, self._try_again_at = True, time.monotonic() + BROKER_PAUSE_S
            log.warning("rates_counted_here", why=str(error))
            return self._own.incr(key, window_s)
        self._is_away, self._try_again_at = False, 0.0
        return used


def throttle() -> Throttle:
    """Keep this process's counts."""
    with _making:
        return _throttle()


@functools.cache
def _throttle() -> Throttle:
    return Throttle()


def draw_for_key(key_id: str) -> None:
    """Count a request of an API key. Raises TooManyRequests."""
    policy = Policy("key", settings().rate_requests, settings().rate_window_s)
    g.budget = throttle().draw(policy, key_id)
    g.budget.check()


def draw_for_failed_key(address: str) -> None:
    """Count a wrong API key from a client address. Raises TooManyRequests."""
    policy = Policy("failed-key", settings().rate_failed_keys, settings().rate_window_s)
    throttle().draw(policy, address).check()


def draw_for_report(address: str) -> None:
    """Count a look at a shared report from a client address. Raises TooManyRequests."""
    policy = Policy("report", REPORT_LOOKS, settings().rate_window_s)
    throttle().draw(policy, address).check()


def tell(response: Response) -> Response:
    """Say what is left (draft-ietf-httpapi-ratelimit-headers)."""
    budget: Budget | None = g.get("budget")
    if budget is not None:
        name, policy = budget.policy.name, budget.policy
        response.headers["RateLimit-Policy"] = f'"{name}";q={policy.requests};w={policy.window_s}'
        response.headers["RateLimit"] = f'"{name}";r={max(budget.left, 0)};t={budget.reset_s}'
    return response
