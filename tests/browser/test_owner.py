"""An owner's whole path on a phone: from the door to a report that a vet has looked at."""

import io
import re

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from tests.browser.conftest import DESK


def add_pet(page, name, species="cat"):
    page.goto("/")
    page.get_by_role("link", name="Add a pet").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.locator(f"input[name=species][value={species}]").check()
    page.get_by_role("button", name="Add a pet").click()
    page.wait_for_url(re.compile(r"/pets/[0-9a-f-]{36}"))
    return page.url.split("?")[0].rsplit("/", 1)[1]


def film_it(page, pet, path, reason="worried"):
    page.goto(f"/pets/{pet}/film")
    page.locator("input[name=file]").set_input_files(path)
    page.locator(f"input[name=reason][value={reason}]").check()
    page.get_by_role("button", name="Send and analyse").click()
    page.wait_for_url("**/clips/*")
    expect(page.locator("#found")).to_be_visible()


def test_an_owner_goes_from_the_door_to_a_report_for_the_vet(
    service, enter, open_page, film, photograph, tmp_path
):
    page = enter(key=service.new_key("owner"))
    photograph(page, "01-no-pets-yet")
    pet = add_pet(page, "Mimi")
    photograph(page, "02-new-pet")

    page.goto(f"/pets/{pet}/film")
    photograph(page, "03-film")
    film_it(page, pet, film)
    expect(page.locator("#evidence")).to_be_visible()
    photograph(page, "04-clip")

    page.locator("input[name=label][value=Distressed]").check()
    page.get_by_label("Note (if you like)").fill("The vacuum cleaner was on")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your correction counts")).to_be_visible()
    expect(page.locator("main")).to_contain_text("You said: Distressed")
    photograph(page, "05-corrected")

    page.goto(f"/pets/{pet}/report")
    page.locator("#take-question").fill("Why does she hide?")
    answer = page.request.get(f"/v1/pets/{pet}/report.pdf?question=Why+does+she+hide%3F")
    said = " ".join(PdfReader(io.BytesIO(answer.body())).pages[0].extract_text().split())
    assert "Why does she hide?" in said
    assert "Owner says: Distressed" in said

    page.get_by_label("Whom is it for?").fill("Dr. Weber")
    page.locator("#share-question").fill("Why does she hide?")
    page.get_by_role("button", name="Make a link").click()
    url = page.locator("#link-url").inner_text()
    photograph(page, "06-link-made")
    vet = open_page(viewport=DESK)
    vet.goto(url)
    expect(vet.locator("main")).to_contain_text("Why does she hide?")
    photograph(vet, "07-vet-reads")
    page.goto(f"/pets/{pet}/report")
    page.get_by_text("1 look").click()
    expect(page.locator("main")).to_contain_text("127.0.0.0/24")
    photograph(page, "08-looks")
    page.get_by_role("button", name="Revoke").first.click()
    expect(page.get_by_text("The link was revoked.")).to_be_visible()
    assert vet.request.get(url).status == 404


def test_a_click_on_a_signal_or_the_course_plays_there(service, enter, film):
    page = enter(key=service.new_key("player"))
    film_it(page, add_pet(page, "Tom"), film)
    player = page.locator("#player")
    expect(player).to_be_visible()
    page.wait_for_function("document.getElementById('player').readyState >= 1")
    jump = page.locator("[data-jump]").last
    jump.click()
    asked = float(jump.get_attribute("data-jump"))
    page.wait_for_function(
        "asked => document.getElementById('player').currentTime >= asked - 0.1", arg=asked
    )
    box = page.locator("#course").bounding_box()
    page.mouse.click(box["x"] + 2, box["y"] + box["height"] / 2)
    page.wait_for_function("document.getElementById('player').currentTime < 1")


def test_an_interrupted_upload_goes_on_where_it_stopped(service, enter, film, watch):
    watch.expected = ["Failed to load resource", "ERR_FAILED"]
    page = enter(key=service.new_key("tunnel"))
    pet = add_pet(page, "Nero")
    failed = []

    def fail_once(route):
        if route.request.method == "PUT" and not failed:
            failed.append(route.request.url)
            route.abort()
        else:
            route.fallback()

    page.route("**/uploads/**", fail_once)
    film_it(page, pet, film)
    assert len(failed) == 1
    assert len(service.client(service.new_key("tunnel")).get("/v1/clips")["items"]) == 1


