"""The examples of docs/api.md, run as they stand against the API over HTTP."""

import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.serving import make_server

from shared.db import transaction
from shared.models import Job, JobStatus
from tests.factories import MP4, make_account, make_key, succeed

PAGE = Path(__file__).parent.parent / "docs" / "api.md"


@pytest.fixture
def api_url(servers):
    from api.app import create_app

    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def account(servers):
    """An account whose jobs succeed by themselves."""
    made, stopped = make_account("examples"), threading.Event()

    def work():
        query = select(Job).where(Job.account_id == made.id, Job.status == JobStatus.QUEUED)
        while not stopped.wait(0.05):
            with transaction() as session:
                found = list(session.scalars(query))
            for job in found:
                succeed(job)

    worker = threading.Thread(target=work)
    worker.start()
    yield made
    stopped.set()
    worker.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_example_of_the_page_works(api_url, account, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(MP4)
    examples = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) >= 6
    told = {"API": api_url, "KEY": make_key(account), "CLIP": str(tmp_path / "clip.mp4")}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(examples)],
        env=told | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert '"status":"succeeded"' in ran.stdout
    assert "\n304\n" in ran.stdout
    assert '"recommendation":"Reduce noise."' in ran.stdout
    assert "X-Amz-Signature" in ran.stdout
