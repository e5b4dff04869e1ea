"""All pets at a glance, and adding one."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import make_pet
from tests.histories import CALM, assess
from tests.pages import send

CARD = re.compile(r'<article class="card pet">')


def test_an_empty_account_is_shown_the_way(browser):
    page = browser.get("/").text
    assert "No pets yet" in page
    assert 'href="/pets/new"' in page


def test_two_hundred_pets_come_in_pages_each_pet_once(browser, account):
    for n in range(60):
        make_pet(account, name=f"Pet {n:03}")
    seen, path = [], "/"
    while path:
        page = browser.get(path).text
        seen += re.findall(r"Pet \d{3}", page)
        older = re.search(r'href="(/\?before=[\w-]+)"', page)
        path = older and older[1]
    assert seen == [f"Pet {n:03}" for n in reversed(range(60))]


def test_pets_are_found_by_a_part_of_their_name(browser, account):
    make_pet(account, name="Milo")
    make_pet(account, name="100%_Rex")
    assert len(CARD.findall(browser.get("/?name=mil").text)) == 1
    assert "100%_Rex" in browser.get("/?name=%25_").text
    assert "Milo" not in re.sub(r"<input.*?>", "", browser.get("/?name=%25_").text)
    assert "has “zzz” in its name" in browser.get("/?name=zzz").text


@pytest.mark.parametrize("before", ["x", "0", "", "0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10'"])
def test_a_page_that_never_was_is_the_first_one(browser, account, before):
    make_pet(account, name="Milo")
    assert "Milo" in browser.get("/", query_string={"before": before}).text


def test_a_name_of_html_is_text_and_one_of_a_hundred_emoji_is_shown(browser, account):
    name = '<script>alert(1)</script> "&'
    pet, emoji = make_pet(account, name=name), make_pet(account, name="🐕‍🦺" * 33)
    for path in ("/", f"/pets/{pet.id}", f"/pets/{pet.id}/settings", f"/pets/{pet.id}/notes"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "🐕‍🦺" * 33 in browser.get(f"/pets/{emoji.id}").text


def test_a_card_says_the_state_and_the_last_clip_in_words(browser, account):
    pet = make_pet(account)
    assess(pet, datetime.now(UTC) - timedelta(hours=2), CALM)
    page = browser.get("/").text
    assert "Learning what is usual" in page
    assert "Last clip 2 hours ago: Relaxed" in page


def test_strangers_see_nothing_of_it(other_browser, account):
    make_pet(account, name="Milo the private")
    assert "Milo the private" not in other_browser.get("/").text
    assert "Milo the private" not in other_browser.get("/?name=Milo").text


def test_a_pet_is_added_and_shown(browser):
    answer = send(browser, "/pets/new", name="Nala", species="cat", time_zone="Asia/Seoul")
    assert answer.status_code == 303
    page = browser.get(answer.headers["Location"]).text
    assert "Nala" in page
    assert "Still learning what is usual" in page


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": " "}, "Give a name"),
        ({"name": "x" * 201}, "Give a name"),
        ({"birth_date": "1066-10-14"}, "between 1980 and today"),
        ({"time_zone": "Moon/Base"}, "Choose a time zone"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(browser, sent, said):
    fields = {"name": "Nala", "species": "cat", "breed": "Siamese"} | sent
    answer = send(browser, "/pets/new", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'value="Siamese"' in answer.text
