"""Stored objects that must go."""

import pytest

from shared import deletions
from shared.db import transaction
from tests.factories import make_job

pytestmark = pytest.mark.usefixtures("empty")


def owe(*prefixes, delay_s=0):
    with transaction() as session:
        for prefix in prefixes:
            deletions.owe(session, prefix, delay_s=delay_s)


def due(most=10):
    with transaction() as session:
        return deletions.take_due(session, most=most)


def test_a_deletion_is_due_when_its_delay_has_passed():
    owe("now/")
    owe("later/", delay_s=3600)
    assert due() == ["now/"]


def test_the_same_prefix_is_owed_once_with_the_newest_time():
    owe("a/", delay_s=3600)
    owe("a/")
    assert due() == ["a/"]


def test_a_deletion_can_be_taken_back_once():
    owe("a/")
    with transaction() as session:
        assert deletions.forget(session, "a/")
        assert not deletions.forget(session, "a/")
    assert due() == []


def test_two_sweeps_never_get_the_same_prefix():
    owe("a/", "b/", "c/")
    with transaction() as first, transaction() as second:
        taken = deletions.take_due(first, most=2)
        others = deletions.take_due(second, most=2)
    assert len(taken) == 2
    assert set(taken) | set(others) == {"a/", "b/", "c/"}
    assert not set(taken) & set(others)


def test_an_upload_whose_deletion_the_sweep_has_begun_cannot_be_accepted():
    owe("clips/x/")
    with transaction() as sweep:
        assert deletions.take_due(sweep, most=1) == ["clips/x/"]
    with transaction() as session:
        assert not deletions.forget(session, "clips/x/")


def test_a_clips_objects_are_its_media_and_the_artifacts_of_all_its_jobs():
    job = make_job(state="failed")
    with transaction() as session:
        receipt = deletions.receipt(session, deletions.CLIP, job.clip_id)
    assert set(due()) == set(receipt.objects) == {f"clips/{job.clip_id}/", f"artifacts/{job.id}/"}
