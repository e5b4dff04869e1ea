"""What a worker takes from the broker, and when."""

import os
import signal
import subprocess
import sys
import time
import uuid

import pytest

from shared import queue
from shared.queue import Queue
from tests.waiting import eventually

COMMAND = [
    *(sys.executable, "-m", "celery", "-A", "tests.worker.slow_worker", "worker"),
    *("--pool", "prefork", "--concurrency", "2", "-Q", "fuse", "--without-mingle"),
]


@pytest.fixture
def is_started(tmp_path):
    """The file that lets the worker's processes go on with their start."""
    return tmp_path / "started"


@pytest.fixture
def worker(servers, is_started, tmp_path):
    """A worker in a process of its own, which is ready while its pool is not."""
    said = tmp_path / "said"
    environment = os.environ | {"SLOW_UNTIL": str(is_started), "PYTHONWARNINGS": "ignore"}
    with (
        said.open("w") as log,
        subprocess.Popen(COMMAND, env=environment, stdout=log, stderr=log) as process,
    ):
        assert eventually(lambda: " ready." in said.read_text(), within_s=60), said.read_text()
        yield process
        is_started.touch()
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def waiting():
    return queue.lengths()[Queue.FUSE]


def test_a_ring_stays_in_the_queue_until_a_process_is_ready_for_it(worker, is_started):
    queue._redis().flushall()
    queue.ring(Queue.FUSE, uuid.uuid4())
    time.sleep(1.5)  # an idle worker takes it within milliseconds
    assert waiting() == 1
    is_started.touch()
    assert eventually(lambda: waiting() == 0, within_s=60)
