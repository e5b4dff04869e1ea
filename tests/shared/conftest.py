"""Tests of the shared package work on real servers, with real commits."""

import pytest
from sqlalchemy import text

from shared import queue
from shared.db import transaction


@pytest.fixture(autouse=True)
def _on_servers(servers):
    pass


@pytest.fixture
def empty(servers):
    """Start from no rows and no messages, for what looks at all accounts at once."""
    with transaction() as session:
        session.execute(text("TRUNCATE accounts, deletions CASCADE"))
    queue._redis().flushdb()
