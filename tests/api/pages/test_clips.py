"""The clips of a pet: what each showed, what is in work, what could not be analysed."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from shared import verdicts
from shared.db import transaction
from shared.models import Assessment, Emotion, VerdictBy
from tests.factories import make_clip, make_job, make_pet
from tests.histories import CALM, TENSE, assess

NOW = datetime.now(UTC)


@pytest.fixture
def pet(account):
    return make_pet(account)


def test_a_pet_without_clips_is_shown_the_way(browser, pet):
    assert "No clips yet." in browser.get(f"/pets/{pet.id}/clips").text


def test_every_clip_is_on_one_page_newest_first(browser, pet):
    for n in range(70):
        assess(pet, NOW - timedelta(hours=n))
    seen, path = [], f"/pets/{pet.id}/clips"
    while path:
        page = browser.get(path).text
        seen += re.findall(r'href="/clips/([\w-]+)"', page)
        older = re.search(r'href="(\?before=[\w.-]+)"', page)
        path = older and f"/pets/{pet.id}/clips{older[1]}"
    assert len(seen) == len(set(seen)) == 70


@pytest.mark.parametrize("before", ["x", "nan_x", "1e999_0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10"])
def test_a_page_that_never_was_is_the_first_one(browser, pet, before):
    assert browser.get(f"/pets/{pet.id}/clips?before={before}").status_code == 200


def test_what_a_clip_showed_is_said_and_a_correction_counts(browser, pet):
    assess(pet, NOW, None)
    corrected = assess(pet, NOW - timedelta(hours=1), TENSE)
    assess(pet, NOW - timedelta(hours=2), CALM, reason="worried")
    with transaction() as session:
        found = session.get_one(Assessment, corrected)
        verdicts.create(session, found, label=Emotion.PLAYFUL, by=VerdictBy.VET)
    page = browser.get(f"/pets/{pet.id}/clips").text
    for said in ("Unclear", "the picture is too dark", "Playful", "corrected by a vet", "Worried"):
        assert said in page
    assert "Anxious" not in page


def test_clips_in_work_and_broken_ones_are_told_with_why(browser, pet):
    make_job(make_clip(pet))
    make_job(make_clip(pet), state="failed")
    page = browser.get(f"/pets/{pet.id}/clips").text
    assert "Waiting" in page
    assert "Could not be analysed" in page
    assert "cannot be read; it may be damaged" in page
