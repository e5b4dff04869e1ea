"""`tailtrend keys`: what an operator hands out."""

from typer.testing import CliRunner

from cli import keys
from shared import accounts, invites
from shared.db import transaction
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
