"""Everyone gets in and around: without a mouse, without scripts, on small screens; no further."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import serious_findings
from tests.browser.conftest import CHROMIUM, DESK, FLAGS, PHONE
from tests.browser.test_owner import add_pet, film_it

LARGEST_FIRST_PAGE_BYTES = 150_000
SMALL = {"width": 320, "height": 640}


@pytest.fixture(scope="module")
def luna(service):
    """The simulated pet."""
    pets = service.client().get("/v1/pets")["items"]
    return next(pet["id"] for pet in pets if pet["is_simulated"])


@pytest.fixture(scope="module")
def lunas_clip(service, luna):
    return service.client().get(f"/v1/pets/{luna}/assessments?limit=1")["items"][0]["clip_id"]


@pytest.fixture(scope="module")
def paths(luna, lunas_clip):
    """Every page that shows something of one pet or of all."""
    of_luna = ("", "/clips", "/notes", "/report", "/settings", "/film")
    others = ("/", "/alerts", "/settings", "/webhooks", f"/clips/{lunas_clip}")
    return [*(f"/pets/{luna}{page}" for page in of_luna), *others]


def test_the_three_questions_are_answered_on_the_first_screen_of_a_phone(enter, luna):
    page = enter()
    page.goto(f"/pets/{luna}")
    for question in ("Anxious now?", "Getting worse?", "Call a vet?"):
        box = page.get_by_text(question).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= PHONE["height"], question


@pytest.mark.parametrize("screen", [PHONE, SMALL], ids=["phone", "small"])
def test_no_page_is_wider_than_the_screen(enter, paths, screen):
    page = enter(viewport=screen)
    wide = []
    for path in paths:
        page.goto(path)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(path)
    assert wide == []


def test_letters_are_as_large_as_the_reader_set_them_and_still_fit(
    service, chromium, paths, tmp_path
):
    wishes = tmp_path / "Default" / "Preferences"
    wishes.parent.mkdir()
    wishes.write_text('{"webkit": {"webprefs": {"default_font_size": 28}}}')
    with chromium.browser_type.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM, args=FLAGS, viewport=PHONE, base_url=service.url
    ) as context:
        page = context.new_page()
        page.goto("/sign-in")
        assert (
            page.locator("label").first.evaluate("one => getComputedStyle(one).fontSize") == "28px"
        )
        page.locator("[name=key]").fill(service.key)
        page.locator("main form button").first.click()
        page.wait_for_url("**/")
        for path in paths:
            page.goto(path)
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(enter, open_page, paths, scheme, photograph):
    page = enter(color_scheme=scheme, viewport=DESK)
    found = []
    for number, path in enumerate(paths, 10):
        page.goto(path)
        photograph(page, f"{number}-{scheme}-{re.sub('[0-9a-f-]{36}|/', '-', path).strip('-')}")
        found += serious_findings(page)
    door = open_page(color_scheme=scheme)
    door.goto("/sign-in")
    photograph(door, f"00-{scheme}-sign-in")
    assert found + serious_findings(door) == []


def test_axe_finds_nothing_serious_in_a_shared_report(enter, luna, photograph):
    page = enter()
    page.goto(f"/pets/{luna}/report")
    page.get_by_label("Whom is it for?").fill("axe")
    page.get_by_role("button", name="Make a link").click()
    page.goto(page.locator("#link-url").inner_text())
    photograph(page, "30-report-on-a-phone")
    right = page.locator(".picture svg").evaluate("svg => svg.getBoundingClientRect().right")
    assert right <= PHONE["width"], "the last weeks are what a vet looks for"
    assert serious_findings(page) == []


def test_the_first_page_is_small(open_page, service):
    page = open_page()
    sizes = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.goto("/sign-in", wait_until="networkidle")
    assert 0 < sum(sizes) <= LARGEST_FIRST_PAGE_BYTES


def test_the_keyboard_is_enough_to_sign_in_and_to_correct_a_clip(service, open_page, enter, film):
    key = service.new_key("keyboard")
    film_it(enter(key=key), add_pet(enter(key=key), "Kira"), film)
    page = open_page()
    page.goto("/sign-in")
    press_until(page, "Tab", "#key, [name=key]")
    page.keyboard.type(key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    press_until(page, "Tab", ".pet a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pets/*")
    clip = service.client(key).get("/v1/clips")["items"][0]["id"]
    page.goto(f"/clips/{clip}")
    press_until(page, "Tab", "[name=label]")
    page.keyboard.press("Space")
    press_until(page, "Tab", "#correct ~ form button")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your correction counts")).to_be_visible()


def press_until(page, key, selector):
    """Press a key until an element has the focus, and see that the focus shows."""
    for _ in range(80):
        page.keyboard.press(key)
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with {key}")


def test_a_second_press_sends_nothing_twice(service, enter):
    key = service.new_key("impatient")
    page = enter(key=key)
    pet = add_pet(page, "Bruno")
    page.goto(f"/pets/{pet}/notes")
    page.get_by_label("In your words").fill("The bell rang")
    button = page.get_by_role("button", name="Add the note")
    button.evaluate("one => { one.click(); setTimeout(() => one.click(), 20); }")
    page.wait_for_url("**done=saved")
    assert len(service.client(key).get(f"/v1/pets/{pet}/notes")["items"]) == 1
    page.get_by_label("In your words").fill("And again")
    button.click()
    expect(page.get_by_text("And again")).to_be_visible()


def test_without_scripts_a_clip_is_sent_read_and_corrected(service, enter, film, photograph):
    page = enter(key=service.new_key("plain"), java_script_enabled=False)
    pet = add_pet(page, "Lotta")
    page.goto(f"/pets/{pet}/film")
    page.locator("input[name=file]").set_input_files(film)
    page.get_by_role("button", name="Send and analyse").click()
    page.wait_for_url("**/clips/*")
    expect(page.locator("#found")).to_be_visible()
    photograph(page, "31-clip-without-scripts")
    page.locator("input[name=label][value=Alert]").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("You said: Alert")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_a_pet_is_dark_on_light_and_without_what_cannot_be_pressed(enter, luna, scheme):
    page = enter(color_scheme=scheme)
    page.goto(f"/pets/{luna}")
    page.emulate_media(media="print", color_scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert all(int(part) > 200 for part in re.findall(r"\d+", paper))
    for role in ("link", "button"):
        expect(page.get_by_role(role, name=re.compile("Film|Look closer"))).to_have_count(0)
    expect(page.locator("#answer")).to_be_visible()


def test_words_are_not_broken_in_the_table_of_the_trend(service, enter, luna):
    page = enter(viewport={"width": 360, "height": 800})
    page.context.add_cookies([{"name": "language", "value": "de", "url": service.url}])
    page.goto(f"/pets/{luna}")
    page.get_by_text("Als Tabelle").click()
    heads = page.locator("table.figure th")
    lines = "one => one.getClientRects().length && one.offsetHeight"
    assert max(heads.nth(number).evaluate(lines) for number in range(4)) < 40


def test_a_choice_is_seen_where_the_script_of_the_page_did_not_arrive(service, enter, film, watch):
    watch.expected = ["ERR_FAILED"]
    page = enter(key=service.new_key("broken"))
    pet = add_pet(page, "Lucky")
    page.route("**/film.js", lambda route: route.abort())
    page.goto(f"/pets/{pet}/film")
    choice = page.locator("input[name=file]")
    choice.set_input_files(film)
    assert choice.evaluate("one => getComputedStyle(one).opacity") == "1"
    page.get_by_role("button", name="Send and analyse").click()
    page.wait_for_url("**/clips/*")


def test_without_scripts_the_trend_can_be_read(enter, luna, photograph):
    page = enter(java_script_enabled=False)
    page.goto(f"/pets/{luna}")
    expect(page.locator("main")).to_contain_text("more tense than usual")
    expect(page.locator("main svg").first).to_be_visible()
    photograph(page, "32-pet-without-scripts")


def test_two_accounts_do_not_see_each_other(service, enter, luna, lunas_clip, watch):
    watch.expected = ["404"]
    page = enter(key=service.new_key("neighbour"))
    assert "Luna" not in page.locator("main").inner_text()
    of_luna = [f"/pets/{luna}{one}" for one in ("", "/clips", "/notes", "/report", "/film")]
    for path in [*of_luna, f"/pets/{luna}/settings", f"/clips/{lunas_clip}"]:
        answer = page.goto(path)
        assert answer.status == 404, path
        assert "Luna" not in page.content()
    for path in (f"/v1/pets/{luna}", f"/v1/clips/{lunas_clip}", f"/v1/pets/{luna}/report.pdf"):
        assert page.request.get(path).status == 404, path


@pytest.mark.parametrize("name", ["🐕" * 100, "<img src=x onerror=alert(1)><b>Milo</b>"])
def test_no_name_breaks_a_page(service, enter, name, photograph):
    page = enter(key=service.new_key("names"), viewport=SMALL)
    pet = add_pet(page, name)
    for one in ("", "/film", "/report", "/settings", "/notes"):
        page.goto(f"/pets/{pet}{one}")
        assert name in page.locator("main").inner_text() or one == "/settings"
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    page.goto("/")
    photograph(page, f"33-name-{len(name)}")


@pytest.mark.parametrize(
    ("locale", "said"), [("de-DE", "angespannt"), ("ko-KR", "긴장")], ids=["german", "korean"]
)
def test_pages_speak_the_language_of_the_browser(
    open_page, service, luna, locale, said, photograph
):
    page = open_page(locale=locale)
    page.goto("/sign-in")
    page.locator("[name=key]").fill(service.key)
    page.locator("main form button").first.click()
    page.wait_for_url("**/")
    page.goto(f"/pets/{luna}")
    assert said in page.locator("main").inner_text()
    photograph(page, f"34-pet-{locale}")
    page.goto(f"/pets/{luna}/film")
    photograph(page, f"35-film-{locale}")