def test_a_file_that_is_no_video_is_refused_in_words(service, enter, tmp_path, watch):
    watch.expected = ["415", "Failed to load resource"]
    page = enter(key=service.new_key("wrong"))
    pet = add_pet(page, "Felix")
    file = tmp_path / "letter.mp4"
    file.write_bytes(b"<html>" * 500)
    page.goto(f"/pets/{pet}/film")
    page.locator("input[name=file]").set_input_files(file)
    page.get_by_role("button", name="Send and analyse").click()
    expect(page.locator("#progress-said")).to_contain_text("not a video")
    expect(page.get_by_role("button", name="Send and analyse")).to_be_enabled()


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "leer"), (b"<html>" * 500, "kein Video")], ids=["empty", "letter"]
)
def test_a_file_is_refused_in_the_readers_language(service, enter, tmp_path, watch, content, said):
    watch.expected = ["415", "Failed to load resource"]
    page = enter(key=service.new_key("falsch"))
    pet = add_pet(page, "Fritz")
    page.context.add_cookies([{"name": "language", "value": "de", "url": service.url}])
    (tmp_path / "brief.mp4").write_bytes(content)
    page.goto(f"/pets/{pet}/film")
    page.locator("input[name=file]").set_input_files(tmp_path / "brief.mp4")
    page.get_by_role("button", name="Senden und auswerten").click()
    expect(page.locator("#film .wrong, .is-wrong #progress-said")).to_contain_text(said)


def test_a_file_that_is_too_large_is_not_sent(service, enter, tmp_path):
    page = enter(key=service.new_key("large"))
    pet = add_pet(page, "Garfield")
    with (tmp_path / "film.mp4").open("wb") as file:
        file.truncate(100_000_001)
    page.goto(f"/pets/{pet}/film")
    page.locator("input[name=file]").set_input_files(tmp_path / "film.mp4")
    page.get_by_role("button", name="Send and analyse").click()
    expect(page.locator("#chosen")).to_contain_text("too large")
    expect(page.locator(".sendbar")).to_be_hidden()


def test_who_is_signed_out_meanwhile_is_told_so_and_not_what_programs_need(
    service, enter, film, watch
):
    watch.expected = ["401", "Failed to load resource"]
    page = enter(key=service.new_key("late"))
    pet = add_pet(page, "Tiger")
    page.goto(f"/pets/{pet}/film")
    page.locator("input[name=file]").set_input_files(film)
    page.context.clear_cookies()
    page.get_by_role("button", name="Send and analyse").click()
    expect(page.locator("#progress-said")).to_contain_text("no longer signed in")


def test_a_typed_time_is_of_the_pets_clock_and_not_of_the_browsers(service, enter, film):
    key = service.new_key("abroad")
    page = enter(key=key, timezone_id="America/New_York")
    pet = add_pet(page, "Bora")
    page.goto(f"/pets/{pet}/settings")
    page.get_by_label("Time zone").select_option("Asia/Seoul")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**done=saved")
    page.goto(f"/pets/{pet}/film")
    page.locator("input[name=file]").set_input_files(film)
    page.get_by_text("More about it").click()
    page.locator("[name=recorded_at]").fill("2026-03-01T18:30")
    page.get_by_role("button", name="Send and analyse").click()
    page.wait_for_url("**/clips/*")
    (clip,) = service.client(key).get("/v1/clips")["items"]
    assert clip["recorded_at"].startswith("2026-03-01T09:30")


def test_a_deleted_clip_leaves_a_receipt(service, enter, film, photograph, watch):
    page = enter(key=service.new_key("tidy"))
    film_it(page, add_pet(page, "Simba"), film)
    clip = page.url.split("?")[0]
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete this clip").click()
    expect(page.get_by_role("heading", name="Deleted")).to_be_visible()
    photograph(page, "09-receipt")
    assert page.request.get(clip).status == 404
