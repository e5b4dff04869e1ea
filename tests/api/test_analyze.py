"""The one-call form."""

import io
import threading
import time

import pytest
from sqlalchemy import select

from shared import jobs
from shared.db import transaction
from shared.errors import AttemptsExhausted, ClipTooLong, StorageUnavailable
from shared.models import Job, Pet
from tests.factories import ABSTAINED, MP4, claim, make_pet, succeed


def analyze(client, **form):
    return client.post("/analyze", data={"file": (io.BytesIO(MP4), "clip.mp4")} | form)


def fail_with(error):
    def end(job):
        lease = claim(job)
        with transaction() as session:
            jobs.fail(session, lease, error)

    return end


def analyze_while(client, account, end, **form):
    """Ask, and end the job from another thread as soon as it is there."""

    def work():
        while True:
            with transaction() as session:
                job = session.scalar(select(Job).where(Job.account_id == account.id))
            if job is not None:
                return end(job)
            time.sleep(0.02)

    worker = threading.Thread(target=work)
    worker.start()
    answer = analyze(client, **form)
    worker.join()
    return answer


def test_the_answer_has_four_fields(api, account):
    answer = analyze_while(api, account, succeed)
    assert answer.status_code == 200
    assert answer.json == {
        "emotion": "Anxious",
        "confidence": 0.71,
        "signals": ["low tail"],
        "recommendation": "Reduce noise.",
    }
    assert api.get(answer.headers["Location"]).json["status"] == "succeeded"


def test_a_clip_that_does_not_tell_says_why_in_the_recommendation(api, account):
    answer = analyze_while(api, account, lambda job: succeed(job, ABSTAINED))
    assert answer.json["emotion"] is None
    assert answer.json["recommendation"] == "The clip is too dark. Reduce noise."


@pytest.mark.parametrize(
    ("error", "status"),
    [(ClipTooLong(), 422), (AttemptsExhausted(), 422), (StorageUnavailable(), 503)],
)
def test_a_job_that_fails_answers_with_its_code(api, account, error, status):
    answer = analyze_while(api, account, fail_with(error))
    assert (answer.status_code, answer.json["code"]) == (status, error.code)
    assert answer.content_type == "application/problem+json"


def test_without_a_result_in_time_the_answer_is_the_job(api, setting):
    setting(analyze_wait_s=0.1)
    answer = analyze(api)
    assert (answer.status_code, answer.json["status"]) == (202, "queued")
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"


def test_clips_without_a_pet_share_one_unnamed_pet_of_their_species(api, account, setting):
    setting(analyze_wait_s=0)
    for species in ("dog", "cat", "cat"):
        assert analyze(api, species=species).status_code == 202
    with transaction() as session:
        pets = session.scalars(select(Pet).where(Pet.account_id == account.id)).all()
    assert sorted(pet.name for pet in pets) == ["Unnamed cat", "Unnamed dog"]


def test_a_clip_may_name_its_pet(api, account, setting):
    setting(analyze_wait_s=0)
    pet = make_pet(account)
    assert analyze(api, pet_id=str(pet.id)).json["pet_id"] == str(pet.id)


def test_a_strangers_pet_is_not_there(stranger, account):
    assert analyze(stranger, pet_id=str(make_pet(account).id)).status_code == 404
