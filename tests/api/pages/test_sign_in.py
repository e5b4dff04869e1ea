"""The door: keys, invites, cookies, forms, and the way out."""

import re

import pytest

from shared import accounts, invites, sign_ins
from shared.db import transaction
from shared.models import SignIn
from tests.factories import make_key, make_pet
from tests.pages import TOKEN, form_token, send, sign_in


def make_invite(account, **values):
    with transaction() as session:
        return invites.create(session, account.id, name="Mum", **values)


def cookie(answer, name="tailtrend"):
    return next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith(f"{name}="))


def test_a_page_leads_to_the_door_and_from_there_back_to_it(app, account):
    client, there = app.test_client(), "/?after=0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10"
    answer = client.get(there)
    assert answer.status_code == 303
    assert "next=" in answer.headers["Location"]
    entered = send(client, "/sign-in", key=make_key(account), next=there)
    assert entered.headers["Location"] == there


@pytest.mark.parametrize(
    "there", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "", "x"]
)
def test_the_door_leads_nowhere_else(app, account, there):
    entered = send(app.test_client(), "/sign-in", key=make_key(account), next=there)
    assert entered.headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/nowhere", "/pets/luna", "/settings/keys", "/pets/"])
def test_a_person_at_a_wrong_address_sees_a_page_and_a_program_a_problem(browser, path):
    person = browser.get(path, headers={"Accept": "text/html,*/*;q=0.8", "Accept-Language": "de"})
    assert person.status_code == 404
    assert "Hier ist nichts" in person.text
    assert "default-src 'none'" in person.headers["Content-Security-Policy"]
    program = browser.get(path, headers={"Accept": "*/*"})
    assert program.content_type == "application/problem+json"


