"""Every error is a problem document, whatever raised it."""

import errno
from io import BytesIO

import pytest
from structlog.testing import capture_logs

from api.errors import kind_of, kinds, status_of
from api.pages import door
from shared import errors
from shared.errors import TailTrendError
from tests.factories import make_pet


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/pets/not-a-uuid", 404, "not_found"),
        ("GET", "/v1/pets/0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10", 404, "not_found"),
        ("PUT", "/v1/pets", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_a_problem(api, method, path, status, code):
    answer = api.open(path, method=method)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status
    assert {"type", "title", "detail"} <= set(answer.json)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe\x00", b"name=Milo", b'{"name": NaN', b"[" * 50_000]
)
def test_a_body_that_is_no_json_is_malformed(api, body):
    answer = api.post("/v1/pets", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_request")
    assert "JSON" in answer.json["detail"]


def test_json_without_a_length_is_cut_off_at_the_limit(api):
    body = BytesIO(b'{"name": "' + b"x" * 200_000)
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = api.post(
        "/v1/pets", input_stream=body, content_type="application/json", environ_overrides=chunked
    )
    assert (answer.status_code, answer.json["code"]) == (413, "upload_too_large")
    assert body.tell() < 120_000


@pytest.mark.parametrize("body", ["null", "[]", "5", '"text"', "{}"])
def test_json_that_is_no_pet_is_invalid(api, body):
    answer = api.post("/v1/pets", data=body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_an_invalid_request_names_its_fields(api):
    answer = api.post("/v1/pets", json={"name": "", "species": "horse"})
    assert set(answer.json["errors"]) == {"name", "species"}
    assert "species" in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([], "The body must be a JSON object."),
        ({}, "The request names nothing to change."),
        ({"time_zone": "Mars"}, "time_zone: is not an IANA time zone such as Europe/Berlin"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(api, account, body, detail):
    answer = api.patch(f"/v1/pets/{make_pet(account).id}", json=body)
    assert (answer.status_code, answer.json["detail"]) == (422, detail)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/pets", {"data": b"[" * 100_001}),
        ("/v1/uploads", {"json": {"size_bytes": 10**9, "sha256": "ab" * 32}}),
    ],
)
def test_what_is_too_large_is_told_how_large_it_may_be(api, account, path, sent):
    if "json" in sent:
        sent = {"json": sent["json"] | {"pet_id": str(make_pet(account).id)}}
    answer = api.post(path, **sent)
    assert (answer.status_code, answer.json["code"]) == (413, "upload_too_large")
    assert "100 MB" in answer.json["detail"]


def test_a_bug_is_a_500_that_tells_nothing_of_itself(app, monkeypatch):
    monkeypatch.setitem(app.view_functions, "service.live", lambda: 1 / 0)
    answer = app.test_client().get("/live")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert b"ZeroDivision" not in answer.data


def test_a_bug_is_logged_with_its_route_and_not_with_what_the_path_holds(app, monkeypatch):
    def fail(token):
        raise ZeroDivisionError

    monkeypatch.setitem(app.view_functions, "shared_reports.show", fail)
    with capture_logs() as told:
        app.test_client().get("/r/a-secret")
    (line,) = told
    assert (line["method"], line["route"]) == ("GET", "/r/<token>")
    assert "a-secret" not in str(line)


@pytest.fixture
def full_disk(app, monkeypatch):
    """Let a route and a page find the disk full, as an upload that is larger than memory may."""

    def fail(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("clips.list_clips", "pages.sign_in.show"):
        monkeypatch.setitem(app.view_functions, name, door.open_to_all(fail))


def test_a_full_disk_asks_the_client_to_come_again(api, full_disk):
    answer = api.get("/v1/clips")
    assert (answer.status_code, answer.json["code"]) == (503, "disk_full")
    assert answer.headers["Retry-After"]


def test_a_page_says_that_the_disk_is_full(app, full_disk):
    answer = app.test_client().get("/sign-in")
    assert answer.status_code == 503
    assert "disk is full" in answer.text


def test_every_code_belongs_to_one_error():
    codes = [kind.code for kind in kinds() if kind.__module__ == "shared.errors"]
    assert len(codes) == len(set(codes))


def test_every_error_says_something_to_the_caller():
    assert all(kind().detail for kind in kinds())


def test_a_stored_code_finds_its_error_and_a_strange_one_the_root():
    assert kind_of("clip_too_long") is errors.ClipTooLong
    assert kind_of("from_the_future") is TailTrendError


def test_a_status_is_inherited_from_the_nearest_ancestor():
    assert status_of(errors.ClipTooLong) == 422
    assert status_of(errors.BadCursor) == 400
    assert status_of(errors.StorageUnavailable) == 503
