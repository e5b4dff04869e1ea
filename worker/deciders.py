"""Which bundles decide: the built-in one, a directory, or files under an s3:// prefix.

A fetched bundle is kept in the cache under the hash of its manifest, which holds those of its
files. Read once per process: a worker is restarted to see another.
"""

import functools
import os
import tempfile
from pathlib import Path

from shared import storage
from shared.errors import BundleInvalid, MediaMissing, StorageUnavailable
from shared.settings import settings
from worker import priority
from worker.pipeline import bundles
from worker.pipeline.bundles import MANIFEST, Bundle
from worker.pipeline.weights import sha256_of

BUILT_IN = "ethogram"
S3 = "s3://"


def named(name: str | None) -> Bundle:
    """Return the bundle that a job asked for by name, or the server's own. Raises BundleInvalid."""
    chosen = settings()
    if name is not None and name not in chosen.bundles:
        raise BundleInvalid(f"This worker has no bundle called {name} (TAILTREND_BUNDLES).")
    return at(chosen.bundle if name is None else chosen.bundles[name])


def shadow() -> Bundle | None:
    """Return the bundle that is run beside the one that answers, if there is one."""
    place = settings().shadow_bundle
    return None if place is None else at(place)


def may_read_faces(name: str | None) -> bool:
    """Tell whether a bundle that will be asked reads faces, or cannot be read by this worker."""
    try:
        asked = (named(name), shadow())
    except (BundleInvalid, StorageUnavailable):
        return True
    return any(bundle is not None and bundle.manifest.reads_faces for bundle in asked)


@functools.cache
@priority.last  # the threads of its networks, too
def at(place: str) -> Bundle:
    """Return the checked bundle of a place, fetched where it is not here.

    Raises BundleInvalid, StorageUnavailable.
    """
    if place == BUILT_IN:
        return bundles.load_bundle()
    if not place.startswith(S3):
        return bundles.load_bundle(Path(place).expanduser())
    return bundles.load_bundle(fetched(place))


def fetched(place: str) -> Path:
    """Return the cached directory of a bundle in object storage, fetching what it lacks.

    Raises BundleInvalid, StorageUnavailable.
    """
    kept = settings().cache_dir.expanduser() / "bundles"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept) as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        fetch(place, MANIFEST, folder)
        home = kept / sha256_of(folder / MANIFEST)
        files = bundles.read_manifest(folder).files
        for name, expected in files.items():
            if expected is None or not is_same(home / name, expected):
                fetch(place, name, folder)
        settle(folder, home)
    return home


def fetch(place: str, name: str, folder: Path) -> None:
    """Fetch one file of a bundle. Raises BundleInvalid where there is none."""
    bucket, _, prefix = place.removeprefix(S3).partition("/")
    key = f"{prefix.strip('/')}/{name}".lstrip("/")
    try:
        storage.get(key, folder / name, bucket=bucket)
    except MediaMissing as error:
        raise BundleInvalid(f"{place}/{name} is not in object storage.") from error


def is_same(path: Path, expected: str) -> bool:
    """Tell whether a file is there and is the one that is meant."""
    return path.is_file() and sha256_of(path) == expected


def settle(folder: Path, home: Path) -> None:
    """Move what was fetched into the cache, file by file, so that readers never miss one."""
    home.mkdir(exist_ok=True)
    for path in sorted(folder.iterdir(), key=lambda p: p.name == MANIFEST):
        os.replace(path, home / path.name)
