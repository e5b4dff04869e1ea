"""Who gets in."""

import pytest

from shared import accounts
from shared.db import transaction
from tests.factories import make_key


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dXNlcjpwYXNz", "Bearer "])
def test_a_request_without_a_key_is_told_how_to_send_one(app, header):
    headers = {} if header is None else {"Authorization": header}
    answer = app.test_client().get("/v1/pets", headers=headers)
    assert answer.status_code == 401
    assert answer.json["code"] == "key_missing"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["tt_wrong", "tt_\xff", "x" * 4000])
def test_an_unknown_key_is_refused(app, key):
    answer = app.test_client().get("/v1/pets", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json["code"]) == (401, "key_invalid")


def test_a_revoked_key_is_refused_at_once(app, account):
    key = make_key(account)
    client = app.test_client()
    headers = {"Authorization": f"bearer {key}"}
    assert client.get("/v1/pets", headers=headers).status_code == 200
    with transaction() as session:
        accounts.revoke_key(session, accounts.verify_key(session, key).id)
    assert client.get("/v1/pets", headers=headers).json["code"] == "key_invalid"


def test_a_key_that_is_missing_is_noticed_before_the_body_is_looked_at(app):
    answer = app.test_client().post("/v1/pets", data=b"\xff not json")
    assert answer.status_code == 401
