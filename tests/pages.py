"""A browser for tests: it keeps cookies, and reads the form token from the page it looked at."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.models import Account
from tests.factories import make_key

TOKEN = re.compile(r'name="csrf" value="(\w+)"')


def form_token(client: FlaskClient, page: str = "/sign-in") -> str:
    """Read the token that the forms of a page carry."""
    answer = client.get(page, follow_redirects=True)
    found = TOKEN.search(answer.text)
    assert found is not None, answer.text
    return found[1]


def send(client: FlaskClient, path: str, **fields: object) -> TestResponse:
    """Send a form as a page of ours would."""
    return client.post(path, data={"csrf": form_token(client), **fields})


def sign_in(client: FlaskClient, account: Account) -> FlaskClient:
    """Sign a client in with a new key of an account."""
    answer = send(client, "/sign-in", key=make_key(account))
    assert answer.status_code == 303, answer.text
    return client
