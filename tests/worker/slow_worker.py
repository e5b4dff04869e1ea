"""A worker whose processes take their time to start: until the file of SLOW_UNTIL is there."""

import os
import time
from pathlib import Path

from celery import signals

from worker.app import app

__all__ = ["app"]


@signals.worker_process_init.connect
def _wait(**_: object) -> None:
    while not Path(os.environ["SLOW_UNTIL"]).exists():
        time.sleep(0.05)
