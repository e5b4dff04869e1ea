"""Assessments over HTTP."""

from datetime import timedelta

from tests.factories import FILMED_AT, make_assessments, make_clip, make_job, make_pet


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
