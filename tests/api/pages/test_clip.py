"""The page of one clip: its result in words, and what an owner can do about it."""

import pytest
from sqlalchemy import text

from shared.db import transaction
from tests.factories import ABSTAINED, RESULT, make_clip, make_job, make_pet, succeed
from tests.pages import form_token


@pytest.fixture
def pet(account):
    return make_pet(account, name="Milo")


@pytest.fixture
def clip(pet):
    made = make_clip(pet)
    succeed(make_job(made))
    return made


def page_of(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def post(browser, clip, what, **fields):
    told = {"csrf": form_token(browser, f"/clips/{clip.id}")} | fields
    return browser.post(f"/clips/{clip.id}/{what}", data=told)


def test_a_clip_opens_at_the_moment_that_mattered(browser, clip):
    page = page_of(browser, f"/clips/{clip.id}")
    assert "#t=2.00" in page
    assert "#t=4.50" in page_of(browser, f"/clips/{clip.id}?t=4.5")


def test_a_clip_says_what_was_found_for_against_and_not_measurable(browser, clip):
    page = page_of(browser, f"/clips/{clip.id}")
    told = ["Speaks for Anxious", "moderate evidence", "low tail", "1.5–6.0 s", "ear position"]
    for said in told:
        assert said in page, said


def test_where_nothing_is_concluded_signs_speak_for_what_is_likeliest(browser, pet):
    clip = make_clip(pet)
    unsure = {"code": "insufficient_evidence", "text": "It says too little."}
    succeed(make_job(clip), RESULT | {"emotion": None, "abstention": unsure})
    assert "Speaks for Anxious" in page_of(browser, f"/clips/{clip.id}")


def test_the_sound_is_drawn_under_the_course_where_there_was_some(browser, pet, clip):
    assert 'class="sound"' not in page_of(browser, f"/clips/{clip.id}")
    heard = make_clip(pet)
    strip = [{"t_s": 0.5, "level": 0.1, "calls": 0.0}, {"t_s": 1.0, "level": 0.8, "calls": 0.4}]
    job = make_job(heard)
    succeed(job, RESULT | {"sound_strip": strip})
    page = page_of(browser, f"/clips/{heard.id}")
    drawn = page.partition('class="sound"')[2].partition("</svg>")[0]
    assert drawn.count("<rect") == 2
    assert drawn.count('class="call"') == 1
    assert 'y="20.0" height="80.0"' in drawn


def test_an_abstention_says_what_kept_it_from_a_result(browser, pet):
    clip = make_clip(pet)
    succeed(make_job(clip), ABSTAINED)
    page = page_of(browser, f"/clips/{clip.id}")
    assert "Cannot tell" in page
    assert "The clip is too dark." in page
    assert "Speaks for" not in page


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", ["tief getragene Rute", "passen zu Anspannung"]),
        ("ko", ["내린 꼬리", "긴장한 모습과 맞습니다"]),
    ],
)
def test_signals_and_advice_are_said_in_the_readers_language(browser, clip, language, said):
    browser.set_cookie("language", language)
    page = page_of(browser, f"/clips/{clip.id}")
    for one in said:
        assert one in page
    assert "low tail" not in page


def test_seconds_are_written_as_the_reader_writes_numbers(browser, clip):
    page = browser.get(f"/clips/{clip.id}", headers={"Accept-Language": "de"}).text
    assert "1,5–6,0 s" in page
    assert 'data-jump="1.50"' in page


def test_an_abstention_is_told_in_the_readers_language(browser, pet):
    clip = make_clip(pet)
    succeed(make_job(clip), ABSTAINED)
    browser.set_cookie("language", "de")
    page = page_of(browser, f"/clips/{clip.id}")
    assert "Das Bild ist zu dunkel" in page
    assert "The clip is too dark." not in page


def test_a_failed_analysis_is_told_in_words_and_can_be_tried_again(browser, api, pet):
    clip = make_clip(pet)
    make_job(clip, state="failed")
    page = page_of(browser, f"/clips/{clip.id}")
    assert "cannot be read" in page
    assert post(browser, clip, "retry").status_code == 303
    assert len(api.get("/v1/jobs?status=queued").json["items"]) == 1
    assert "Looking and listening" in page_of(browser, f"/clips/{clip.id}")


