"""Style, scripts and pictures of the pages, under a path that changes with them."""

import functools
import hashlib
from pathlib import Path

from flask import Response, send_from_directory, url_for

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"


@functools.cache
def version() -> str:
    """Name the present state of all assets, so that browsers may keep each for ever."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(FOLDER).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def url(name: str) -> str:
    """Give the path of an asset; modules import each other by relative paths below it."""
    return url_for("pages.assets.send", of=version(), name=name)


def send(of: str, name: str) -> Response:
    """Send an asset. Raises Werkzeug's NotFound."""
    answer = send_from_directory(FOLDER, name)
    answer.headers["Cache-Control"] = FOR_EVER if of == version() else "no-cache"
    return answer
