"""Object storage."""

import io
import uuid

import pytest

from shared import storage
from shared.errors import MediaMissing, StorageUnavailable


@pytest.fixture
def prefix():
    return f"test/{uuid.uuid4()}/"


def put(key, body=b"bytes"):
    storage.put(key, io.BytesIO(body))


def test_what_is_put_is_got(prefix, tmp_path):
    put(f"{prefix}a", b"12345")
    storage.get(f"{prefix}a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"12345"


def test_what_is_not_there_is_missing_media(prefix, tmp_path):
    with pytest.raises(MediaMissing):
        storage.get(f"{prefix}none", tmp_path / "none")


def test_a_prefix_is_deleted_with_all_below_it_and_nothing_beside_it(prefix, tmp_path):
    for name in ("x/a", "x/b", "y"):
        put(prefix + name)
    storage.delete_prefix(f"{prefix}x/")
    storage.get(f"{prefix}y", tmp_path / "y")
    with pytest.raises(MediaMissing):
        storage.get(f"{prefix}x/a", tmp_path / "a")


def test_deleting_what_is_not_there_is_fine(prefix):
    storage.delete_prefix(prefix)


def test_storage_that_is_away_is_an_error_of_ours(prefix, without, tmp_path):
    with without("storage"):
        with pytest.raises(StorageUnavailable):
            put(f"{prefix}a")
        with pytest.raises(StorageUnavailable):
            storage.get(f"{prefix}a", tmp_path / "a")
        with pytest.raises(StorageUnavailable):
            storage.ping()


def test_clients_are_led_to_the_public_endpoint(setting):
    setting(s3_public_endpoint_url="https://media.example.org")
    storage.public_client.cache_clear()
    url = storage.signed_get_url("clips/x/media", content_type="video/mp4")
    storage.public_client.cache_clear()
    assert url.startswith("https://media.example.org/")
    assert "X-Amz-Expires=900" in url
