"""The bundles that decide: a directory with a manifest, read, checked and named by its content."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from shared.errors import BundleInvalid
from worker.pipeline.manifest import Manifest
from worker.pipeline.weights import RECORDS, sha256_of

BUILT_IN = Path(__file__).parent / "ethogram"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A versioned directory that decides; `sha256` is over the names and contents of its files."""

    name: str
    version: str
    arch: str
    sha256: str
    directory: Path
    manifest: Manifest

    def __hash__(self) -> int:
        return hash(self.sha256)

    def path(self, name: str) -> Path:
        """Return the bundle's own file of this name, else the built-in's."""
        return (self.directory if name in self.manifest.files else BUILT_IN) / name


@functools.cache
def load_bundle(directory: Path = BUILT_IN) -> Bundle:
    """Read a bundle and check every file. Raises BundleInvalid, which names file and reason."""
    manifest = read_manifest(directory)
    for name, expected in manifest.files.items():
        check_file(directory, name, expected)
    check_encoders(directory, manifest)
    digest = content_sha256(directory, manifest)
    return Bundle(manifest.name, manifest.version, manifest.arch, digest, directory, manifest)


def read_manifest(directory: Path) -> Manifest:
    """Read a bundle's manifest. Raises BundleInvalid."""
    try:
        text = (directory / MANIFEST).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleInvalid(f"{directory} is no bundle: {MANIFEST} cannot be read.") from error
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise BundleInvalid(f"{directory / MANIFEST}: {in_words(error)}.") from error


def in_words(error: ValidationError) -> str:
    """Say what is wrong with each field, without pydantic's links."""
    return "; ".join(
        f"{'.'.join(str(at) for at in one['loc']) or 'the whole'}: {one['msg']}"
        for one in error.errors()
    )


def check_file(directory: Path, name: str, expected: str | None) -> None:
    """Raise BundleInvalid unless a file is there and is what the manifest says."""
    path = directory / name
    if not path.is_file():
        raise BundleInvalid(f"{path} is missing from its bundle.")
    if expected is not None and sha256_of(path) != expected:
        raise BundleInvalid(f"{path} is not the file that its bundle names: another SHA-256.")


def check_encoders(directory: Path, manifest: Manifest) -> None:
    """Raise BundleInvalid for an encoder that the registry does not know."""
    known = {(r.role, f.weights) for r in RECORDS for f in r.files}
    for encoder in manifest.encoders:
        if (encoder.role, encoder.name) not in known:
            raise BundleInvalid(f"{directory}: no {encoder.role} is called {encoder.name}.")


def content_sha256(directory: Path, manifest: Manifest) -> str:
    """Hash the names and contents of a bundle's files, then its manifest."""
    digest = hashlib.sha256()
    for name in sorted(manifest.files):
        digest.update(name.encode() + b"\0" + (directory / name).read_bytes())
    digest.update((directory / MANIFEST).read_bytes())
    return digest.hexdigest()


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write a manifest into its directory, with the hash of every file that must have one."""
    files = {
        name: None if digest is None else sha256_of(directory / name)
        for name, digest in manifest.files.items()
    }
    told = manifest.model_dump(mode="json", by_alias=True) | {"files": files}
    checked = Manifest.model_validate(told)
    text = json.dumps(checked.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False)
    (directory / MANIFEST).write_text(text + "\n", "utf-8")
