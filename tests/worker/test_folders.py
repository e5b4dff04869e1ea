"""Folders of dead workers go, those of living ones stay."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from worker import folders

WORK = """
import sys, signal, tempfile
tempfile.tempdir = sys.argv[1]
from worker import folders
with folders.folder() as folder:
    (folder / "clip").write_bytes(b"a pet")
    print(folder, flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_with_the_work(place):
    def work() -> None:
        with folders.folder() as folder:
            (folder / "clip").write_bytes(b"a pet")
            raise FileNotFoundError("of the work")

    with pytest.raises(FileNotFoundError, match="of the work"):
        work()
    assert not list(place.iterdir())


def test_a_killed_workers_folder_is_swept_and_a_living_ones_is_not(place):
    with subprocess.Popen(
        [sys.executable, "-c", WORK, str(place)], stdout=subprocess.PIPE, text=True
    ) as worker:
        left = Path(worker.stdout.readline().strip())
        assert folders.sweep() == 0
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    with folders.folder() as mine:
        assert folders.sweep() == 1
        assert mine.exists()
    assert not left.exists()


def test_a_folder_that_a_sweep_took_before_its_lock_is_made_again(place, monkeypatch):
    make = tempfile.mkdtemp
    raced = iter([True, False])

    def made_and_swept(**how: str) -> str:
        path = make(**how)
        if next(raced):
            folders.sweep()
        return path

    monkeypatch.setattr(tempfile, "mkdtemp", made_and_swept)
    with folders.folder() as folder:
        assert list(place.iterdir()) == [folder]


def test_what_only_bears_the_name_is_left_alone(place):
    (place / f"{folders.PREFIX}file").write_text("no folder")
    (place / f"{folders.PREFIX}link").symlink_to(place)
    assert folders.sweep() == 0
    assert len(list(place.iterdir())) == 2