def test_a_correction_stands_beside_the_result(browser, clip):
    answer = post(browser, clip, "verdict", label="Playful", by="owner", note="He was waiting")
    page = page_of(browser, answer.headers["Location"])
    assert "You said: <strong>Playful</strong>" in page
    assert "He was waiting" in page
    assert "Your correction counts" in page


def test_a_correction_that_names_nothing_is_not_taken(browser, clip):
    answer = post(browser, clip, "verdict", by="owner")
    assert answer.status_code == 422
    assert "Choose what the clip shows." in answer.text


def test_a_clip_moves_to_another_pet_of_the_account_only(browser, api, account, clip):
    other = make_pet(account, name="Rex")
    assert post(browser, clip, "move", pet_id=other.id).status_code == 303
    assert api.get(f"/v1/clips/{clip.id}").json["pet_id"] == str(other.id)
    assert post(browser, clip, "move", pet_id=make_pet().id).status_code == 404
    assert post(browser, clip, "move", pet_id="x").status_code == 404


def test_why_it_was_filmed_can_be_changed(browser, api, clip):
    answer = post(browser, clip, "reason", reason="worried")
    assert api.get(f"/v1/clips/{clip.id}").json["reason"] == "worried"
    assert "Saved." in page_of(browser, answer.headers["Location"])
    assert post(browser, clip, "reason", reason="bored").status_code == 422


def test_how_long_the_video_is_kept_can_be_changed(browser, api, clip):
    answer = post(browser, clip, "retention", retention="days")
    assert "is deleted on" in page_of(browser, answer.headers["Location"])
    assert api.get(f"/v1/clips/{clip.id}").json["retention"] == "days"
    assert post(browser, clip, "retention", retention="forever").status_code == 422
    post(browser, clip, "retention", retention="delete_after_analysis")
    page = page_of(browser, f"/clips/{clip.id}")
    assert "was deleted as asked" in page
    assert "Privacy and retention" not in page
    assert post(browser, clip, "retention", retention="keep").status_code == 410


def test_the_day_on_which_a_video_goes_is_the_owners(browser, account):
    clip = make_clip(make_pet(account, time_zone="Asia/Seoul"))
    succeed(make_job(clip))
    with transaction() as session:
        set_to = (
            "UPDATE clips SET retention = 'days',"
            " media_expires_at = '2099-12-27T23:00Z' WHERE id = :id"
        )
        session.execute(text(set_to), {"id": clip.id})
    assert "is deleted on 28 Dec 2099" in page_of(browser, f"/clips/{clip.id}")


def test_a_deleted_clip_leaves_a_receipt(browser, clip):
    answer = post(browser, clip, "delete")
    assert answer.status_code == 200
    assert f"clips/{clip.id}/" in answer.text
    assert browser.get(f"/clips/{clip.id}").status_code == 404


def test_media_that_was_deleted_as_asked_is_not_offered(browser, clip):
    gone = "UPDATE clips SET retention = 'delete_after_analysis', media_expires_at = now()"
    with transaction() as session:
        session.execute(text(gone + " WHERE id = :id"), {"id": clip.id})
    page = page_of(browser, f"/clips/{clip.id}")
    assert "<video" not in page
    assert "it was deleted as asked" in page
    assert "low tail" in page


def test_what_an_owner_wrote_is_never_markup(browser, account):
    pet = make_pet(account, name="<b>Milo</b>")
    clip = make_clip(pet)
    succeed(make_job(clip))
    post(browser, clip, "verdict", label="Alert", by="owner", note="<script>alert(1)</script>")
    page = page_of(browser, f"/clips/{clip.id}")
    assert "<b>Milo" not in page
    assert "<script>alert" not in page


def test_nobody_sees_or_changes_anothers_clip(other_browser, clip):
    token = form_token(other_browser)
    assert other_browser.get(f"/clips/{clip.id}").status_code == 404
    for what in ("verdict", "move", "retention", "retry", "delete"):
        told = {"csrf": token, "label": "Alert", "pet_id": str(clip.pet_id)}
        answer = other_browser.post(f"/clips/{clip.id}/{what}", data=told)
        assert answer.status_code == 404, what
