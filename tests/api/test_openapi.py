"""The API's document says everything there is, and nothing else."""

import re
from typing import Any

import pytest

from tests.support.client import ApiClient
from whisper_appliance.api.registry import APIS

UNSAID = {"HEAD", "OPTIONS"}
OTHER_SHAPES = tuple(prefix for api in APIS for prefix in api.prefixes)


@pytest.fixture
def document(api_client: ApiClient) -> dict[str, Any]:
    document: dict[str, Any] = api_client.get("/openapi.json").json
    return document


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method.upper()): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # takes two seconds to import

    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_and_method_is_in_the_document(api_client: ApiClient, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule), method)
        for rule in api_client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - UNSAID
    }
    assert routes == set(operations(document))


def test_every_operation_has_a_summary_a_tag_and_its_errors(document: dict[str, Any]) -> None:
    for route, operation in operations(document).items():
        assert operation["summary"], route
        assert operation["tags"] != ["default"], route
        assert "500" in operation["responses"], route


def test_every_parameter_and_field_is_described(document: dict[str, Any]) -> None:
    for route, operation in operations(document).items():
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (route, parameter["name"])
    form = document["paths"]["/transcribe"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    for name, field in form["properties"].items():
        assert field.get("description"), name
    assert {"file", "audio", "language", "async", "format", "quality", "vad"} <= set(form["properties"])


def test_every_error_has_the_one_shape_and_an_example(document: dict[str, Any]) -> None:
    for route, operation in operations(document).items():
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and not route[0].startswith(OTHER_SHAPES):
                content = answer["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}, (route, status)
                assert set(content["example"]["error"]) == {"code", "message", "field", "request_id"}


def test_every_refusal_of_transcribe_is_documented(document: dict[str, Any]) -> None:
    told = set(document["paths"]["/transcribe"]["post"]["responses"])
    assert {"200", "202", "400", "403", "411", "413", "415", "422", "429", "503", "507"} <= told
