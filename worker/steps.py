"""What each step does with its data. Knows no job state: that is `tasks.py`."""

import functools
import json
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from shared import deletions, storage
from shared.jobs import Lease
from shared.models import Step
from shared.settings import settings
from worker import deciders, priority
from worker.heartbeat import Heartbeat
from worker.pipeline import encode as encoding_stage
from worker.pipeline import extract as extract_stage
from worker.pipeline import fuse as fuse_stage
from worker.pipeline.bundles import Bundle
from worker.pipeline.fuse.answer import Assessment
from worker.sandbox import Sandbox

LOADING = threading.Lock()  # a cache alone lets two threads load at once

log = structlog.get_logger()

PROGRESS_AT_START = {Step.EXTRACT: 0, Step.ENCODE: 85, Step.FUSE: 96}  # shares of a usual clip


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed job in progress: its lease, its pulse and a folder that goes when it ends."""

    lease: Lease
    heartbeat: Heartbeat
    folder: Path


@dataclass(frozen=True, slots=True)
class Data:
    """What the steps so far have found, and how long each took."""

    extract: extract_stage.Extract | None = None
    encoding: encoding_stage.Encoding | None = None
    timings_s: dict[str, float] = field(default_factory=dict)

    def with_time(self, step: Step, started_at: float) -> "Data":
        """Add the seconds since `started_at` (time.monotonic()) under the step's name."""
        seconds = round(time.monotonic() - started_at, 4)
        return replace(self, timings_s={**self.timings_s, step: seconds})


def encoders() -> encoding_stage.EncodeModels:
    """Load this process's encoders once; its threads share them, and on a GPU their batches."""
    with LOADING:
        return _encoders()


@functools.cache
@priority.last  # the threads of its networks, too
def _encoders() -> encoding_stage.EncodeModels:
    chosen = settings()
    return encoding_stage.load_encoders(
        chosen.weights_dir,
        chosen.cache_dir.expanduser(),
        chosen.model_threads,
        device=chosen.device,
        precision=chosen.device_precision,
    )


@functools.cache
def sandbox() -> Sandbox:
    """Keep this process's child that decodes clips."""
    return Sandbox()


def extract(work: Work, _: Data) -> Data:
    """Fetch the clip, decode it in the sandbox and measure it."""
    started_at = time.monotonic()
    clip, output = work.folder / "clip", work.folder / "extract"
    storage.get(work.lease.clip_key, clip)
    share = PROGRESS_AT_START[Step.ENCODE]
    sandbox().extract(
        clip,
        output,
        species=work.lease.species,
        faces=deciders.may_read_faces(work.lease.bundle),
        on_progress=lambda fraction: work.heartbeat.report(share * fraction),
    )
    return Data(extract_stage.load(output)).with_time(Step.EXTRACT, started_at)


def encode(work: Work, data: Data) -> Data:
    """Run the encoders over what was extracted."""
    started_at = time.monotonic()
    work.heartbeat.report(PROGRESS_AT_START[Step.ENCODE])
    assert data.extract is not None
    faces = deciders.may_read_faces(work.lease.bundle)
    found = priority.last(encoding_stage.encode)(data.extract, encoders(), faces=faces)
    return replace(data, encoding=found).with_time(Step.ENCODE, started_at)


def fuse(work: Work, data: Data) -> dict[str, Any]:
    """Decide, explain and recommend; give the assessment as JSON."""
    started_at = time.monotonic()
    work.heartbeat.report(PROGRESS_AT_START[Step.FUSE])
    bundle = deciders.named(work.lease.bundle)
    assessment = fuse_with(bundle, work, data)
    timings_s = data.with_time(Step.FUSE, started_at).timings_s
    return replace(assessment, timings_s=timings_s).as_json()


@priority.last
def fuse_with(bundle: Bundle, work: Work, data: Data) -> Assessment:
    """Assess with one bundle."""
    assert data.extract is not None
    assert data.encoding is not None
    lease = work.lease
    return fuse_stage.fuse(data.extract, data.encoding, bundle, lease.species, lease.breed)


def shadow(work: Work, data: Data) -> dict[str, Any] | None:
    """Ask the shadow bundle, if there is one, about what the answer was made from.

    Whatever goes wrong in it is said in the log and costs no answer.
    """
    try:
        bundle = deciders.shadow()
        if bundle is None:
            return None
        return fuse_with(bundle, work, data).as_json()
    except Exception:
        log.warning("shadow_failed", exc_info=True)
        return None


def draw_moments(work: Work, data: Data, result: dict[str, Any]) -> list[Path]:
    """Draw a still for each moment of a result, and name it there; give the files in order."""
    moments = result["moments"][: deletions.MOST_STILLS]
    if data.extract is None or not moments:
        return []
    paths = []
    drawn = priority.last(fuse_stage.stills)(data.extract, [tuple(m["span_s"]) for m in moments])
    for number, (moment, jpeg) in enumerate(zip(moments, drawn, strict=True), start=1):
        path = work.folder / f"moment-{number}.jpg"
        path.write_bytes(jpeg)
        moment["image_url"] = f"moments/{number}.jpg"  # below the assessment's own address
        paths.append(path)
    return paths


def store_stills(work: Work, paths: list[Path]) -> None:
    """Put stills beside their clip."""
    for number, path in enumerate(paths, start=1):
        key = deletions.still_key(work.lease.clip_key, number)
        with path.open("rb") as file:
            storage.put(key, file, content_type="image/jpeg")


RUN: dict[Step, Callable[[Work, Data], Data]] = {Step.EXTRACT: extract, Step.ENCODE: encode}


def store(work: Work, data: Data, key: str) -> None:
    """Put what the next step reads into object storage, as one archive."""
    archive = work.folder / "artifact"
    assert data.extract is not None
    extract_stage.save(data.extract, work.folder / "extract")
    parts = ["extract"]
    if data.encoding is not None:
        encoding_stage.save(data.encoding, work.folder / "encoding")
        parts.append("encoding")
    (work.folder / "timings").write_text(json.dumps(data.timings_s))
    with zipfile.ZipFile(archive, "w") as zipped:  # stored, not compressed
        for part in [*parts, "timings"]:
            zipped.write(work.folder / part, part)
    with archive.open("rb") as file:
        storage.put(key, file)


def load(work: Work) -> Data:
    """Fetch what the claimed step reads; nothing, when that is the clip itself.

    Raises ArtifactInvalid when another version of the pipeline stored it in another form.
    """
    if work.lease.artifact_key is None:
        return Data()
    archive = work.folder / "artifact"
    storage.get(work.lease.artifact_key, archive)
    encoding = work.folder / "encoding"
    try:
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(work.folder)
        return Data(
            extract_stage.load(work.folder / "extract"),
            encoding_stage.load(encoding) if encoding.exists() else None,
            json.loads((work.folder / "timings").read_text()),
        )
    except (zipfile.BadZipFile, FileNotFoundError, json.JSONDecodeError) as error:
        raise extract_stage.ArtifactInvalid(str(error)) from error
