"""Webhooks on a page: endpoints, their log, sending again."""

import pytest
from sqlalchemy import select

from shared.db import transaction
from shared.models import Delivery, WebhookEndpoint
from tests.factories import make_job
from tests.pages import send

URL = "https://example.com/hooks"


@pytest.fixture
def endpoint(browser, account):
    send(browser, "/webhooks", url=URL, events=["alert.opened", "job.succeeded"])
    with transaction() as session:
        mine = WebhookEndpoint.account_id == account.id
        return session.scalars(select(WebhookEndpoint).where(mine)).one()


def read(endpoint):
    with transaction() as session:
        return session.get(WebhookEndpoint, endpoint.id)


def deliveries(endpoint):
    with transaction() as session:
        mine = Delivery.endpoint_id == endpoint.id
        return list(session.scalars(select(Delivery).where(mine)))


def test_an_endpoint_is_added_and_its_secret_is_shown_once(browser, account):
    answer = send(browser, "/webhooks", url=URL, description="CRM")
    assert "whsec_" in answer.text
    assert "whsec_" not in browser.get("/webhooks").text
    assert URL in browser.get("/webhooks").text


@pytest.mark.parametrize(
    "url", ["", "http://example.com", "https://localhost/x", "https://a:b@example.com"]
)
def test_an_address_that_cannot_be_is_asked_about_again(browser, url):
    answer = send(browser, "/webhooks", url=url)
    assert answer.status_code == 422
    assert "Give an https address" in answer.text


def test_an_endpoint_is_tested_and_its_log_shows_it_and_sends_it_again(browser, endpoint):
    assert send(browser, f"/webhooks/{endpoint.id}/test").status_code == 303
    delivery = deliveries(endpoint)[0]
    assert "endpoint.test" in browser.get(f"/webhooks/{endpoint.id}").text
    assert "Not tried yet." in browser.get(f"/deliveries/{delivery.id}").text
    assert send(browser, f"/deliveries/{delivery.id}/replay").status_code == 303


def test_what_happened_while_it_was_off_is_sent_again(browser, endpoint, account):
    assert send(browser, f"/webhooks/{endpoint.id}/state", state="disabled").status_code == 303
    assert read(endpoint).state == "disabled"
    refused = send(browser, f"/webhooks/{endpoint.id}/replay", since="2026-01-01T00:00")
    assert refused.status_code == 409
    assert "turned off" in refused.text
    send(browser, f"/webhooks/{endpoint.id}/state", state="enabled")
    assert send(browser, f"/webhooks/{endpoint.id}/replay", since="soon").status_code == 422
    make_job(state="queued")  # of somebody else
    assert send(browser, f"/webhooks/{endpoint.id}/replay", since="2026-01-01T00:00").status_code
    assert deliveries(endpoint) == []


def test_a_secret_is_made_anew(browser, endpoint):
    answer = send(browser, f"/webhooks/{endpoint.id}/secret")
    assert read(endpoint).secret in answer.text
    assert read(endpoint).secret != endpoint.secret


def test_an_endpoint_is_deleted(browser, endpoint):
    assert send(browser, f"/webhooks/{endpoint.id}/delete").status_code == 303
    assert read(endpoint) is None


@pytest.mark.parametrize("what", ["state", "secret", "test", "replay", "delete"])
def test_a_stranger_touches_no_endpoint_of_ours(other_browser, endpoint, what):
    answer = send(other_browser, f"/webhooks/{endpoint.id}/{what}", since="2026-01-01T00:00")
    assert answer.status_code == 404
    assert read(endpoint).secret == endpoint.secret
    assert other_browser.get(f"/webhooks/{endpoint.id}").status_code == 404


def test_a_stranger_sees_and_sends_no_delivery_of_ours(browser, other_browser, endpoint):
    send(browser, f"/webhooks/{endpoint.id}/test")
    delivery = deliveries(endpoint)[0]
    assert other_browser.get(f"/deliveries/{delivery.id}").status_code == 404
    assert send(other_browser, f"/deliveries/{delivery.id}/replay").status_code == 404
