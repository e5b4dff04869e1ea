"""The OpenAPI document and its page."""

import re

import pytest
from jsonschema import Draft202012Validator

from api.errors import kinds
from tests.factories import make_clip, make_job, make_pet


@pytest.fixture(scope="module")
def spec(app):
    return app.test_client().get("/openapi.json").json


def operations(spec):
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_document_is_openapi_31_with_legal_names(spec):
    assert spec["openapi"] == "3.1.0"
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in spec["components"]["schemas"])


def test_every_reference_leads_somewhere(spec):
    wanted = set(re.findall(r"#/components/schemas/([^'\"]+)", str(spec)))
    assert wanted <= set(spec["components"]["schemas"])


def test_every_schema_is_a_schema(spec):
    for schema in spec["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_example_matches_its_schema(spec):
    schemas = spec["components"]["schemas"]
    examples = [(schema, one) for schema in schemas.values() for one in schema.get("examples", [])]
    assert len(examples) >= 5
    for schema, example in examples:
        validator_of(spec, schema).validate(example)


def validator_of(spec, schema):
    return Draft202012Validator(
        schema | {"components": spec["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def test_every_operation_has_a_name_of_its_own(spec):
    names = [operation["operationId"] for _, operation in operations(spec)]
    assert len(names) == len(set(names)) >= 18
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_every_operation_but_the_service_needs_the_key(spec):
    without_key = {name for name, one in operations(spec) if one.get("security") != [{"key": []}]}
    assert without_key == {"get /live", "get /ready", "get /metrics"}
    assert spec["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_every_problem_has_its_media_type_and_its_codes(spec):
    codes = {kind.code for kind in kinds()}
    for name, operation in operations(spec):
        for status, answer in operation["responses"].items():
            if status < "400" or name == "get /ready":
                continue
            assert set(answer["content"]) == {"application/problem+json"}, (name, status)
            said = set(re.findall(r"^`(\w+)`:", answer["description"], re.MULTILINE))
            assert said, (name, status)
            assert said <= codes, (name, status)


def test_what_may_be_tried_again_says_when(spec):
    for name, operation in operations(spec):
        for status in {"429", "503"} & set(operation["responses"]):
            if name != "get /ready":
                assert "Retry-After" in operation["responses"][status]["headers"], name


def test_ids_in_paths_are_uuids_and_headers_are_named_as_they_are_sent(spec):
    found = [parameter for _, one in operations(spec) for parameter in one["parameters"]]
    ids = [one for one in found if one["in"] == "path"]
    assert all(one["schema"]["format"] == "uuid" for one in ids)
    headers = {one["name"] for one in found if one["in"] == "header"}
    assert headers == {"Idempotency-Key", "If-None-Match", "Last-Event-Id"}


def test_the_file_of_a_clip_is_binary_and_required(spec):
    for name in ("ClipIn", "AnalyzeIn"):
        schema = spec["components"]["schemas"][name]
        assert schema["properties"]["file"]["format"] == "binary"
        assert "file" in schema["required"]


def test_null_is_never_asked_for_in_a_query_a_header_or_a_form(spec):
    found = [one["schema"] for _, each in operations(spec) for one in each["parameters"]]
    for name in ("ClipIn", "AnalyzeIn"):
        found += spec["components"]["schemas"][name]["properties"].values()
    assert "null" not in str(found)


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "failed", "expired"])
def test_a_job_is_answered_as_the_document_says(api, account, spec, state):
    job = make_job(make_clip(make_pet(account)), state=state)
    validator = validator_of(spec, spec["components"]["schemas"]["JobOut"])
    validator.validate(api.get(f"/v1/jobs/{job.id}").json)


def test_lists_and_problems_are_answered_as_the_document_says(api, account, spec):
    make_job(make_clip(make_pet(account)), state="succeeded")
    for path, name in [
        ("/v1/pets", "PetsPage"),
        ("/v1/clips", "ClipsPage"),
        ("/v1/jobs", "JobsPage"),
        ("/ready", "ReadyOut"),
        ("/nowhere", "Problem"),
        ("/v1/pets?limit=0", "Problem"),
    ]:
        validator_of(spec, spec["components"]["schemas"][name]).validate(api.get(path).json)


def test_the_page_shows_every_operation_and_every_shape(app, spec):
    page = app.test_client().get("/docs").text
    assert all(f'id="{one["operationId"]}"' in page for _, one in operations(spec))
    assert all(f'id="{name}"' in page for name in spec["components"]["schemas"])


def test_every_link_of_the_page_leads_to_itself(app):
    page = app.test_client().get("/docs").text
    targets = set(re.findall(r'href="([^"]*)"', page))
    assert {target for target in targets if not target.startswith("#")} == {"/openapi.json"}
    assert {target[1:] for target in targets if target.startswith("#")} <= set(
        re.findall(r'id="([^"]*)"', page)
    )


def test_the_page_loads_nothing_from_anywhere(app):
    answer = app.test_client().get("/docs")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    loads = r"<script|<link|<img|<iframe|src=|url\(|@import|href=.https?://"
    assert not re.search(loads, answer.text)
