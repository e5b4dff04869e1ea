"""`tailtrend keys`: what an operator hands out."""

from typer.testing import CliRunner

from cli import keys
from shared import accounts, invites
from shared.db import transaction
from tests.factories import make_account


def test_an_invitation_is_a_link_that_leads_into_the_account_once(servers):
    account = make_account("clinic of the invite")
    asked = ["invite", account.name, "--name", "Mum", "--url", "https://pets.example/"]
    answer = CliRunner().invoke(keys.app, asked)
    start, _, code = answer.stdout.strip().partition("#")
    assert start == "https://pets.example/invite"
    with transaction() as session:
        assert invites.redeem(session, code).account_id == accounts.find(session, account.name).id
