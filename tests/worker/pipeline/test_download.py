"""Downloads from a server that breaks off, lies, hides or sleeps."""

import errno
import hashlib
import shutil
import threading
from collections import namedtuple

import pytest

from shared.errors import DownloadFailed
from tests.worker.pipeline.fileserver import Behaviour, serving
from worker.pipeline import download
from worker.pipeline.weights import WeightFile

CONTENT = bytes(range(256)) * 1000


def official(*urls, content=CONTENT):
    return WeightFile(
        "net.onnx", "net", hashlib.sha256(content).hexdigest(), len(content), "a test", urls
    )


def fetch(file, folder, **how):
    return download.fetch(file, folder, pause_s=0, **how)


def leftovers(folder):
    return [p.name for p in folder.iterdir() if p.stat().st_size]


def test_a_file_comes_whole_and_nothing_else_is_left(tmp_path):
    seen = []
    with serving(Behaviour(CONTENT)) as url:
        path = fetch(official(url), tmp_path / "new" / "folder", on_progress=seen.append)
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["net.onnx"]
    assert seen[-1] == len(CONTENT)
    assert seen == sorted(seen)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(tmp_path):
    behaviour = Behaviour(CONTENT, breaks_after=[1000, 5000])
    with serving(behaviour) as url:
        path = fetch(official(url), tmp_path)
    assert path.read_bytes() == CONTENT
    assert behaviour.asked == [None, "bytes=1000-", "bytes=6000-"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(tmp_path):
    broken = Behaviour(CONTENT, breaks_after=[1000] + [0] * 9)
    with serving(broken) as url, pytest.raises(DownloadFailed, match="goes on where it stopped"):
        fetch(official(url), tmp_path)
    whole = Behaviour(CONTENT)
    with serving(whole) as url:
        assert fetch(official(url), tmp_path).read_bytes() == CONTENT
    assert whole.asked == ["bytes=1000-"]


def test_a_server_that_knows_no_ranges_sends_everything_again(tmp_path):
    behaviour = Behaviour(CONTENT, breaks_after=[1000], honours_ranges=False)
    with serving(behaviour) as url:
        assert fetch(official(url), tmp_path).read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_nothing_of_them_is_kept(tmp_path):
    with (
        serving(Behaviour(CONTENT[::-1])) as url,
        pytest.raises(DownloadFailed, match="not the published file"),
    ):
        fetch(official(url), tmp_path)
    assert leftovers(tmp_path) == []


def test_a_longer_file_of_the_same_beginning_is_refused(tmp_path):
    with (
        serving(Behaviour(CONTENT + b"more")) as url,
        pytest.raises(DownloadFailed, match="not the published file"),
    ):
        fetch(official(url), tmp_path)


def test_a_spoiled_beginning_of_an_earlier_run_is_thrown_away(tmp_path):
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        file = official(url)
        (tmp_path / f".net.onnx.{file.sha256[:8]}.part").write_bytes(b"x" * 500)
        assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert behaviour.asked == ["bytes=500-", None]


def test_a_missing_file_is_said_with_its_status_at_once(tmp_path):
    behaviour = Behaviour(CONTENT, status=404)
    with serving(behaviour) as url, pytest.raises(DownloadFailed, match="answers 404"):
        fetch(official(url), tmp_path)
    assert len(behaviour.asked) == 1


def test_the_next_address_is_tried_when_the_first_does_not_have_it(tmp_path):
    with serving(Behaviour(CONTENT, status=404)) as gone, serving(Behaviour(CONTENT)) as url:
        assert fetch(official(gone, url), tmp_path).read_bytes() == CONTENT


def test_a_server_in_trouble_is_asked_again_but_not_for_ever(tmp_path):
    behaviour = Behaviour(CONTENT, status=503)
    with serving(behaviour) as url, pytest.raises(DownloadFailed, match="Cannot fetch"):
        fetch(official(url), tmp_path)
    assert len(behaviour.asked) == download.MOST_TRIES


def test_a_server_that_sends_nothing_is_given_up(tmp_path):
    behaviour = Behaviour(CONTENT, hangs=threading.Event())
    with serving(behaviour) as url, pytest.raises(DownloadFailed, match="timed out"):
        fetch(official(url), tmp_path, timeout_s=0.05)


def test_an_unreachable_server_is_one_sentence_that_says_what_helps(tmp_path):
    with serving(Behaviour(b"")) as url:
        pass  # nobody listens there any more
    with pytest.raises(DownloadFailed, match="Without a network, put the file into TAILTREND_WEI"):
        fetch(official(url), tmp_path)


@pytest.mark.parametrize("url", ["http://example.org/net", "file:///etc/passwd", "ftp://x.org/n"])
def test_only_https_is_fetched(url, tmp_path):
    with pytest.raises(DownloadFailed, match="only https"):
        fetch(official(url), tmp_path)


def test_a_redirect_away_from_https_is_refused(tmp_path):
    with (
        serving(Behaviour(b"", location="http://example.org/net")) as url,
        pytest.raises(DownloadFailed, match="only https"),
    ):
        fetch(official(url), tmp_path)


def test_a_redirect_to_the_file_is_followed(tmp_path):
    with serving(Behaviour(CONTENT)) as there, serving(Behaviour(b"", location=there)) as url:
        assert fetch(official(url), tmp_path).read_bytes() == CONTENT


def test_a_disk_without_room_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 1000))
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url, pytest.raises(DownloadFailed, match="Make room"):
        fetch(official(url), tmp_path)
    assert behaviour.asked == []


def test_a_disk_that_fills_up_is_one_sentence_too(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "net.onnx")

    monkeypatch.setattr(download.os, "fsync", full)
    with serving(Behaviour(CONTENT)) as url, pytest.raises(DownloadFailed, match="disk is full"):
        fetch(official(url), tmp_path)


def test_two_processes_do_not_write_one_file(tmp_path):
    with serving(Behaviour(CONTENT)) as url:
        file = official(url)
        part = tmp_path / f".net.onnx.{file.sha256[:8]}.part"
        with download.locked(part), pytest.raises(DownloadFailed, match="Another process"):
            fetch(file, tmp_path)
