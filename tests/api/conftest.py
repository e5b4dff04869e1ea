"""The application on real servers, and a client with a key of its own account."""

from collections.abc import Callable, Iterator

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.app import create_app
from shared.models import Account
from tests.api.documented import DocumentedClient
from tests.api.serving import serving
from tests.factories import make_account, make_key


@pytest.fixture(scope="session")
def app(servers: dict[str, str]) -> APIFlask:
    made = create_app()
    made.test_client_class = DocumentedClient
    return made


@pytest.fixture
def account(servers: dict[str, str]) -> Account:
    return make_account()


@pytest.fixture
def client_of(app: APIFlask) -> Callable[[Account], FlaskClient]:
    """Give a function that makes a client with a new key of an account."""

    def make(account: Account) -> FlaskClient:
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_key(account)}"
        return client

    return make


@pytest.fixture
def api(client_of: Callable[[Account], FlaskClient], account: Account) -> FlaskClient:
    """A client of this test's account."""
    return client_of(account)


@pytest.fixture
def stranger(client_of: Callable[[Account], FlaskClient]) -> FlaskClient:
    """A client of another account."""
    return client_of(make_account("stranger"))


@pytest.fixture(scope="module")
def server(servers: dict[str, str]) -> Iterator[str]:
    """Run one API process, and give its URL."""
    with serving(servers) as (_, port):
        yield f"http://127.0.0.1:{port}"
