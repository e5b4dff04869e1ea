"""A client may name the bundle that is to decide, of those that the operator offers."""

import hashlib
import io

import pytest

from shared import jobs
from shared.db import transaction
from shared.settings import settings
from tests.factories import MP4, make_pet


@pytest.fixture
def offered(monkeypatch):
    """Offer one bundle beside the server's own."""
    monkeypatch.setenv("TAILTREND_BUNDLES", '{"trial": "somewhere"}')
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def send(client, pet, **form):
    fields = {"pet_id": str(pet.id), "file": (io.BytesIO(MP4), "clip.mp4")} | form
    return client.post("/v1/clips", data=fields)


def test_a_clip_goes_to_the_bundle_that_is_named(api, account, offered):
    sent = send(api, make_pet(account), bundle="trial")
    assert (sent.status_code, sent.json["bundle"]) == (202, "trial")
    with transaction() as session:
        lease = jobs.claim(session, sent.json["id"], "extract", worker="test")
    assert lease.bundle == "trial"


def test_without_a_name_the_servers_own_decides(api, account, offered):
    assert send(api, make_pet(account)).json["bundle"] is None


@pytest.mark.parametrize("name", ["ghost", "TRIAL", "../trial"])
def test_a_bundle_that_is_not_offered_is_refused(api, account, offered, name):
    sent = send(api, make_pet(account), bundle=name)
    assert (sent.status_code, sent.json["code"]) == (422, "unknown_bundle")


def test_an_upload_keeps_the_bundle_for_its_job(api, account, offered):
    told = {
        "pet_id": str(make_pet(account).id),
        "size_bytes": len(MP4),
        "sha256": hashlib.sha256(MP4).hexdigest(),
    }
    assert api.post("/v1/uploads", json=told | {"bundle": "ghost"}).json["code"] == "unknown_bundle"
    opened = api.post("/v1/uploads", json=told | {"bundle": "trial"})
    assert opened.status_code == 201
    from shared.models import Upload

    with transaction() as session:
        assert session.get_one(Upload, opened.json["id"]).bundle == "trial"
