"""Which bundle decides: by setting, by job, out of object storage, and in the shadow."""

import json
import shutil

import pytest
from sqlalchemy import text

from cli.evaluate_shadow import agreement
from shared import shadows, storage
from shared.db import transaction
from shared.errors import BundleInvalid
from shared.models import Step
from shared.settings import settings
from tests.factories import read
from worker import deciders, tasks
from worker.pipeline.bundles import BUILT_IN
from worker.pipeline.run import analyze, load_models

ALL = frozenset(Step)


@pytest.fixture
def choose(monkeypatch, tmp_path):
    """Give a function that sets settings for this test only."""

    def _choose(**chosen):
        for name, value in chosen.items():
            monkeypatch.setenv(f"TAILTREND_{name.upper()}", value)
        settings.cache_clear()
        deciders.at.cache_clear()

    _choose(cache_dir=str(tmp_path / "cache"))
    yield _choose
    monkeypatch.undo()
    settings.cache_clear()
    deciders.at.cache_clear()


@pytest.fixture
def other(tmp_path):
    """A bundle beside the built-in one: the same table under another name."""
    return renamed(tmp_path / "other", "other")


def renamed(folder, name):
    shutil.copytree(BUILT_IN, folder)
    told = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(told | {"name": name}))
    return folder


def stored(folder, prefix):
    """Put a bundle into object storage; give its place."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            storage.put(f"{prefix}/{path.name}", file)
    return f"s3://{settings().s3_bucket}/{prefix}"


def test_the_built_in_bundle_decides_by_default(choose):
    assert deciders.named(None).name == "ethogram"
    assert deciders.shadow() is None


def test_a_directory_can_decide(choose, other):
    choose(bundle=str(other))
    assert deciders.named(None).name == "other"


def test_a_bundle_is_fetched_out_of_storage_once_and_checked(servers, choose, other, monkeypatch):
    place = stored(other, "bundles/fetched")
    choose(bundle=place)
    first = deciders.named(None)
    assert (first.name, first.directory.parent.name) == ("other", "bundles")
    deciders.at.cache_clear()
    assert deciders.named(None).sha256 == first.sha256


def test_a_bundle_that_is_not_in_storage_is_named(servers, choose):
    choose(bundle=f"s3://{settings().s3_bucket}/bundles/nothing")
    with pytest.raises(BundleInvalid, match=r"bundles/nothing/manifest\.json is not in"):
        deciders.named(None)


def test_a_name_that_was_not_configured_is_refused(choose):
    with pytest.raises(BundleInvalid, match="no bundle called ghost"):
        deciders.named("ghost")


def test_a_job_is_decided_by_the_bundle_that_it_names(submit, small_clip, choose, other):
    choose(bundles=json.dumps({"trial": str(other)}))
    job_id = submit(small_clip)
    with transaction() as session:
        session.execute(text("UPDATE jobs SET bundle = 'trial' WHERE id = :id"), {"id": job_id})
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert read(job_id).assessment.result["bundle"]["name"] == "other"


def test_a_worker_and_the_command_line_decide_the_same(submit, small_clip, choose, tmp_path):
    models = load_models(None, tmp_path / "cache", threads=1)
    said = analyze(small_clip, species="dog", models=models).as_json()
    job_id = submit(small_clip)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    kept = read(job_id).assessment.result
    assert said.keys() == kept.keys()
    assert {k: v for k, v in said.items() if k != "timings_s"} == {
        k: v for k, v in kept.items() if k != "timings_s"
    }


def test_a_shadow_is_kept_apart_from_the_answer(submit, small_clip, choose, other):
    choose(shadow_bundle=str(other))
    job_id = submit(small_clip)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert read(job_id).assessment.result["bundle"]["name"] == "ethogram"
    with transaction() as session:
        kept = session.execute(
            text("SELECT bundle, result FROM shadows WHERE job_id = :id"), {"id": job_id}
        ).one()
        pairs = [p for p in shadows.pairs(session) if p.shadow.startswith("other")]
    assert kept.bundle == "other 0.3.0"
    assert (
        kept.result["probabilities"].keys()
        == read(job_id).assessment.result["probabilities"].keys()
    )
    found = agreement(pairs)
    assert (found.clips, found.share, found.distance) == (1, 1.0, 0.0)


def test_a_shadow_that_breaks_costs_no_answer(submit, small_clip, choose, tmp_path):
    choose(shadow_bundle=str(tmp_path / "nothing"))
    job_id = submit(small_clip)
    tasks.work(str(job_id), Step.EXTRACT, served=ALL)
    assert read(job_id).assessment is not None


def test_kappa_is_agreement_beyond_chance():
    pair = shadows.Pair("a 1", "b 1", "Alert", "Alert", 40, 0.1)
    rest = [
        shadows.Pair("a 1", "b 1", "Alert", "", 10, 0.3),
        shadows.Pair("a 1", "b 1", "", "", 50, None),
    ]
    found = agreement([pair, *rest])
    assert found.share == pytest.approx(0.9)
    assert found.kappa == pytest.approx((0.9 - 0.5) / 0.5)
    assert found.distance == pytest.approx((40 * 0.1 + 10 * 0.3) / 50)


def test_faces_are_encoded_unless_every_bundle_can_be_read_and_reads_none(choose, tmp_path):
    assert not deciders.may_read_faces(None)
    choose(shadow_bundle=str(tmp_path / "nowhere"))
    assert deciders.may_read_faces(None)
