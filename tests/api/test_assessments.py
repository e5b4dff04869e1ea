"""Assessments over HTTP."""

import io
import urllib.request
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared import deletions, storage
from shared.db import transaction
from tests.factories import (
    FILMED_AT,
    RESULT,
    make_assessments,
    make_clip,
    make_job,
    make_pet,
    succeed,
)

STILL = b"\xff\xd8 a still"


def test_an_assessment_is_read_as_it_was_made(api, account):
    job = make_job(make_clip(make_pet(account)), state="succeeded")
    shown = api.get(f"/v1/jobs/{job.id}").json
    read = api.get(f"/v1/assessments/{shown['assessment_id']}")
    assert read.status_code == 200
    assert read.json == shown["assessment"]
    assert read.json["signal_details"][0]["span_s"] == [1.5, 6.0]


def test_assessments_are_chosen_by_when_the_clip_was_filmed(api, account):
    pet = make_pet(account)
    days = [FILMED_AT + timedelta(days=number) for number in range(4)]
    make_assessments(pet, days)
    span = {"from": days[1].isoformat(), "to": days[3].isoformat()}
    listed = api.get(f"/v1/pets/{pet.id}/assessments", query_string=span).json["items"]
    assert [one["recorded_at"][:10] for one in listed] == ["2026-03-03", "2026-03-02"]


def test_a_span_without_a_zone_is_read_as_utc(api, account):
    pet = make_pet(account)
    make_assessments(pet, [FILMED_AT])
    path = f"/v1/pets/{pet.id}/assessments"
    assert api.get(path, query_string={"from": "2026-03-01T18:30:00"}).json["items"]
    assert not api.get(path, query_string={"from": "2026-03-01T18:30:01"}).json["items"]


def test_the_ends_of_time_are_spans_too(api, account):
    pet = make_pet(account)
    make_assessments(pet, [FILMED_AT])
    span = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-14:00"}
    listed = api.get(f"/v1/pets/{pet.id}/assessments", query_string=span)
    assert len(listed.json["items"]) == 1


def test_another_accounts_assessment_is_not_there(api, stranger, account):
    job = make_job(make_clip(make_pet(account)), state="succeeded")
    assessment_id = api.get(f"/v1/jobs/{job.id}").json["assessment_id"]
    assert stranger.get(f"/v1/assessments/{assessment_id}").status_code == 404


@pytest.fixture
def shown(api, account):
    """A clip's assessment whose first moment of two has a still."""
    clip = make_clip(make_pet(account))
    moments = [
        {"span_s": [2.0, 3.5], "why": "low tail", "image_url": "moments/1.jpg"},
        {"span_s": [4.0, 4.5], "why": "whining", "image_url": None},
    ]
    job = make_job(clip)
    succeed(job, RESULT | {"moments": moments})
    key = deletions.still_key(clip.storage_key, 1)
    storage.put(key, io.BytesIO(STILL), content_type="image/jpeg")
    return api.get(f"/v1/jobs/{job.id}").json["assessment"]


def test_a_moment_shows_its_still_by_url(api, shown):
    first, second = (moment["image_url"] for moment in shown["moments"])
    assert first == f"/v1/assessments/{shown['id']}/moments/1.jpg"
    assert second is None
    moved = api.get(first)
    assert moved.status_code == 302
    with urllib.request.urlopen(moved.headers["Location"], timeout=10) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (STILL, "image/jpeg")


def test_a_moment_without_a_still_and_another_accounts_are_not_there(api, stranger, shown):
    path = f"/v1/assessments/{shown['id']}/moments"
    assert api.get(f"{path}/2.jpg").status_code == 404
    assert api.get(f"{path}/7.jpg").status_code == 404
    assert stranger.get(f"{path}/1.jpg").status_code == 404


def test_a_still_lives_no_longer_than_the_media(api, shown):
    with transaction() as session:
        session.execute(
            text("UPDATE clips SET media_expires_at = now(), retention = 'days' WHERE id = :id"),
            {"id": shown["clip_id"]},
        )
    gone = api.get(f"/v1/assessments/{shown['id']}/moments/1.jpg")
    assert (gone.status_code, gone.json["code"]) == (410, "media_expired")
