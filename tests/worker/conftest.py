"""A small clip, a way to submit one past the API, and where real ones lie."""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared import accounts, clips, jobs, pets, storage
from shared.clips import StoredFile, Told
from shared.db import transaction
from shared.models import Reason, Species
from tests.clips import ClipSpec, render
from tests.receiver import Receiver, receiving
from worker import steps

CHECKOUT = Path(__file__).parents[2]
Submit = Callable[[Path], uuid.UUID]


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Real data and weights: TAILTREND_TEST_DATA, or `../shared` beside the checkout."""
    folder = Path(os.environ.get("TAILTREND_TEST_DATA", CHECKOUT.parent / "shared"))
    if not (folder / "data" / "clips").is_dir() or not (folder / "weights").is_dir():
        pytest.skip(f"no real clips and weights in {folder} (set TAILTREND_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "dog.mp4"
    render(ClipSpec(seed=7, duration_s=3.0, width=320, height=180), path)
    return path


@pytest.fixture
def submit(servers: dict[str, str]) -> Submit:
    """Store a file as a clip of a new account's dog and queue its job; give the job's id."""

    def _submit(path: Path) -> uuid.UUID:
        with transaction() as session:
            account = accounts.create(session, "worker test")
            pet = pets.create(session, account.id, name="Rex", species=Species.DOG)
            clip_id = clips.reserve(session)
        with path.open("rb") as file:
            storage.put(clips.media_key(clip_id), file)
        content = path.read_bytes()
        stored = StoredFile(clip_id, hashlib.sha256(content).digest(), len(content), "video/mp4")
        with transaction() as session:
            told = Told(None, Reason.ROUTINE, [], None)
            return jobs.accept(session, stored, told, account_id=account.id, pet_id=pet.id).id

    return _submit


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True, scope="module")
def _sandbox_ends() -> Iterator[None]:
    yield
    steps.sandbox().stop()
