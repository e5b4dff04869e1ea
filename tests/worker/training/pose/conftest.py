"""Drawn samples, once per run: compiling the renderer takes most of the time."""

import pytest

from worker.training.pose.stream import Batch, Drawer


@pytest.fixture(scope="session")
def drawn() -> Batch:
    return Drawer(seed=5).draw(0, size=24)
