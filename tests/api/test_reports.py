"""Reports as PDF and by link: what they say, who may see them, and what is kept of a look."""

import io
import json
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image
from pypdf import PdfReader
from sqlalchemy import text

from shared import deletions, storage
from shared.db import transaction
from tests.api.test_history import days_ago
from tests.factories import RESULT, make_clip, make_job, make_pet, succeed
from tests.histories import CALM, TENSE, assess

QUESTION = "Is she in pain when she gets up?"
NASTY = "<script>alert(1)</script> 😱🐶 똑똑이 " + "Donaudampfschifffahrtsgesellschaft" * 6


def pdf_of(answer):
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    return PdfReader(io.BytesIO(answer.data))


def words_of(reader):
    return " ".join(reader.pages[0].extract_text().split())


@pytest.fixture
def pet(account):
    return make_pet(account, name="Milo", breed="Whippet", time_zone="Asia/Seoul")


@pytest.fixture
def filmed(api, pet):
    """A pet with calm weeks, a tense one, a verdict and a note."""
    for day in range(2, 60, 3):
        assess(pet, days_ago(day), CALM)
    tense = [assess(pet, days_ago(day), TENSE, reason="worried") for day in (1, 4)]
    api.post(f"/v1/assessments/{tense[0]}/verdicts", json={"label": "Distressed", "by": "vet"})
    note = {"at": days_ago(5).isoformat(), "kind": "fireworks", "text": "The whole evening"}
    api.post(f"/v1/pets/{pet.id}/notes", json=note)
    return pet


@pytest.fixture
def link(api, filmed):
    """A link as it was told when it was made."""
    asked = {"name": "Dr. Weber", "question": QUESTION}
    return api.post(f"/v1/pets/{filmed.id}/report-links", json=asked).json


def path_of(link):
    return "/" + link["url"].split("/", 3)[3]


# --- the PDF ---------------------------------------------------------------------------------


def test_a_report_is_one_page_with_embedded_fonts(api, filmed):
    reader = pdf_of(api.get(f"/v1/pets/{filmed.id}/report.pdf"))
    assert len(reader.pages) == 1
    fonts = reader.pages[0]["/Resources"]["/Font"].values()
    described = [font.get_object()["/FontDescriptor"] for font in fonts]
    assert described
    assert all("/FontFile2" in one for one in described)


def test_a_report_says_question_answer_clips_context_and_limits(api, filmed):
    asked = {"question": QUESTION}
    answer = api.get(f"/v1/pets/{filmed.id}/report.pdf", query_string=asked)
    said = words_of(pdf_of(answer))
    for expected in [
        "Milo",
        "dog, Whippet",
        QUESTION,
        "22 clips filmed by the owner",
        "Anxious, 71%",
        "Vet says: Distressed",
        "low tail (1.5-6 s)",
        "fireworks: The whole evening",
        "Vet: 0 of 1 corrections agree with the result",
        "pet-years",
        "ethogram 1 (22)",
        "not a diagnosis",
    ]:
        assert expected in said, expected


def test_a_report_shows_the_tensest_clips_and_a_calm_one(api, filmed):
    said = words_of(pdf_of(api.get(f"/v1/pets/{filmed.id}/report.pdf")))
    assert said.count("· filmed out of worry") == 2
    assert "Calm, to compare" in said