def test_who_is_not_signed_in_sees_the_page_of_a_wrong_address_too(app):
    answer = app.test_client().get("/nowhere", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "tailtrend-form" in answer.headers["Set-Cookie"]


def test_the_language_of_what_answers_a_form_leads_back_to_where_the_form_stood(browser):
    told = {"csrf": form_token(browser), "name": "My app"}
    came_from = {"Referer": "http://localhost/settings?done=saved"}
    answer = browser.post("/settings/keys", data=told, headers=came_from)
    there = re.search(r'name="there" value="([^"]*)"', answer.text)[1]
    chosen = send(browser, "/language", language="de", there=there)
    assert chosen.headers["Location"] == "/settings?done=saved"
    assert browser.get(chosen.headers["Location"]).status_code == 200


def test_a_cookie_is_hidden_from_scripts_and_other_sites(app, account):
    answer = send(app.test_client(), "/sign-in", key=make_key(account))
    assert "HttpOnly" in cookie(answer)
    assert "SameSite=Lax" in cookie(answer)
    assert "Secure" not in cookie(answer)


def test_over_https_a_cookie_never_travels_without(app, account):
    client, there = app.test_client(), {"base_url": "https://localhost"}
    token = TOKEN.search(client.get("/sign-in", **there).text)[1]
    form = {"csrf": token, "key": make_key(account)}
    assert "Secure" in cookie(client.post("/sign-in", data=form, **there))


def test_a_wrong_key_is_told_and_nothing_is_kept_of_it(app):
    answer = send(app.test_client(), "/sign-in", key="tt_wrong")
    assert answer.status_code == 401
    assert "unknown or was revoked" in answer.text
    assert "tt_wrong" not in answer.text


def test_who_tries_many_keys_has_to_wait(app, setting):
    setting(rate_failed_keys=3)
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "192.0.2.77"
    statuses = [send(client, "/sign-in", key=f"tt_{n}").status_code for n in range(4)]
    assert statuses == [401, 401, 401, 429]


def test_who_tries_many_invites_has_to_wait(app, setting):
    setting(rate_failed_keys=3)
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "192.0.2.78"
    statuses = [send(client, "/invite", code=f"{n}").status_code for n in range(4)]
    assert statuses == [403, 403, 403, 429]


def test_a_revoked_key_ends_the_sign_ins_that_it_made(app, account):
    key, client = make_key(account), app.test_client()
    send(client, "/sign-in", key=key)
    assert client.get("/").status_code == 200
    with transaction() as session:
        accounts.revoke_key(session, accounts.verify_key(session, key).id)
    assert client.get("/").status_code == 303


def test_an_invite_lets_one_browser_in_once(app, account):
    make_pet(account, name="Milo of the invite")
    code = make_invite(account)
    first, second = app.test_client(), app.test_client()
    assert send(first, "/invite", code=f" {code} ").status_code == 303
    assert "Milo of the invite" in first.get("/").text
    assert send(second, "/invite", code=code).status_code == 403


def test_an_invite_ends(app, account):
    code = make_invite(account, valid_days=0)
    assert send(app.test_client(), "/invite", code=code).status_code == 403


def test_only_hashes_of_what_lets_somebody_in_are_stored(browser, account):
    token = browser.get_cookie("tailtrend").value
    with transaction() as session:
        stored = session.query(SignIn).filter_by(account_id=account.id).one()
    assert token.encode() not in stored.token_sha256
    assert len(stored.token_sha256) == 32


def test_a_browser_signs_out_and_its_cookie_is_worth_nothing(browser):
    token = browser.get_cookie("tailtrend").value
    assert send(browser, "/sign-out").status_code == 303
    browser.set_cookie("tailtrend", token)
    assert browser.get("/").status_code == 303


def test_one_browser_can_sign_all_of_its_account_out(app, account, browser, other_browser):
    second = sign_in(app.test_client(), account)
    send(browser, "/sign-out", everywhere="1")
    assert second.get("/").status_code == 303
    assert other_browser.get("/").status_code == 200


def test_a_sign_in_ends_after_weeks_without_a_visit(browser, account):
    with transaction() as session:
        stored = session.query(SignIn).filter_by(account_id=account.id).one()
        stored.expires_at = stored.created_at
    assert browser.get("/").status_code == 303


def test_a_visit_keeps_a_sign_in_alive(browser, account):
    token = browser.get_cookie("tailtrend").value
    with transaction() as session:
        stored = session.query(SignIn).filter_by(account_id=account.id).one()
        stored.seen_at -= 2 * sign_ins.NOTED_EVERY
        ended = stored.expires_at = stored.expires_at - sign_ins.KEPT / 2
    browser.get("/")
    with transaction() as session:
        assert sign_ins.find(session, token).expires_at > ended


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_from_elsewhere_is_refused_even_with_a_token(browser, headers):
    token = form_token(browser)
    answer = browser.post("/sign-out", data={"csrf": token}, headers=headers)
    assert answer.status_code == 403
    assert browser.get("/").status_code == 200


def test_a_token_of_one_browser_is_worth_nothing_in_another(browser, other_browser):
    answer = browser.post("/sign-out", data={"csrf": form_token(other_browser)})
    assert answer.status_code == 403


def test_a_signed_in_browser_may_read_the_api_and_changes_it_with_a_token_only(browser):
    assert browser.get("/v1/pets").status_code == 200
    pet = {"name": "Milo", "species": "dog"}
    assert browser.post("/v1/pets", json=pet).json["code"] == "form_expired"
    token = {"X-CSRF-Token": form_token(browser)}
    assert browser.post("/v1/pets", json=pet, headers=token).status_code == 201


def test_a_dead_cookie_opens_no_api(app):
    client = app.test_client()
    client.set_cookie("tailtrend", "nothing")
    assert client.get("/v1/pets").json["code"] == "key_missing"


def test_nothing_inline_and_nothing_from_elsewhere_is_allowed(app):
    answer = app.test_client().get("/sign-in")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for forbidden in ("<style", "style=", "onclick", "onload", "<script>"):
        assert forbidden not in answer.text
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_language_is_taken_from_the_browser_until_somebody_chooses(app):
    client = app.test_client()
    german = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.5"}
    assert '<html lang="de">' in client.get("/sign-in", headers=german).text
    send(client, "/language", language="ko", there="/invite")
    assert '<html lang="ko">' in client.get("/sign-in", headers=german).text


def test_assets_are_kept_for_ever_under_the_name_of_their_version(app):
    client = app.test_client()
    path = client.get("/sign-in").text.split('rel="stylesheet" href="')[1].split('"')[0]
    with client.get(path) as answer:
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert client.get("/assets/x/../../app.py").status_code == 404
