"""Behind proxies: whose address and scheme count, and how much of what is said is believed."""

import pytest

from api import throttle
from api.app import create_app

TOLD = {"X-Forwarded-Proto": "https", "Host": "pets.example"}
FROM_NGINX = {"REMOTE_ADDR": "172.18.0.1"}


@pytest.fixture(autouse=True)
def _counts():
    throttle._throttle.cache_clear()
    yield
    throttle._throttle.cache_clear()


@pytest.fixture
def behind(setting):
    """Give a client of an application that stands behind so many proxies."""

    def make(proxies):
        setting(proxies=proxies, rate_window_s=10_000)
        return create_app().test_client()

    return make


def looks(client, addresses):
    """Look at a report from each address, as the header tells; give the last status."""
    for address in addresses:
        told = {"X-Forwarded-For": address}
        answer = client.get("/r/none", headers=told, environ_base=FROM_NGINX)
    return answer.status_code


def cookie(client):
    return client.get("/sign-in", headers=TOLD, environ_base=FROM_NGINX).headers["Set-Cookie"]


def test_a_client_is_counted_by_the_address_that_its_proxy_saw(behind):
    client = behind(1)
    assert looks(client, ["198.51.100.1"] * 61) == 429
    assert looks(client, ["198.51.100.2"]) == 404


def test_what_a_client_says_of_itself_before_the_proxy_is_not_believed(behind):
    client = behind(1)
    assert looks(client, [f"203.0.113.{n}, 198.51.100.3" for n in range(61)]) == 429


def test_without_proxies_nobody_is_believed(behind):
    client = behind(0)
    assert looks(client, [f"203.0.113.{n}" for n in range(61)]) == 429
    assert "Secure" not in cookie(client)


def test_a_cookie_is_secure_where_the_proxy_speaks_https(behind):
    assert "Secure" in cookie(behind(1))