def test_a_signal_is_counted_among_the_clips_that_could_show_it(api, pet):
    hidden = {"name": "low tail", "why": "the tail was not seen clearly"}
    for day, result in (
        (1, RESULT),
        (2, RESULT | {"signals": [], "not_measurable": [hidden]}),
        (3, RESULT | {"signals": [], "not_measurable": []}),
        (40, RESULT | {"signals": [], "not_measurable": [hidden]}),
    ):
        succeed(make_job(make_clip(pet, recorded_at=days_ago(day))), result)
    said = words_of(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")))
    assert "low tail 1 of 2 –" in said


@pytest.mark.parametrize(
    ("language", "said", "signal"),
    [
        ("en", "Question asked", "low tail"),
        ("de", "Gestellte Frage", "tief getragene Rute"),
        ("ko", "점점 나빠지고 있나요?", "내린 꼬리"),
    ],
)
def test_a_report_speaks_the_language_that_was_asked_for(api, filmed, language, said, signal):
    answer = api.get(f"/v1/pets/{filmed.id}/report.pdf?language={language}")
    text_of_page = words_of(pdf_of(answer))
    assert said in text_of_page
    assert signal in text_of_page


@pytest.mark.parametrize("name", [NASTY[:200], "🐕" * 100, "\u202edrawkcab", "ㅋㅋㅋ 루나"])
def test_no_name_breaks_the_page(api, account, name):
    pet = make_pet(account, name=name, breed=name[:100])
    assess(pet, days_ago(1), TENSE)
    asked = {"question": (name * 20)[:300]}
    answer = api.get(f"/v1/pets/{pet.id}/report.pdf", query_string=asked)
    assert len(pdf_of(answer).pages) == 1


def test_a_name_that_cannot_be_printed_is_told_so(api, account):
    pet = make_pet(account, name="🐕" * 100)
    assert "(name not printable)" in words_of(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")))


def test_two_hundred_notes_stay_on_the_page(api, pet):
    for hour in range(200):
        note = {"at": days_ago(hour / 24).isoformat(), "kind": "other", "text": NASTY}
        assert api.post(f"/v1/pets/{pet.id}/notes", json=note).status_code == 201
    assert len(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")).pages) == 1


def test_a_pet_without_clips_has_a_report_that_says_so(api, pet):
    said = words_of(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")))
    assert "No clips in these weeks." in said
    assert "Still learning" in said


def test_a_report_of_one_clip_counts_right_and_claims_nothing_of_how_it_was_filmed(api, pet):
    assess(pet, days_ago(1), TENSE, reason="worried")
    said = words_of(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")))
    assert "1 clip filmed by the owner" in said
    assert "1 of 8 filming sessions" in said
    assert "0 of 1 clip did not allow" in said
    assert "were filmed out of worry, against" not in said


def test_an_alarm_that_is_open_is_told_when_there_are_too_few_clips_to_say_more(api, pet):
    for day in range(160, 33, -1):
        assess(pet, days_ago(day), TENSE if day <= 60 else CALM)
    said = words_of(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")))
    assert "Tense signs had become more frequent since about" in said
    assert "more filming sessions would do" in said


def test_a_red_flag_is_told_with_the_day_on_which_its_clip_was_filmed(api, pet):
    urgent = {"code": "call_today", "text": "Call.", "urgency": "call_today"}
    filmed = make_clip(pet, recorded_at=datetime(2025, 1, 31, 20, 0, tzinfo=UTC))  # 1 Feb in Seoul
    succeed(make_job(filmed), RESULT | {"emotion": "Distressed", "recommendation": urgent})
    said = words_of(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")))
    assert "Red flag: a clip filmed on 1 Feb 2025" in said


def test_why_an_owner_snoozed_an_alert_is_told(api, pet):
    urgent = {"code": "call_today", "text": "Call.", "urgency": "call_today"}
    found = RESULT | {"emotion": "Distressed", "recommendation": urgent}
    succeed(make_job(make_clip(pet)), found)
    (alert,) = api.get(f"/v1/pets/{pet.id}/alerts").json["items"]
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    quiet = {"state": "snoozed", "snoozed_until": until, "reason": "New medication, vet informed"}
    assert api.patch(f"/v1/alerts/{alert['id']}", json=quiet).status_code == 200
    said = words_of(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")))
    assert "alert snoozed: New medication, vet informed" in said


def test_a_german_report_writes_german_numbers(api, filmed):
    said = words_of(pdf_of(api.get(f"/v1/pets/{filmed.id}/report.pdf?language=de")))
    assert "tief getragene Rute (1,5-6 s)" in said
    assert re.search(r"einmal in \d,\d Tierjahren \(0,\d\d im Jahr", said)


def test_a_report_names_who_made_it_and_its_language(api, filmed):
    reader = pdf_of(api.get(f"/v1/pets/{filmed.id}/report.pdf?language=ko"))
    assert (reader.metadata.author, reader.root_object["/Lang"]) == ("TailTrend", "ko")


def test_a_simulated_pet_is_marked_in_its_report(api, pet):
    with transaction() as session:
        session.execute(text("UPDATE pets SET is_simulated = true WHERE id = :id"), {"id": pet.id})
    said = words_of(pdf_of(api.get(f"/v1/pets/{pet.id}/report.pdf")))
    assert "Simulated: no animal was filmed" in said


def test_a_report_of_earlier_days_knows_nothing_of_later_ones(api, filmed):
    last = (days_ago(20)).date()
    said = words_of(pdf_of(api.get(f"/v1/pets/{filmed.id}/report.pdf?to={last}")))
    assert "· filmed out of worry" not in said
    assert "Vet says" not in said


@pytest.mark.parametrize("query", ["from=2026-02-01&to=2026-01-01", "from=2020-01-01", "from=x"])
def test_days_that_no_page_can_show_are_refused(api, pet, query):
    answer = api.get(f"/v1/pets/{pet.id}/report.pdf?{query}")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_nobody_else_gets_a_report_or_its_links(stranger, filmed, link):
    for method, path in [
        ("GET", f"/v1/pets/{filmed.id}/report.pdf"),
        ("GET", f"/v1/pets/{filmed.id}/report-links"),
        ("GET", f"/v1/report-links/{link['id']}/views"),
        ("DELETE", f"/v1/report-links/{link['id']}"),
    ]:
        assert stranger.open(path, method=method).status_code == 404, path
    asked = {"name": "me"}
    answer = stranger.post(f"/v1/pets/{filmed.id}/report-links", json=asked)
    assert answer.status_code == 404


# --- links -----------------------------------------------------------------------------------


def test_who_has_the_link_sees_the_report_without_a_key(app, link):
    answer = app.test_client().get(path_of(link))
    assert answer.status_code == 200
    assert QUESTION in answer.text
    assert "Vet says: Distressed" in answer.text
    assert "<svg" in answer.text
    assert len(pdf_of(app.test_client().get(path_of(link) + "/report.pdf")).pages) == 1


def test_the_page_of_a_link_is_kept_nowhere_and_loads_nothing(app, link):
    answer = app.test_client().get(path_of(link))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert "http://www.w3.org/2000/svg" in answer.text
    assert answer.text.count("http") == 1


def test_what_an_owner_wrote_is_never_markup(api, app, account):
    pet = make_pet(account, name=NASTY[:200])
    assess(pet, days_ago(1), TENSE)
    made = api.post(
        f"/v1/pets/{pet.id}/report-links", json={"name": "vet", "question": NASTY[:300]}
    )
    page = app.test_client().get(path_of(made.json)).text
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_wrong_an_expired_and_a_revoked_link_lead_nowhere_alike(api, app, filmed, link):
    client = app.test_client()
    wrong = client.get(path_of(link)[:-3] + "abc")
    other = api.post(f"/v1/pets/{filmed.id}/report-links", json={"name": "late"}).json
    with transaction() as session:
        late = "UPDATE report_links SET expires_at = now() - interval '1 s' WHERE id = :id"
        session.execute(text(late), {"id": other["id"]})
    api.delete(f"/v1/report-links/{link['id']}")
    answers = [wrong, client.get(path_of(other)), client.get(path_of(link))]
    assert [one.status_code for one in answers] == [404, 404, 404]
    assert len({re.sub(rb'nonce="[^"]+"', b"", one.data) for one in answers}) == 1
    assert all("noindex" in one.headers["X-Robots-Tag"] for one in answers)


@pytest.mark.parametrize(
    ("language", "said"), [("de-AT,de;q=0.9", "widerrufen"), ("ko", "새 링크"), ("fr", "revoked")]
)
def test_a_dead_link_is_told_as_a_page_in_the_language_of_who_looks(app, language, said):
    answer = app.test_client().get("/r/nothing", headers={"Accept-Language": language})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert said in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_revoked_link_stays_in_the_list_with_its_log(api, app, filmed, link):
    app.test_client().get(path_of(link))
    first = api.delete(f"/v1/report-links/{link['id']}").json
    again = api.delete(f"/v1/report-links/{link['id']}").json
    assert first["revoked_at"] == again["revoked_at"] is not None
    listed = api.get(f"/v1/pets/{filmed.id}/report-links").json["items"]
    assert [one["name"] for one in listed] == ["Dr. Weber"]
    assert len(api.get(f"/v1/report-links/{link['id']}/views").json["items"]) == 1


def test_each_look_is_logged_without_the_address_of_who_looked(api, app, link):
    client = app.test_client()
    asked = {"environ_base": {"REMOTE_ADDR": "203.0.113.77"}}
    client.get(path_of(link), headers={"User-Agent": "Clinic browser"}, **asked)
    client.get(path_of(link) + "/report.pdf", headers={"User-Agent": "x" * 500}, **asked)
    looks = api.get(f"/v1/report-links/{link['id']}/views").json["items"]
    assert [one["form"] for one in looks] == ["pdf", "page"]
    assert {one["network"] for one in looks} == {"203.0.113.0/24"}
    assert looks[1]["agent"] == "Clinic browser"
    assert len(looks[0]["agent"]) == 200


def test_the_secret_of_a_link_is_told_once_and_stored_and_logged_nowhere(
    api, app, filmed, link, caplog, capsys
):
    token = link["url"].rsplit("/", 1)[1]
    with caplog.at_level(logging.DEBUG):
        app.test_client().get(path_of(link))
        app.test_client().get(path_of(link) + "x")
    assert token not in caplog.text + "".join(capsys.readouterr())
    assert token not in api.get(f"/v1/pets/{filmed.id}/report-links").text
    with transaction() as session:
        stored = session.execute(text("SELECT report_links::text FROM report_links")).scalars()
        assert not any(token in row for row in stored)


def test_looks_from_one_address_are_limited(app, link):
    client = app.test_client()
    asked = {"environ_base": {"REMOTE_ADDR": "198.51.100.9"}}
    answers = [client.get(path_of(link) + "x", **asked).status_code for _ in range(130)]
    assert answers[:60] == [404] * 60  # two windows at most are touched
    assert 429 in answers


def test_a_deleted_clip_is_gone_from_what_a_link_shows(api, app, link):
    before = app.test_client().get(path_of(link)).text
    clips = api.get("/v1/clips").json["items"]
    for clip in clips:
        api.delete(f"/v1/clips/{clip['id']}")
    after = app.test_client().get(path_of(link)).text
    assert "· filmed out of worry" in before
    assert "· filmed out of worry" not in after


def test_a_link_works_as_many_days_as_asked(api, filmed):
    asked = {"name": "vet", "days": 3, "language": "de"}
    made = api.post(f"/v1/pets/{filmed.id}/report-links", json=asked).json
    lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert abs(lasts - timedelta(days=3)) < timedelta(minutes=1)
    for days in (0, 91):
        answer = api.post(f"/v1/pets/{filmed.id}/report-links", json=asked | {"days": days})
        assert answer.status_code == 422


def test_a_link_tells_its_days_by_the_names_that_it_was_asked_with(api, pet):
    days = {"from": "2026-01-01", "to": "2026-02-01"}
    made = api.post(f"/v1/pets/{pet.id}/report-links", json={"name": "vet"} | days).json
    (listed,) = api.get(f"/v1/pets/{pet.id}/report-links").json["items"]
    revoked = api.delete(f"/v1/report-links/{made['id']}").json
    assert all(days.items() <= told.items() for told in (made, listed, revoked))


def test_the_receipt_of_a_deleted_pet_counts_its_links_and_looks(api, app, filmed, link):
    app.test_client().get(path_of(link))
    rows = api.delete(f"/v1/pets/{filmed.id}").json["rows"]
    assert (rows["report_links"], rows["report_views"]) == (1, 1)
    assert app.test_client().get(path_of(link)).status_code == 404


def test_a_still_that_was_drawn_is_in_the_pdf_and_in_the_page(api, app, filmed, link):
    picture = io.BytesIO()
    Image.new("RGB", (320, 180), (90, 120, 60)).save(picture, "JPEG")
    shown = {"span_s": [2.0, 3.5], "why": "low tail", "image_url": "moments/1.jpg"}
    with transaction() as session:
        session.execute(
            text(
                "UPDATE assessments SET result = result || CAST(:told AS jsonb) WHERE pet_id = :id"
            ),
            {"told": json.dumps({"moments": [shown]}), "id": filmed.id},
        )
        newest = "SELECT clip_id FROM assessments WHERE pet_id = :id ORDER BY recorded_at DESC"
        clip_id = session.execute(text(newest), {"id": filmed.id}).scalars().first()
    key = deletions.still_key(f"clips/{clip_id}/media", 1)
    storage.put(key, io.BytesIO(picture.getvalue()), content_type="image/jpeg")
    page = pdf_of(api.get(f"/v1/pets/{filmed.id}/report.pdf")).pages[0]
    assert [image.image.size for image in page.images] == [(320, 180)]
    assert "data:image/jpeg;base64," in app.test_client().get(path_of(link)).text
