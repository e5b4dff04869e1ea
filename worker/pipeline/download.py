"""Fetches a weight file: https only, resumed where it broke off, used only if its SHA-256 is right.

Knows no settings; says what went wrong in one sentence (DownloadFailed).
"""

import fcntl
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit

from shared.errors import DiskFull, DownloadFailed
from worker.pipeline.weights import WeightFile, sha256_of

CHUNK_BYTES = 1 << 16
TIMEOUT_S = 20.0  # without a byte
MOST_TRIES = 4  # of one URL that breaks off; a try that brought bytes does not count
PAUSE_S = 1.0
SPARE_BYTES = 50_000_000  # left on the disk for everybody else
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Progress = Callable[[int], None]


def fetch(
    file: WeightFile,
    folder: Path,
    *,
    on_progress: Progress = lambda done: None,
    timeout_s: float = TIMEOUT_S,
    pause_s: float = PAUSE_S,
) -> Path:
    """Bring an official file into a folder, whole and verified, or raise DownloadFailed.

    `on_progress` gets the bytes that are here, also those of a run before.
    """
    with disk_errors():
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f".{file.name}.{file.sha256[:8]}.part") as part:
            check_room(part, file)
            download = Download(file, part, on_progress, timeout_s, pause_s)
            for url in file.urls[:-1]:
                try:
                    return download.complete(url)
                except DownloadFailed:
                    continue  # the next address has the same bytes
            return download.complete(file.urls[-1])


@dataclass(frozen=True, slots=True)
class Download:
    """One file on its way; `part` is what is here of it, and survives a run that breaks off."""

    file: WeightFile
    part: IO[bytes]
    on_progress: Progress
    timeout_s: float
    pause_s: float

    def complete(self, url: str) -> Path:
        """Bring what is missing from an address, check it, and put it in its place."""
        was_begun = size_of(self.part) > 0
        self.receive_all(url)
        if not self.is_right() and was_begun:
            self.part.truncate(0)  # the beginning was not what it should have been
            self.receive_all(url)
        if not self.is_right():
            self.part.truncate(0)
            raise DownloadFailed(
                f"What {host_of(url)} sent for {self.file.name} is not the published file (another "
                "SHA-256); nothing of it was kept."
            )
        os.fsync(self.part.fileno())
        here = Path(self.part.name)
        place = here.with_name(self.file.name)
        os.replace(here, place)
        return place

    def is_right(self) -> bool:
        """Tell whether what is here is the published file."""
        return sha256_of(Path(self.part.name)) == self.file.sha256

    def receive_all(self, url: str) -> None:
        """Receive until the size is right; try again where bytes still come."""
        tries = 0
        while (have := size_of(self.part)) < self.file.bytes:
            try:
                self.receive(url)
            except (OSError, HTTPException) as error:
                if isinstance(error, OSError) and error.errno in DiskFull.ERRNOS:
                    raise
                if isinstance(error, HTTPError) and error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    said = f"{host_of(url)} answers {error.code} for {url}."
                    raise DownloadFailed(said) from error
                tries = 0 if size_of(self.part) > have else tries + 1
                if tries >= MOST_TRIES:
                    raise DownloadFailed(unreachable(url, self.file, error)) from error
                time.sleep(self.pause_s)

    def receive(self, url: str) -> None:
        """Append what is missing to what is here; start again where the server cannot go on."""
        have = size_of(self.part)
        headers = {"User-Agent": "tailtrend", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with opened(url, headers, self.timeout_s) as answer:
            if have and not continues(answer, have):
                self.part.truncate(0)
            self.on_progress(size_of(self.part))
            while size_of(self.part) < self.file.bytes and (chunk := answer.read1(CHUNK_BYTES)):
                self.part.write(chunk)
                self.part.flush()
                self.on_progress(size_of(self.part))
        if size_of(self.part) < self.file.bytes:
            raise ConnectionError("the connection ended before the file did")


def continues(answer: HTTPResponse, have: int) -> bool:
    """Tell whether an answer goes on exactly where we are."""
    return answer.status == HTTPStatus.PARTIAL_CONTENT and answer.headers.get(
        "Content-Range", ""
    ).startswith(f"bytes {have}-")


def opened(url: str, headers: dict[str, str], timeout_s: float) -> HTTPResponse:
    """Open an address. Raises DownloadFailed for one that is not https, also behind a redirect."""
    check_scheme(url)
    opener = urllib.request.build_opener(OnlyHttps())
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - its scheme was checked
    answer: HTTPResponse = opener.open(request, timeout=timeout_s)
    return answer


class OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never away from https."""

    def redirect_request(self, *given: object) -> urllib.request.Request | None:
        check_scheme(str(given[-1]))
        return super().redirect_request(*given)  # type: ignore[arg-type]


def check_scheme(url: str) -> None:
    """Raise DownloadFailed unless an address is https, or this machine's own."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise DownloadFailed(f"Refused {url}: only https is fetched.")


def unreachable(url: str, file: WeightFile, error: Exception) -> str:
    """Say that a server could not be reached, and what helps."""
    reason = getattr(error, "reason", None) or error
    return (
        f"Cannot fetch {file.name} from {host_of(url)} ({reason}). Without a network, put the file "
        "into TAILTREND_WEIGHTS_DIR; else run the command again, it goes on where it stopped."
    )


def host_of(url: str) -> str:
    """Return an address's host."""
    return urlsplit(url).hostname or url


def check_room(into: IO[bytes], file: WeightFile) -> None:
    """Raise DownloadFailed where the disk has no room for what is missing."""
    missing = file.bytes - size_of(into)
    free = shutil.disk_usage(Path(into.name).parent).free
    if free < missing + SPARE_BYTES:
        raise DownloadFailed(
            f"The disk has {free / 1e6:.0f} MB free; {file.name} needs {missing / 1e6:.0f} MB and "
            f"{SPARE_BYTES / 1e6:.0f} MB should stay free. Make room or set TAILTREND_CACHE_DIR."
        )


@contextmanager
def disk_errors() -> Iterator[None]:
    """Say a full disk or a folder that cannot be written in one sentence."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in DiskFull.ERRNOS
        said = "The disk is full" if is_full else f"Cannot write: {error.strerror}"
        raise DownloadFailed(f"{said} ({error.filename or 'the cache'}).") from error


@contextmanager
def locked(part: Path) -> Iterator[IO[bytes]]:
    """Open the unfinished file for this process alone."""
    with part.open("ab+") as into:
        try:
            fcntl.flock(into, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DownloadFailed(f"Another process is fetching {part.name[1:]} now.") from error
        yield into


def size_of(file: IO[bytes]) -> int:
    """Return how many bytes a file holds."""
    return os.fstat(file.fileno()).st_size
