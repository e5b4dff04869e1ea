"""A worker whose jobs are threads, as on a GPU: one process, shared encoders, batches over jobs."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from shared.models import JobStatus, Step
from tests.clips import SAMPLES
from tests.factories import read
from worker import tasks
from worker.pipeline.encode import AudioEncoder, EncodeModels, VisionEncoder, encode
from worker.pipeline.encode.batching import Batched
from worker.pipeline.extract import ExtractModels, extract

COMMAND = [
    *(sys.executable, "-m", "celery", "-A", "worker.app", "worker"),
    *("--pool", "threads", "--concurrency", "4", "-Q", "encode,fuse", "--without-mingle"),
]


@pytest.fixture
def worker(servers):
    """A worker in a process of its own, which serves what comes after the first step."""
    environment = os.environ | {"TAILTREND_DEVICE": "cuda:0", "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_threads_take_jobs_to_their_end(submit, small_clip, worker):
    waiting = [submit(small_clip) for _ in range(3)]
    for job_id in waiting:
        tasks.work(str(job_id), Step.EXTRACT, served=frozenset({Step.EXTRACT}))
    until = time.monotonic() + 120
    while not all(read(j).status == JobStatus.SUCCEEDED for j in waiting):
        assert time.monotonic() < until, [read(j).status for j in waiting]
        assert worker.poll() is None
        threading.Event().wait(0.2)
    assert {read(j).attempts for j in waiting} == {1}


class Counting:
    """A network of seeded projections that counts how often it is asked."""

    def __init__(self, inputs, outputs):
        self.inputs, self.outputs, self.calls = inputs, outputs, 0

    def run(self, given):
        self.calls += 1
        if "mel" in given:
            frames = given["mel"].transpose(0, 2, 1)[:, ::2, :1].repeat(384, axis=2)
            return {"frames": np.ascontiguousarray(frames, np.float32)}
        means = given["pictures"].mean(axis=(1, 2, 3))
        return {"features": means[:, None].repeat(576, axis=1).astype(np.float32)}


def test_pictures_and_sounds_of_several_jobs_share_batches(tmp_path):
    from tests.clips import render

    path = tmp_path / "clip.mp4"
    render(replace(SAMPLES["talking_owner"], duration_s=2.5, width=160, height=96), path)
    extracted = extract(path, species="dog", models=ExtractModels(None, None))
    seeing = Counting(("pictures",), ("features",))
    hearing = Counting(("mel", "positions"), ("frames",))
    single = EncodeModels(VisionEncoder(seeing, "v", batch=64), AudioEncoder(hearing, "a"))
    alone = encode(extracted, single)
    seeing.calls = hearing.calls = 0
    models = EncodeModels(
        VisionEncoder(Batched(seeing, most=256, wait_s=2.0), "v", batch=64),
        AudioEncoder(Batched(hearing, most=6, wait_s=2.0), "a"),
    )
    found, start = [], threading.Barrier(6)

    def job():
        start.wait(60)
        found.append(encode(extracted, models))

    crowd = [threading.Thread(target=job) for _ in range(6)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(60)
    assert len(found) == 6
    assert hearing.calls < 6
    assert seeing.calls < 6
    for one in found:
        assert np.array_equal(one.vision, alone.vision)
        assert np.array_equal(one.audio, alone.audio)
