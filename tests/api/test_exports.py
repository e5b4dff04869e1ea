"""What an owner can take along, and what a deletion removes, with its receipt."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from shared import uploads
from shared.db import transaction
from shared.models import Pet
from tests.api.test_clips import send
from tests.api.test_history import days_ago
from tests.factories import (
    MP4,
    make_pet,
    owed_deletions,
    read_job,
    succeed,
)
from tests.histories import TENSE, assess, served_trend, stored_summaries
from worker.sweep import delete_objects


@pytest.fixture
def pet(account):
    return make_pet(account)


@pytest.fixture
def full(api, pet):
    """A pet with one of everything."""
    assessment = assess(pet, days_ago(2), TENSE, tags=("evening", "visitor"))
    assess(pet, days_ago(1))
    api.post(f"/v1/assessments/{assessment}/verdicts", json={"label": "Alert", "by": "vet"})
    note = {"at": days_ago(1).isoformat(), "text": "=cmd|' /C calc'!A0"}
    api.post(f"/v1/pets/{pet.id}/notes", json=note)
    api.post(f"/v1/pets/{pet.id}/baseline", json={"reason": "new home"})
    link = api.post(f"/v1/pets/{pet.id}/report-links", json={"name": "Dr. Kim"}).json
    assert api.get(urlsplit(link["url"]).path).status_code == 200
    stored_summaries(pet.id)
    served_trend(pet.id)
    return pet


def test_a_json_export_holds_everything_about_a_pet(api, full):
    answer = api.get(f"/v1/pets/{full.id}/export.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert str(full.id) in answer.headers["Content-Disposition"]
    told = json.loads(answer.data)
    assert told["pet"]["id"] == str(full.id)
    counts = {name: len(rows) for name, rows in told.items() if name != "pet"}
    assert counts == {
        "clips": 2,
        "jobs": 2,
        "assessments": 2,
        "verdicts": 1,
        "baselines": 1,
        "notes": 1,
        "alerts": 0,
        "report_links": 1,
        "report_views": 1,
    }
    assert "token" not in answer.text
    assert told["assessments"][0]["result"]["probabilities"] == TENSE
    assert told["clips"][0]["tags"] == ["evening", "visitor"]


def test_a_csv_export_has_a_row_for_each_assessment(api, full):
    answer = api.get(f"/v1/pets/{full.id}/export.csv")
    assert answer.content_type.startswith("text/csv")
    first, second = csv.DictReader(io.StringIO(answer.text))
    assert (first["emotion"], first["verdict"], first["verdict_by"]) == ("Anxious", "Alert", "vet")
    assert float(first["anxious"]) == TENSE["Anxious"]
    assert (second["emotion"], second["verdict"]) == ("Relaxed", "")


def test_no_text_of_an_owner_becomes_a_formula(api, account, pet):
    send(api, pet, note="=HYPERLINK(0)", tags="@home")
    (row,) = csv.DictReader(io.StringIO(api.get(f"/v1/pets/{pet.id}/export.csv").text))
    assert (row["note"], row["tags"]) == ("'=HYPERLINK(0)", "'@home")


def test_an_empty_pet_exports_an_empty_document(api, pet):
    told = json.loads(api.get(f"/v1/pets/{pet.id}/export.json").data)
    assert {name: rows for name, rows in told.items() if name != "pet" and rows} == {}


def test_an_export_is_streamed_and_of_one_moment(api, pet):
    for day in range(3):
        assess(pet, days_ago(day))
    answer = api.get(f"/v1/pets/{pet.id}/export.csv", buffered=False)
    parts = iter(answer.response)
    next(parts)
    next(parts)
    assess(pet, days_ago(9))
    assert len(list(parts)) == 2
    answer.close()


def rows_about(pet_id):
    """Count what is left about a pet in every table that knows pets."""
    with transaction() as session:
        tables = session.scalars(
            text("SELECT table_name FROM information_schema.columns WHERE column_name = 'pet_id'")
        ).all()
        return {
            table: n
            for table in tables
            if (
                n := session.scalar(text(f"SELECT count(*) FROM {table} WHERE pet_id = '{pet_id}'"))
            )
        }


def test_a_pets_receipt_lists_its_objects_and_counts_its_rows(api, full):
    clip_ids = [clip["id"] for clip in api.get("/v1/clips").json["items"]]
    before = rows_about(full.id)
    receipt = api.delete(f"/v1/pets/{full.id}").json
    assert {f"clips/{clip_id}/" for clip_id in clip_ids} <= set(receipt["objects"])
    assert all(owed_deletions(prefix) == 1 for prefix in receipt["objects"])
    rows = receipt["rows"]
    assert rows["pets"] == 1
    assert {table: rows.get(table) for table in before} == before
    assert (rows["jobs"], rows["clips"], rows["verdicts"]) == (2, 2, 1)
    assert datetime.now(UTC) - datetime.fromisoformat(receipt["deleted_at"]) < timedelta(minutes=1)
    assert rows_about(full.id) == {}
    assert api.get(f"/v1/pets/{full.id}").status_code == 404


def test_a_clips_receipt_leaves_the_pet_and_its_other_clips(api, full):
    clip = api.get("/v1/clips").json["items"][0]
    receipt = api.delete(f"/v1/clips/{clip['id']}").json
    assert receipt["rows"]["clips"] == receipt["rows"]["assessments"] == 1
    assert "pets" not in receipt["rows"]
    assert [prefix for prefix in receipt["objects"] if prefix.startswith("clips/")] == [
        f"clips/{clip['id']}/"
    ]
    assert len(stored_summaries(full.id)["day"]) == 1


def test_an_accounts_end_takes_all_along_and_closes_its_keys(api, account, full, stranger):
    other = stranger.post("/v1/pets", json={"name": "Luna", "species": "cat"}).json
    receipt = api.delete("/v1/account").json
    assert (
        receipt["rows"]["accounts"] == receipt["rows"]["pets"] == receipt["rows"]["api_keys"] == 1
    )
    assert receipt["rows"]["assessments"] == 2
    assert rows_about(full.id) == {}
    assert api.get("/v1/pets").status_code == 401
    assert stranger.get(f"/v1/pets/{other['id']}").status_code == 200


def test_a_waiting_upload_goes_with_its_pet(api, pet):
    said = {"pet_id": str(pet.id), "size_bytes": len(MP4), "sha256": "ab" * 32}
    upload = api.post("/v1/uploads", json=said).json
    receipt = api.delete(f"/v1/pets/{pet.id}").json
    assert f"uploads/{upload['id']}/raw" in receipt["objects"]
    assert receipt["rows"]["uploads"] == 1
    assert owed_deletions(f"uploads/{upload['id']}/") == 1  # later, for a PUT that is still running


def media_of(api, clip_id):
    return api.get(f"/v1/clips/{clip_id}/media")


def test_media_that_is_kept_has_no_end(api, pet):
    clip_id = send(api, pet).json["clip_id"]
    clip = api.get(f"/v1/clips/{clip_id}").json
    assert (clip["retention"], clip["media_expires_at"]) == ("keep", None)
    assert media_of(api, clip_id).status_code == 302


def test_media_kept_for_days_says_until_when_and_then_is_gone(api, pet):
    clip_id = send(api, pet, retention="days", retention_days="3").json["clip_id"]
    clip = api.get(f"/v1/clips/{clip_id}").json
    left = datetime.fromisoformat(clip["media_expires_at"]) - datetime.now(UTC)
    assert timedelta(days=2.9) < left < timedelta(days=3.1)
    assert media_of(api, clip_id).status_code == 302
    with transaction() as session:
        for what in (
            "UPDATE clips SET media_expires_at = now() WHERE id = :id",
            "UPDATE deletions SET due_at = now()"
            " WHERE prefix = 'clips/' || CAST(:id AS text) || '/media'",
        ):
            session.execute(text(what), {"id": clip_id})
    gone = media_of(api, clip_id)
    assert (gone.status_code, gone.json["code"]) == (410, "media_expired")


def test_media_for_the_analysis_only_goes_with_the_result_and_the_result_stays(api, pet):
    job = send(api, pet, retention="delete_after_analysis").json
    assert media_of(api, job["clip_id"]).status_code == 302
    succeed(read_job(job["id"]))
    gone = media_of(api, job["clip_id"])
    assert (gone.status_code, gone.json["code"]) == (410, "media_expired")
    assert owed_deletions(f"clips/{job['clip_id']}/media") == 1
    delete_objects()
    assert owed_deletions(f"clips/{job['clip_id']}/media") == 0
    assert api.get(f"/v1/jobs/{job['id']}").json["assessment"]["emotion"] == "Anxious"
    assert api.get(f"/v1/clips/{job['clip_id']}").json["media_expires_at"] is not None


def keep(api, clip_id, **said):
    return api.patch(f"/v1/clips/{clip_id}", json=said)


def test_a_retention_that_is_changed_counts_from_then(api, pet):
    clip_id = send(api, pet, retention="days", retention_days="3").json["clip_id"]
    changed = keep(api, clip_id, retention="days", retention_days=9).json
    left = datetime.fromisoformat(changed["media_expires_at"]) - datetime.now(UTC)
    assert timedelta(days=8.9) < left < timedelta(days=9.1)
    assert owed_deletions(f"clips/{clip_id}/media") == 1
    kept = keep(api, clip_id, retention="keep").json
    assert (kept["retention"], kept["media_expires_at"]) == ("keep", None)
    assert owed_deletions(f"clips/{clip_id}/media") == 0
    assert media_of(api, clip_id).status_code == 302


def test_media_that_is_no_longer_to_be_kept_goes_at_once_after_the_result(api, pet):
    job = send(api, pet).json
    waits = keep(api, job["clip_id"], retention="delete_after_analysis").json
    left = datetime.fromisoformat(waits["media_expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6.9) < left < timedelta(days=7.1)
    assert keep(api, job["clip_id"], retention="keep").status_code == 200
    succeed(read_job(job["id"]))
    assert media_of(api, job["clip_id"]).status_code == 302
    assert keep(api, job["clip_id"], retention="delete_after_analysis").status_code == 200
    assert media_of(api, job["clip_id"]).json["code"] == "media_expired"
    delete_objects()
    assert owed_deletions(f"clips/{job['clip_id']}/media") == 0


def test_media_that_waits_for_a_second_analysis_is_kept_for_it(api, pet):
    job = send(api, pet).json
    succeed(read_job(job["id"]))
    assert send(api, pet, force="true").status_code == 202
    with transaction() as session:
        session.execute(
            text("UPDATE jobs SET clip_id = :clip_id WHERE finished_at IS NULL"),
            {"clip_id": job["clip_id"]},
        )
    assert keep(api, job["clip_id"], retention="delete_after_analysis").status_code == 200
    assert media_of(api, job["clip_id"]).status_code == 302


def test_media_that_is_gone_cannot_be_kept(api, pet):
    job = send(api, pet, retention="delete_after_analysis").json
    succeed(read_job(job["id"]))
    gone = keep(api, job["clip_id"], retention="keep")
    assert (gone.status_code, gone.json["code"]) == (410, "media_expired")
    assert owed_deletions(f"clips/{job['clip_id']}/media") == 1


@pytest.mark.parametrize(
    "said", [{}, {"retention": "forever"}, {"retention": None}, {"retention": "days"},
             {"retention_days": 3}, {"retention": "keep", "retention_days": 3}],
)  # fmt: skip
def test_a_change_of_retention_that_makes_no_sense_is_refused(api, pet, said):
    refused = keep(api, send(api, pet).json["clip_id"], **said)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")


def test_a_deleted_clip_owes_no_second_deletion(api, pet):
    clip_id = send(api, pet, retention="days", retention_days="3").json["clip_id"]
    assert owed_deletions(f"clips/{clip_id}/media") == 1
    api.delete(f"/v1/clips/{clip_id}")
    assert owed_deletions(f"clips/{clip_id}/media") == 0


@pytest.mark.parametrize(
    "form",
    [
        {"retention": "forever"},
        {"retention": "days"},
        {"retention_days": "3"},
        {"retention": "days", "retention_days": "0"},
        {"retention": "delete_after_analysis", "retention_days": "3"},
    ],
)
def test_a_retention_that_makes_no_sense_is_refused(api, pet, form):
    refused = send(api, pet, **form)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_request")


def test_an_upload_keeps_what_was_said_of_its_media(api, pet):
    said = {"pet_id": str(pet.id), "size_bytes": len(MP4), "sha256": "ab" * 32}
    asked = said | {"retention": "days", "retention_days": 5}
    upload = api.post("/v1/uploads", json=asked).json
    with transaction() as session:
        told = uploads.told(uploads.get(session, pet.account_id, upload["id"]))
    assert (told.retention, told.retention_days) == ("days", 5)


def test_a_strangers_account_is_not_touched_by_an_export_or_a_receipt(api, stranger, full):
    assert stranger.get(f"/v1/pets/{full.id}/export.json").status_code == 404
    assert stranger.delete(f"/v1/pets/{full.id}").status_code == 404
    with transaction() as session:
        assert session.get(Pet, full.id) is not None
