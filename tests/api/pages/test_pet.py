"""One pet's page: the answer, the chart and what lies around it, for every history."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from shared import baselines, notes
from shared.db import transaction
from shared.models import NoteKind
from tests.factories import RESULT, make_clip, make_job, make_pet, succeed
from tests.histories import CALM, TENSE, assess

RANGES = ("4w", "12w", "1y", "all", "", "nonsense")


def fill(pet, days, *, tense_since=0, every=1):
    """Film once a day until now, tense in the last `tense_since` days."""
    now = datetime.now(UTC)
    for ago in range(days, 0, -every):
        at = now - timedelta(days=ago)
        assess(pet, at, TENSE if ago <= tense_since else CALM)


@pytest.fixture
def pet(account):
    return make_pet(account, time_zone="Europe/Berlin")


@pytest.mark.parametrize("chosen", RANGES)
def test_every_range_of_an_empty_history_is_shown(browser, pet, chosen):
    answer = browser.get(f"/pets/{pet.id}?range={chosen}")
    assert answer.status_code == 200
    assert "0 of 8 filming times" in answer.text
    assert "No clips to go by" in answer.text


@pytest.mark.parametrize("chosen", RANGES)
def test_every_range_of_a_history_is_shown(browser, pet, chosen):
    fill(pet, 60, every=2)
    page = browser.get(f"/pets/{pet.id}?range={chosen}").text
    assert "As usual, comparing" in page
    assert page.count('<g class="dot') > 5


def test_a_long_range_names_the_years(browser, pet):
    fill(pet, 400, every=4)
    page = browser.get(f"/pets/{pet.id}?range=1y").text
    said = re.findall(r'class="axis mid" [^>]*>([^<]+)<', page)
    assert said
    assert all(re.fullmatch(r"[A-Z][a-z]+ 20\d\d", one) for one in said)


def test_a_range_without_clips_says_so(browser, pet):
    for ago in range(120, 60, -2):
        assess(pet, datetime.now(UTC) - timedelta(days=ago), CALM)
    page = browser.get(f"/pets/{pet.id}?range=4w").text
    assert "No clips in this range." in page
    assert "Too few clips lately to say" in page


def test_a_rise_is_said_first_with_how_sure_and_on_how_many_clips(browser, pet):
    fill(pet, 120, tense_since=21)
    page = browser.get(f"/pets/{pet.id}").text
    said = re.search(r'<h2 id="answer">(.*?)</h2>', page)[1]
    assert re.fullmatch(
        r"Probably more tense than usual since about \d+ \w+: \d+% likely,"
        r" comparing \d+ recent clips with \d+ from before\.",
        said,
    )
    assert "Worth a visit" in page


def test_the_answer_speaks_the_readers_language(browser, pet):
    fill(pet, 60)
    german = {"Accept-Language": "de"}
    page = browser.get(f"/pets/{pet.id}", headers=german).text
    assert "Wie üblich, nach" in page
    assert "As usual" not in page


def test_a_red_flag_leads_to_the_vet_before_everything(browser, pet):
    urgent = {"code": "call_today", "text": "Call.", "urgency": "call_today"}
    found = RESULT | {"emotion": "Distressed", "recommendation": urgent}
    succeed(make_job(make_clip(pet, recorded_at=datetime.now(UTC))), found)
    page = browser.get(f"/pets/{pet.id}").text
    assert "Call today" in page
    assert "Distressed" in page


def test_an_old_clips_red_flag_says_when_it_was_filmed(browser, pet):
    urgent = {"code": "call_today", "text": "Call.", "urgency": "call_today"}
    found = RESULT | {"emotion": "Distressed", "recommendation": urgent}
    succeed(make_job(make_clip(pet, recorded_at=datetime(2025, 1, 7, 12, tzinfo=UTC))), found)
    page = browser.get(f"/pets/{pet.id}").text
    assert "Call today" in page
    assert "The clip was filmed on 7 Jan 2025, 13:00" in page


def test_a_red_flag_that_was_snoozed_is_not_said_to_be_none(browser, api, pet):
    urgent = {"code": "call_today", "text": "Call.", "urgency": "call_today"}
    found = RESULT | {"emotion": "Distressed", "recommendation": urgent}
    succeed(make_job(make_clip(pet, recorded_at=datetime.now(UTC))), found)
    (alert,) = api.get(f"/v1/pets/{pet.id}/alerts").json["items"]
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    quiet = {"state": "snoozed", "snoozed_until": until, "reason": "vet informed"}
    assert api.patch(f"/v1/alerts/{alert['id']}", json=quiet).status_code == 200
    page = browser.get(f"/pets/{pet.id}").text
    assert "No red flag on film" not in page
    assert "Call today" in page


def test_nothing_ever_says_that_no_vet_is_needed(browser, pet):
    fill(pet, 60)
    page = browser.get(f"/pets/{pet.id}").text
    assert "No red flag on film" in page
    assert "If something worries you, call." in page


def test_a_clip_of_last_week_says_nothing_of_now(browser, pet):
    assess(pet, datetime.now(UTC) - timedelta(days=7), TENSE)
    assert "too long ago to speak of now" in browser.get(f"/pets/{pet.id}").text


def test_notes_new_starts_and_other_models_are_drawn_where_they_happened(browser, pet):
    now = datetime.now(UTC)
    for ago in range(60, 0, -1):
        bundle = "ethogram 1" if ago > 20 else "ethogram 2"
        assess(pet, now - timedelta(days=ago), CALM, bundle=bundle)
    with transaction() as session:
        pet = session.merge(pet)
        note = {"kind": NoteKind.FIREWORKS, "text": "New <Year>"}
        notes.create(session, pet.id, at=now - timedelta(days=3), **note)
        since = now - timedelta(days=50)
        baselines.create(session, pet, anchored_at=since, reason="after surgery")
    page = browser.get(f"/pets/{pet.id}").text
    for mark in ('<g class="mark note">', 'class="mark anchor"', 'class="mark bundle"'):
        assert mark in page
    assert "Fireworks. New &lt;Year&gt;" in page
    assert "after surgery" in page


def test_days_are_the_owners(browser, account):
    pet = make_pet(account, time_zone="Pacific/Kiritimati")  # UTC+14
    assess(pet, datetime(2026, 3, 1, 12, 0, tzinfo=UTC), CALM)
    page = browser.get(f"/pets/{pet.id}?range=all&until=2026-03-02").text
    assert re.search(r"2 Mar 2026: 1 clip\b", page)
    assert re.search(r"1 Mar 2026: 0 clips", page)


@pytest.mark.parametrize("until", ["2026-13-01", "x", "9999-12-31", "0001-01-08"])
def test_a_week_that_cannot_be_read_harms_nothing(browser, pet, until):
    assert browser.get(f"/pets/{pet.id}?until={until}").status_code == 200


def test_without_a_script_every_number_of_the_chart_can_be_read(browser, pet):
    fill(pet, 60, every=2)
    page = browser.get(f"/pets/{pet.id}").text
    rows = re.findall(r"<tr><td>Week of (.*?)</td><td>(\d+)</td>", page)
    assert sum(int(n) for _, n in rows) == 30


def test_a_stranger_finds_no_pet_of_ours(other_browser, pet):
    for path in ("", "/clips", "/notes", "/settings"):
        answer = other_browser.get(f"/pets/{pet.id}{path}")
        assert answer.status_code == 404
        assert pet.name not in answer.text


def test_a_pet_that_never_was_is_told_as_a_page(browser):
    answer = browser.get("/pets/0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10")
    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")
    assert "There is nothing here" in answer.text


def test_a_page_and_all_that_it_loads_is_small(browser, pet):
    fill(pet, 84)
    page = browser.get(f"/pets/{pet.id}")
    loaded = len(page.data)
    for path in re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text):
        with browser.get(path) as asset:
            loaded += len(asset.data)
    assert loaded < 150_000
