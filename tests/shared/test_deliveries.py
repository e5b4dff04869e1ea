"""Claims, leases and due times of deliveries, on a real database."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from shared import deliveries, endpoints
from shared.db import transaction
from shared.deliveries import (
    JITTER,
    LANES,
    MOST_ATTEMPTS,
    RETRIES_AFTER_S,
    Message,
    Outcome,
)
from shared.errors import EndpointDisabled
from shared.models import Account, Delivery, DisabledReason, EventType, WebhookEndpoint
from tests.factories import make_account
from tests.receiver import (
    attempts_of,
    deliveries_of,
    due_in_s,
    events_of,
    make_endpoint,
    make_event,
    read_delivery,
    read_endpoint,
    send_test,
    set_row,
)

OK = Outcome(200, None, 0.1)
BROKEN = Outcome(500, None, 0.1)
UNREACHABLE = Outcome(None, "connection_failed", 0.1)
GONE = Outcome(410, None, 0.1)


@pytest.fixture
def account(servers: dict[str, str]) -> Account:
    return make_account()


@pytest.fixture
def endpoint(account: Account) -> WebhookEndpoint:
    return make_endpoint(account)


@pytest.fixture
def delivery(endpoint: WebhookEndpoint) -> Delivery:
    return send_test(endpoint)


def claim(delivery: Delivery) -> Message | None:
    with transaction() as session:
        return deliveries.claim(session, delivery.id)


def claim_next(endpoint: WebhookEndpoint) -> Message | None:
    with transaction() as session:
        return deliveries.claim_next(session, endpoint.id)


def settle(message: Message | None, outcome: Outcome) -> None:
    assert message is not None
    with transaction() as session:
        deliveries.settle(session, message, outcome)


def attempt(delivery: Delivery, outcome: Outcome) -> Delivery:
    """Let the next attempt be due, make it, and read what became of the delivery."""
    set_row(delivery, "due_at = now()")
    settle(claim(delivery), outcome)
    return read_delivery(delivery.id)


def test_eight_workers_that_hear_the_same_ring_send_once(delivery):
    claimed: list[Message | None] = []
    threads = [threading.Thread(target=lambda: claimed.append(claim(delivery))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in claimed) == 1
    assert read_delivery(delivery.id).attempts == 1


def test_a_message_holds_what_is_sent_and_hides_its_secrets(endpoint, delivery):
    message = claim(delivery)
    assert (message.url, message.secrets) == (endpoint.url, (endpoint.secret,))
    assert endpoint.secret not in repr(message)
    assert message.body() == message.body()


def test_what_a_dead_worker_claimed_is_claimed_again_after_its_lease(delivery):
    first = claim(delivery)
    assert claim(delivery) is None
    set_row(delivery, "lease_until = now() - interval '1 s'")
    second = claim(delivery)
    assert (first.token != second.token, second.attempt) == (True, 2)
    settle(first, UNREACHABLE)  # it was not dead, only slow: its word no longer counts
    assert (read_delivery(delivery.id).lease_token, attempts_of(delivery)) == (second.token, [])


def test_a_success_ends_a_delivery(delivery):
    told = attempt(delivery, OK)
    assert (told.state, told.last_status, told.lease_token) == ("delivered", 200, None)
    assert attempts_of(delivery) == [(200, None)]
    assert claim(delivery) is None


@pytest.mark.parametrize("status", [201, 204, 299])
def test_any_2xx_is_a_success(delivery, status):
    assert attempt(delivery, Outcome(status, None, 0.1)).state == "delivered"


@pytest.mark.parametrize("status", [100, 199, 300, 301, 308, 400, 401, 404, 429, 500, 503])
def test_anything_else_is_tried_again(delivery, status):
    told = attempt(delivery, Outcome(status, None, 0.1))
    assert (told.state, told.last_status) == ("pending", status)
    assert 4 < due_in_s(delivery) < 6
    assert claim(delivery) is None


def test_a_failure_without_an_answer_is_logged_with_its_code(delivery):
    attempt(delivery, UNREACHABLE)
    assert attempts_of(delivery) == [(None, "connection_failed")]


def test_ten_failures_over_three_days_end_a_delivery(delivery):
    pauses_s = []
    for _ in range(MOST_ATTEMPTS):
        told = attempt(delivery, BROKEN)
        pauses_s.append(due_in_s(delivery))
    assert (told.state, told.attempts, len(attempts_of(delivery))) == ("failed", 10, 10)
    for pause_s, planned_s in zip(pauses_s, RETRIES_AFTER_S, strict=False):
        assert planned_s * (1 - JITTER) - 2 <= pause_s <= planned_s * (1 + JITTER)
    assert list(RETRIES_AFTER_S) == sorted(RETRIES_AFTER_S)
    assert 2.8 * 86400 < sum(pauses_s[:9]) < 3.6 * 86400


def test_a_receiver_that_asks_for_time_gets_it(delivery):
    attempt(delivery, Outcome(429, None, 0.1, retry_after_s=120))
    assert 118 < due_in_s(delivery) <= 120


def test_gone_disables_the_endpoint_at_once(account, endpoint, delivery):
    later = send_test(endpoint)
    assert attempt(delivery, GONE).state == "failed"
    disabled = read_endpoint(endpoint)
    assert (disabled.state, disabled.disabled_reason) == ("disabled", DisabledReason.GONE)
    assert read_delivery(later.id).state == "canceled"
    assert events_of(account)[-1].type == EventType.ENDPOINT_DISABLED


def test_five_days_of_failures_disable_the_endpoint(endpoint, delivery):
    attempt(delivery, BROKEN)
    assert read_endpoint(endpoint).failing_since is not None
    set_row(endpoint, "failing_since = now() - interval '119 hours'")
    attempt(delivery, BROKEN)
    assert read_endpoint(endpoint).state == "enabled"
    set_row(endpoint, "failing_since = now() - interval '121 hours'")
    assert attempt(delivery, BROKEN).state == "failed"
    disabled = read_endpoint(endpoint)
    assert (disabled.state, disabled.disabled_reason) == ("disabled", DisabledReason.FAILING)
    assert disabled.disabled_at is not None


def test_one_success_forgives_days_of_failures(endpoint, delivery):
    set_row(endpoint, "failing_since = now() - interval '6 days'")
    attempt(delivery, OK)
    assert read_endpoint(endpoint).failing_since is None


def test_what_raced_with_disabling_is_canceled_when_it_is_heard(endpoint, delivery):
    set_row(endpoint, "state = 'disabled', disabled_reason = 'asked', disabled_at = now()")
    assert claim(delivery) is None
    canceled = read_delivery(delivery.id)
    assert (canceled.state, canceled.attempts) == ("canceled", 0)


def test_a_delivery_whose_senders_die_each_time_is_given_up(delivery):
    for _ in range(MOST_ATTEMPTS):
        assert claim(delivery) is not None
        set_row(delivery, "lease_until = now() - interval '1 s'")
    assert claim(delivery) is None
    given_up = read_delivery(delivery.id)
    assert (given_up.state, given_up.last_error) == ("failed", "attempts_exhausted")


def test_a_slow_receiver_gets_so_many_attempts_at_once_and_no_more(endpoint):
    for _ in range(LANES + 1):
        send_test(endpoint)
    claimed = [claim_next(endpoint) for _ in range(LANES + 1)]
    assert [one is None for one in claimed] == [*[False] * LANES, True]
    settle(claimed[0], OK)
    assert claim_next(endpoint) is not None


def test_a_failing_receiver_gets_one_attempt_at_once(endpoint):
    send_test(endpoint)
    send_test(endpoint)
    set_row(endpoint, "failing_since = now()")
    assert [claim_next(endpoint) is None for _ in range(2)] == [False, True]


def test_an_endpoints_deliveries_follow_in_the_order_they_are_due(endpoint):
    made = [send_test(endpoint) for _ in range(3)]
    set_row(made[1], "due_at = due_at - interval '1 hour'")
    set_row(made[2], "due_at = now() + interval '1 hour'")
    with transaction() as session:
        assert deliveries.following(session, endpoint.id) == made[1].id
    assert [claim_next(endpoint).delivery_id for _ in range(2)] == [made[1].id, made[0].id]
    assert claim_next(endpoint) is None


def test_the_sweep_rings_once_for_each_endpoint_that_is_owed_something(account):
    owed, busy, later = (make_endpoint(account) for _ in range(3))
    first = send_test(owed)
    send_test(owed)
    taken = send_test(busy)
    claim(taken)
    set_row(send_test(later), "due_at = now() + interval '1 minute'")
    made = {one.id for endpoint in (owed, busy, later) for one in deliveries_of(endpoint)}
    assert made & set(unanswered(waiting=0)) == {first.id}


def test_the_sweep_does_not_lengthen_a_queue_that_nobody_serves(delivery):
    assert unanswered(waiting=deliveries.MOST_RINGS_WAITING) == []


def unanswered(*, waiting: int):
    with transaction() as session:
        return deliveries.unanswered(session, waiting=waiting)


def test_only_the_secret_before_signs_beside_the_new_one_and_for_a_day(endpoint):
    deliver_with = []
    for _ in range(2):
        with transaction() as session:
            endpoints.rotate_secret(session, session.get_one(WebhookEndpoint, endpoint.id))
        deliver_with.append(read_endpoint(endpoint).secret)
    send_test(endpoint)
    assert claim_next(endpoint).secrets == (deliver_with[1], deliver_with[0])
    set_row(endpoint, "previous_secret_until = now() - interval '1 s'")
    send_test(endpoint)
    assert claim_next(endpoint).secrets == (deliver_with[1],)


def test_a_replay_starts_as_at_first(account, delivery):
    for _ in range(MOST_ATTEMPTS):
        attempt(delivery, BROKEN)
    replay(account, delivery)
    again = read_delivery(delivery.id)
    assert (again.state, again.attempts, again.finished_at) == ("pending", 0, None)
    assert attempt(delivery, OK).state == "delivered"
    assert len(attempts_of(delivery)) == MOST_ATTEMPTS + 1


def test_a_replay_of_what_waits_sends_it_now(account, delivery):
    attempt(delivery, BROKEN)
    replay(account, delivery)
    assert claim(delivery) is not None


def test_a_replay_of_what_is_being_sent_changes_nothing(account, delivery):
    message = claim(delivery)
    replay(account, delivery)
    settle(message, OK)
    assert read_delivery(delivery.id).state == "delivered"


def test_nothing_is_replayed_to_a_disabled_endpoint(account, endpoint, delivery):
    with transaction() as session:
        endpoints.disable(session, endpoint.id, DisabledReason.ASKED)
    with pytest.raises(EndpointDisabled):
        replay(account, delivery)


def replay(account: Account, delivery: Delivery) -> None:
    with transaction() as session:
        deliveries.replay(session, deliveries.get(session, account.id, delivery.id))


def test_the_schedule_has_jitter():
    assert len({deliveries.delay_s(1) for _ in range(10)}) > 1


def test_a_receiver_may_ask_for_more_time_but_not_for_ever():
    assert deliveries.delay_s(1, 120) == 120
    assert deliveries.delay_s(4, 1) > 3600
    assert deliveries.delay_s(1, 10**9) == 86400


def test_a_range_sends_again_what_happened_in_it(account):
    endpoint = make_endpoint(account, types=[EventType.ALERT_OPENED])
    now = datetime.now(UTC)
    for days, type_ in [
        (3, EventType.ALERT_OPENED),
        (2, EventType.ALERT_OPENED),
        (2, EventType.ALERT_CLOSED),
        (1, EventType.ALERT_OPENED),
    ]:
        make_event(account, type_, now - timedelta(days=days))
    since, until = now - timedelta(days=2.5), now - timedelta(hours=1)
    assert replay_range(endpoint, since, until) == 2
    assert replay_range(endpoint, since, until) == 0  # they are on their way
    for delivery in deliveries_of(endpoint):
        attempt(delivery, OK)
    assert replay_range(endpoint, since, None) == 2
    assert {one.state for one in deliveries_of(endpoint)} == {"pending"}


def replay_range(endpoint: WebhookEndpoint, since: datetime, until: datetime | None) -> int:
    with transaction() as session:
        return deliveries.replay_range(session, endpoint, since=since, until=until)
