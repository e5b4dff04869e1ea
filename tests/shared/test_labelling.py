"""Which clips can be learned from, and which label would teach most."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from shared import labelling, verdicts
from shared.db import transaction
from shared.models import Assessment, Emotion, VerdictBy
from tests.factories import (
    ABSTAINED,
    FILMED_AT,
    RESULT,
    make_account,
    make_clip,
    make_job,
    make_pet,
    succeed,
)

SURE = RESULT | {
    "probabilities": {
        "Relaxed": 0.96, "Alert": 0.01, "Anxious": 0.01, "Playful": 0.01, "Distressed": 0.01,
    }, "emotion": "Relaxed",
}  # fmt: skip
LOST = ABSTAINED | {"abstention": {"code": "ambiguous", "text": "Several states are as likely."}}


@pytest.fixture
def account(servers):
    return make_account()


@pytest.fixture
def assessed(account):
    """Return a function that makes a clip with a result; gives the clip's and assessment's ids."""
    pet = make_pet(account)

    def make(result=RESULT, of=None):
        clip = make_clip(of or pet, recorded_at=FILMED_AT)
        job = make_job(clip)
        succeed(job, result)
        with transaction() as session:
            found = session.query(Assessment).filter_by(job_id=job.id).one()
            return clip.id, found.id

    return make


def say(assessment_id, label, by=VerdictBy.OWNER, author=None):
    with transaction() as session:
        assessment = session.get(Assessment, assessment_id)
        verdicts.create(session, assessment, label=label, by=by, author=author)


def learnable(*accounts):
    with transaction() as session:
        return {c.id: c for c in labelling.labelled(session, [a.id for a in accounts])}


def asked(account, limit=20):
    with transaction() as session:
        return labelling.queue(session, [account.id], limit=limit)


def test_a_corrected_clip_comes_with_each_persons_latest_word(account, assessed):
    clip, assessment = assessed()
    assessed()  # nobody corrected it
    say(assessment, Emotion.ALERT)
    say(assessment, Emotion.PLAYFUL)
    say(assessment, Emotion.DISTRESSED, VerdictBy.VET, "Dr A")
    found = learnable(account)
    assert set(found) == {clip}
    assert found[clip].votes == {"owner ": "Playful", "vet Dr A": "Distressed"}


def test_other_accounts_simulated_pets_and_clips_whose_media_is_gone_stay_out(account, assessed):
    others = make_account("other")
    foreign = assessed(of=make_pet(others))
    simulated = assessed(of=make_pet(account))
    gone = assessed()
    for _, assessment in (foreign, simulated, gone):
        say(assessment, Emotion.ALERT)
    with transaction() as session:
        session.execute(
            text("UPDATE pets SET is_simulated = true WHERE id = (SELECT pet_id FROM clips"
                 " WHERE id = :id)"), {"id": simulated[0]},
        )  # fmt: skip
        session.execute(
            text("UPDATE clips SET retention = 'delete_after_analysis',"
                 " media_expires_at = :at WHERE id = :id"),
            {"id": gone[0], "at": FILMED_AT - timedelta(days=1)},
        )  # fmt: skip
    assert learnable(account) == {}
    assert set(learnable(account, others)) == {foreign[0]}


def test_contradicted_clips_are_asked_for_first_then_the_most_doubtful(account, assessed):
    sure, doubtful, lost = assessed(SURE), assessed(), assessed(LOST)
    contradicted, settled = assessed(SURE), assessed()
    for label in (Emotion.ALERT, Emotion.PLAYFUL):
        say(contradicted[1], label)
    say(settled[1], Emotion.ALERT)
    found = asked(account)
    expected = [contradicted, lost, doubtful, sure]
    assert [one.clip_id for one in found] == [clip for clip, _ in expected]
    assert "contradict" in found[0].why
    assert "ambiguous" in found[1].why
    assert 0 < found[3].doubt < found[2].doubt < found[1].doubt == 1
    assert asked(account, limit=1) == found[:1]


def test_a_clip_that_no_label_could_help_is_not_asked_for(account, assessed):
    assessed(ABSTAINED)  # too dark
    assert asked(account) == []
