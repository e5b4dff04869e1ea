"""The API and the worker as programs of the local stack: their command lines and their health."""

import functools
import signal
import sys
from pathlib import Path

from cli import health
from cli.localstack.program import Program
from shared import metrics
from shared.models import Step
from shared.queue import Queue
from shared.settings import settings

# They run here: gunicorn and Celery import first what lies in their working directory.
ROOT = Path(__file__).parent.parent


def api(port: int) -> Program:
    """Describe the API."""
    return Program(
        name="api",
        argv=[
            *(sys.executable, "-m", "gunicorn", "-c", "python:api.server"),
            *("--bind", f"127.0.0.1:{port}", "--no-control-socket"),
        ],
        cwd=ROOT,
        is_ready=functools.partial(_serves, port),
        ending=((0, signal.SIGTERM), (5, signal.SIGKILL)),
    )


def worker() -> Program:
    """Describe the worker of all three steps."""
    return Program(
        name="worker",
        argv=[
            *(sys.executable, "-m", "celery", "-A", "worker.app", "worker"),
            *("--pool", "prefork", "--concurrency", "2", "-Q", ",".join(Step)),
            *("--without-gossip", "--without-mingle", "--loglevel", settings().log_level),
        ],
        cwd=ROOT,
        stalled=_stalled,
        # SIGTERM waits for running steps; SIGQUIT hands them back.
        ending=((0, signal.SIGTERM), (3, signal.SIGQUIT), (5, signal.SIGKILL)),
    )


def deliverer() -> Program:
    """Describe the worker that only sends webhooks.

    Receivers may each take five seconds: waiting for them in the other worker's two places would
    hold up the analysis, and threads that wait cost nothing.
    """
    return Program(
        name="deliverer",
        argv=[
            *(sys.executable, "-m", "celery", "-A", "worker.deliverer", "worker"),
            *("--pool", "threads", "--concurrency", "32", "-Q", Queue.DELIVER),
            *("--hostname", "deliverer@%h"),
            *("--without-gossip", "--without-mingle", "--loglevel", settings().log_level),
        ],
        cwd=ROOT,
        stalled=_deliveries_stalled,
        # SIGTERM lets each thread end its attempt, five seconds at most.
        ending=((0, signal.SIGTERM), (6, signal.SIGKILL)),
    )


def _serves(port: int) -> bool:
    return health.api_trouble(port) is None


def _stalled() -> str | None:
    """Say so when work waits and nothing was claimed for long."""
    found, limit_s = health.figures(), health.unclaimed_s()
    is_stalled = found is not None and metrics.backlog(found).is_stalled(limit_s)
    return f"nothing claimed for {limit_s:.0f} s" if is_stalled else None


def _deliveries_stalled() -> str | None:
    """Say so when webhooks are due and none was tried for long."""
    found, limit_s = health.figures(), health.UNSENT_S
    is_stalled = found is not None and metrics.deliveries(found).is_stalled(limit_s)
    return f"nothing sent for {limit_s:.0f} s" if is_stalled else None
