"""`tailtrend orphans`: what a restored database knows nothing of is found, and nothing else."""

import io
import uuid

import pytest
import typer
from typer.testing import CliRunner

from cli.orphans import orphans
from shared import clips, deletions, storage, uploads
from shared.db import transaction
from tests.factories import make_clip, make_job
from worker import sweep


@pytest.fixture
def run(servers):
    """Give a function that runs the command and tells the folders that it lists."""
    app = typer.Typer()
    app.command()(orphans)

    def lines(*arguments):
        answer = CliRunner().invoke(app, arguments)
        assert answer.exit_code == 0
        return {line for line in answer.stdout.splitlines() if line.endswith("/")}

    return lines


def put(key):
    storage.put(key, io.BytesIO(b"bytes"))
    return key.rpartition("/")[0] + "/"


def is_stored(folder):
    found = storage.client().list_objects_v2(Bucket="tailtrend", Prefix=folder)
    return "Contents" in found


@pytest.fixture
def lost():
    """Objects whose rows a restored database does not have."""
    names = (f"clips/{uuid.uuid4()}/media", f"uploads/{uuid.uuid4()}/raw")
    return {put(name) for name in (*names, f"artifacts/{uuid.uuid4()}/encode-1-x")}


def test_what_no_row_knows_is_listed_and_stays(run, lost):
    assert lost <= run()
    assert all(map(is_stored, lost))


def test_what_no_row_knows_is_deleted_where_that_is_asked_for(run, lost):
    assert lost <= run("--delete")
    sweep.delete_objects()
    assert not any(map(is_stored, lost))


def test_what_a_row_or_an_owed_deletion_knows_is_not_listed(run):
    clip = make_clip()
    with transaction() as session:
        reserved, uploading = clips.reserve(session), uploads.reserve(session)
    keys = (clip.storage_key, clips.media_key(reserved), f"{deletions.upload_prefix(uploading)}raw")
    known = {put(key) for key in (*keys, f"artifacts/{make_job().id}/encode-1-x")}
    assert not known & run("--delete")


def test_what_is_not_ours_is_not_listed(run):
    assert put("clips/of-somebody-else/media") not in run()
