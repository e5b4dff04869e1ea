"""`tailtrend keys`: what an operator hands out."""

import pytest
from typer.testing import CliRunner

from cli import keys
from shared import accounts, invites, sign_ins
from shared.db import transaction
from shared.errors import InviteInvalid, KeyInvalid
from tests.factories import make_account, make_key


def test_an_invitation_is_a_link_that_leads_into_the_account_once(servers):
    account = make_account("clinic of the invite")
    asked = ["invite", account.name, "--name", "Mum", "--url", "https://pets.example/"]
    answer = CliRunner().invoke(keys.app, asked)
    start, _, code = answer.stdout.strip().partition("#")
    assert start == "https://pets.example/invite"
    with transaction() as session:
        assert invites.redeem(session, code).account_id == accounts.find(session, account.name).id


def test_the_list_shows_whole_ids_on_a_narrow_terminal(servers, monkeypatch):
    make_key(make_account())
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(keys.app, ["list"]).stdout
    with transaction() as session:
        ids = [str(key.id) for key, _ in accounts.list_keys(session)]
    assert all(one in shown for one in ids)


def test_a_name_that_a_customer_chose_is_neither_markup_nor_obeyed_by_a_terminal(
    servers, monkeypatch
):
    with transaction() as session:
        for name in ("[/x]", "\x1b[2Jgone"):
            accounts.create_key(session, make_account().id, name=name)
    monkeypatch.setenv("COLUMNS", "200")
    answer = CliRunner().invoke(keys.app, ["list"])
    assert answer.exit_code == 0
    assert "[/x]" in answer.stdout
    assert "\N{REPLACEMENT CHARACTER}[2Jgone" in answer.stdout


def test_an_account_that_is_shut_lets_nobody_in_by_any_way(servers):
    account, other = make_account("leaked"), make_account("beside it")
    keys_of_both = [make_key(account), make_key(other)]
    with transaction() as session:
        codes = [invites.create(session, account.id, name="Mum") for _ in range(2)]
        token = sign_ins.create_by_invite(session, invites.redeem(session, codes[0]))
    answer = CliRunner().invoke(keys.app, ["shut", account.name])
    assert "1 keys revoked" in answer.stdout
    with transaction() as session:
        assert sign_ins.find(session, token) is None
        assert accounts.verify_key(session, keys_of_both[1]).account_id == other.id
        for refused, let_in in (
            (InviteInvalid, lambda: invites.redeem(session, codes[1])),
            (KeyInvalid, lambda: accounts.verify_key(session, keys_of_both[0])),
        ):
            with pytest.raises(refused):
                let_in()


def test_a_key_for_an_account_of_a_new_name_says_that_it_is_new(servers):
    name = "a new account"
    said = [CliRunner().invoke(keys.app, ["create", name]) for _ in range(2)]
    assert [name in answer.stderr for answer in said] == [True, False]
    assert all(answer.stdout.startswith("tt_") for answer in said)
