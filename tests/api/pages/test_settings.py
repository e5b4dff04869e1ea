"""The account on a page: keys, invitations, browsers, its end."""

import re

from shared import accounts, sign_ins
from shared.db import transaction
from shared.models import Account
from tests.factories import make_key, make_pet
from tests.pages import send, sign_in


def keys(account):
    with transaction() as session:
        return list(session.scalars(accounts.keys_of(account.id)))


def test_a_key_is_made_shown_once_and_works(app, browser):
    answer = send(browser, "/settings/keys", name="My app")
    key = re.search(r"tt_[\w-]{20,}", answer.text)[0]
    assert key not in browser.get("/settings").text
    header = {"Authorization": f"Bearer {key}"}
    assert app.test_client().get("/v1/pets", headers=header).status_code == 200
    assert "My app" in browser.get("/settings").text


def test_what_nobody_named_is_named_in_the_readers_language(browser):
    browser.set_cookie("language", "de")
    send(browser, "/settings/keys", name="")
    send(browser, "/settings/invites", name="")
    page = browser.get("/settings").text
    assert '<p class="strong">API-Schlüssel</p>' in page
    assert '<p class="strong">Einladung</p>' in page


def test_a_key_is_revoked(app, browser, account):
    key = make_key(account)
    with transaction() as session:
        found = accounts.verify_key(session, key)
    assert send(browser, f"/settings/keys/{found.id}/revoke").status_code == 303
    header = {"Authorization": f"Bearer {key}"}
    assert app.test_client().get("/v1/pets", headers=header).status_code == 401


def test_a_stranger_revokes_no_key_and_withdraws_no_invitation_of_ours(
    browser, other_browser, account
):
    key = keys(account)[0]
    assert send(other_browser, f"/settings/keys/{key.id}/revoke").status_code == 404
    send(browser, "/settings/invites", name="Mum")
    found = re.search(r"/settings/invites/([\w-]+)/withdraw", browser.get("/settings").text)[1]
    assert send(other_browser, f"/settings/invites/{found}/withdraw").status_code == 404
    assert browser.get("/").status_code == 200


def test_an_invitation_is_a_link_whose_code_no_server_sees(app, browser, account):
    make_pet(account, name="Milo for Mum")
    answer = send(browser, "/settings/invites", name="Mum")
    path, code = re.search(r"http://localhost(/invite)#([\w-]+)<", answer.text).groups()
    guest = app.test_client()
    assert guest.get(path).status_code == 200
    assert send(guest, path, code=code).status_code == 303
    assert "Milo for Mum" in guest.get("/").text
    assert "Mum" in browser.get("/settings").text  # now a browser that is signed in


def test_an_invitation_is_taken_back(app, browser):
    answer = send(browser, "/settings/invites", name="Mum")
    code = re.search(r"/invite#([\w-]+)<", answer.text)[1]
    withdraw = re.search(r"/settings/invites/[\w-]+/withdraw", answer.text)[0]
    assert send(browser, withdraw).status_code == 303
    assert send(app.test_client(), "/invite", code=code).status_code == 403


def test_the_browsers_of_an_account_are_listed(app, browser, account):
    sign_in(app.test_client(), account)
    assert browser.get("/settings").text.count("Last visit") == 2
    with transaction() as session:
        assert len(list(session.scalars(sign_ins.chosen(account.id)))) == 2


def test_the_account_is_deleted_when_somebody_means_it(browser, account):
    assert send(browser, "/settings/delete").status_code == 422
    answer = send(browser, "/settings/delete", sure="yes")
    assert "Signed-in browsers" in answer.text
    assert browser.get("/").status_code == 303
    with transaction() as session:
        assert session.get(Account, account.id) is None
