"""Webhook endpoints: their URLs, secrets and the end of their service."""

import base64

import pytest

from shared import endpoints
from shared.db import transaction
from shared.errors import EndpointDisabled, NotFound, TooManyEndpoints, WebhookUrlRefused
from shared.models import Account, DisabledReason, EndpointState, EventType, WebhookEndpoint
from tests.factories import make_account
from tests.receiver import (
    deliveries_of,
    events_of,
    make_endpoint,
    read_endpoint,
    send_test,
    set_row,
)


@pytest.fixture
def account(servers: dict[str, str]) -> Account:
    return make_account()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "example.com",
        "https://",
        "https:///hooks",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com:99999/",
        "https://example.com/\\@127.0.0.1",
        "https://exam\nple.com/",
        "https://exämple.com/",
        "https://example.com/#here",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://10.1.2.3:8443/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://localhost/",
        "https://api.localhost./",
        "https://[fe80::1%25eth0]/",
    ],
)
def test_a_url_that_cannot_be_public_is_refused_at_once(account, url):
    with pytest.raises(WebhookUrlRefused), transaction() as session:
        endpoints.create(session, account.id, url=url)


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://example.com:8443/hooks?a=b", "https://8.8.8.8/"]
)
def test_a_public_looking_url_is_taken(account, url):
    assert make_endpoint(account, url).url == url


def test_development_may_allow_loopback(account, setting):
    setting(webhook_allow_private=True)
    assert make_endpoint(account, "http://127.0.0.1:8080/hooks").state == "enabled"


def test_an_account_has_so_many_endpoints_at_most(account):
    for _ in range(endpoints.MOST_ENDPOINTS):
        make_endpoint(account)
    with pytest.raises(TooManyEndpoints):
        make_endpoint(account)


def test_a_secret_is_one_of_standard_webhooks(account):
    secret = make_endpoint(account).secret
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert make_endpoint(account).secret != secret


def test_a_rotation_keeps_the_secret_before_for_a_day(account):
    endpoint = make_endpoint(account)
    with transaction() as session:
        endpoints.rotate_secret(session, session.get_one(WebhookEndpoint, endpoint.id))
    rotated = read_endpoint(endpoint)
    assert (rotated.previous_secret, rotated.secret != endpoint.secret) == (endpoint.secret, True)
    assert 86_000 < (rotated.previous_secret_until - endpoint.created_at).total_seconds() < 86_700


def test_disabling_cancels_what_is_pending_and_enabling_starts_anew(account):
    endpoint = make_endpoint(account)
    delivery = send_test(endpoint)
    set_row(endpoint, "failing_since = now()")
    change(endpoint, state=EndpointState.DISABLED)
    (canceled,) = deliveries_of(endpoint)
    assert (canceled.id, canceled.state) == (delivery.id, "canceled")
    assert read_endpoint(endpoint).disabled_reason == DisabledReason.ASKED
    with pytest.raises(EndpointDisabled):
        send_test(endpoint)
    change(endpoint, state=EndpointState.ENABLED)
    enabled = read_endpoint(endpoint)
    assert (enabled.state, enabled.disabled_reason, enabled.disabled_at) == ("enabled", None, None)
    assert enabled.failing_since is None


def test_the_account_is_told_on_its_other_endpoints_when_we_disable_one(account):
    endpoint, other = make_endpoint(account), make_endpoint(account)
    with transaction() as session:
        endpoints.disable(session, endpoint.id, DisabledReason.FAILING)
        endpoints.disable(session, endpoint.id, DisabledReason.FAILING)
    (told,) = events_of(account)
    assert (told.type, told.data["reason"]) == (EventType.ENDPOINT_DISABLED, "failing")
    assert told.data["endpoint_id"] == str(endpoint.id)
    assert (len(deliveries_of(other)), deliveries_of(endpoint)) == (1, [])


def test_a_changed_url_is_checked_again(account):
    endpoint = make_endpoint(account)
    with pytest.raises(WebhookUrlRefused):
        change(endpoint, url="https://10.0.0.1/")
    assert read_endpoint(endpoint).url == endpoint.url


def test_another_accounts_endpoint_is_not_found(account):
    endpoint = make_endpoint(make_account("stranger"))
    with pytest.raises(NotFound), transaction() as session:
        endpoints.get(session, account.id, endpoint.id)


def change(endpoint, **what) -> None:
    with transaction() as session:
        endpoints.change(session, session.get_one(WebhookEndpoint, endpoint.id), **what)
