"""A browser that is signed in to this test's account, and one of a stranger."""

import pytest
from flask.testing import FlaskClient

from tests.factories import make_account
from tests.pages import sign_in


@pytest.fixture
def browser(app, account) -> FlaskClient:
    return sign_in(app.test_client(), account)


@pytest.fixture
def other_browser(app) -> FlaskClient:
    return sign_in(app.test_client(), make_account("stranger"))
