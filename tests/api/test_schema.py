"""Whatever a client sends, every route answers as its documentation says, and with no fault of its own."""

from collections.abc import Mapping, Sequence
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from flask import Response, request
from flask_openapi3 import OpenAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.application import StartAppliance
from tests.support.client import an_account, with_key
from whisper_appliance.accounts.identity import SCOPES, SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.server.application import create_app
from whisper_appliance.web.context import EXTENSION

pytestmark = pytest.mark.slow

CHECKS = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = ("/api/admin/models/events", "/api/admin/logs/events")
"""Streams that end with the appliance."""
SUICIDAL = {("DELETE", "/api/account"), ("POST", "/api/account/password"), ("POST", "/api/admin/restart")}
"""What would end the account that asks, or the test."""
ANY_TEXT = {"type", "title", "description"}
"""All that the schema of a name says."""
UNAVAILABLE = {503}
"""A documented answer, though it begins with a five."""
FEW = settings(
    max_examples=2,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def appliance(start_appliance: StartAppliance) -> Appliance:
    unlimited = {"requests_per_minute": 0, "requests_per_minute_per_user": 0, "uploads_per_minute": 0}
    return start_appliance(model_downloads=False, wait_seconds=5, **unlimited)


@pytest.fixture(scope="module")
def app(appliance: Appliance) -> OpenAPI:
    return create_app(appliance)


@schemathesis.serializer("application/x-tar", "application/offset+octet-stream")
def as_it_is(_context: object, value: object) -> bytes:
    """An archive is bytes; whatever else was made up is its text."""
    return value if isinstance(value, bytes) else str(value).encode()


def faults(app: OpenAPI, *actors: Mapping[str, str], only: str = "") -> list[str]:
    """What is wrong with the answers to a few requests to every route, good ones and bad ones.

    Each request is made up once, which takes most of the time, and sent with the headers of each actor.
    """
    found: list[str] = []
    access_mode = app.extensions[EXTENSION].appliance.accounts.access_mode
    for result in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        route = (operation.method.upper(), operation.path)
        if operation.path in ENDLESS or route in SUICIDAL or (only and only != operation.path):
            continue

        access_mode.set("network", by=SHELL)  # visitors have access, whatever the owner just set
        for mode in _modes(operation):
            found += [f"{' '.join(route)}: {fault}" for fault in _faults(operation, mode, actors)]
    return found


def _modes(operation: APIOperation[Any, Any, Any, Any]) -> list[GenerationMode]:
    """Good requests, and bad ones unless there are none: any text is a name in a path.

    To look for a bad one takes a second a route, a third of the time of this test.
    """
    inputs = [*operation.iter_parameters(), *operation.body]
    in_path = [each.location == "path" and each.raw_schema for each in inputs]
    if inputs and all(schema and set(schema) <= ANY_TEXT for schema in in_path):
        return [GenerationMode.POSITIVE]
    return [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


def _faults(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, actors: Sequence[Mapping[str, str]]
) -> list[str]:
    @FEW
    @given(case=operation.as_strategy(generation_mode=mode))
    def probe(case: schemathesis.Case[Any]) -> None:
        for headers in actors:
            response = case.call(headers=dict(headers))
            asked = CHECKS[1:] if response.status_code in UNAVAILABLE else CHECKS
            case.validate_response(response, checks=asked)

    try:
        probe()
    except FailureGroup as group:
        return [str(failure) for failure in group.exceptions]
    except (Unsatisfiable, SkipTest):  # there is nothing to send wrongly
        return []
    return []


def test_responses_to_a_visitor_and_to_the_owner_match_the_document(
    app: OpenAPI, appliance: Appliance
) -> None:
    owner = with_key(app, *SCOPES, user=an_account(appliance, "owner"))
    found = faults(app, {}, {"Authorization": owner.environ_base["HTTP_AUTHORIZATION"]})
    assert not found, "\n\n".join(found)


def test_an_undocumented_response_is_detected(appliance: Appliance) -> None:
    app = create_app(appliance)

    def spoil(response: Response) -> Response:
        response.status_code = 418 if request.path == "/api/models" else response.status_code
        return response

    app.after_request(spoil)
    assert "418" in " ".join(faults(app, {}, only="/api/models"))


def test_an_internal_error_is_detected(appliance: Appliance) -> None:
    app = create_app(appliance)
    app.view_functions["models.list_models"] = lambda: str(1 // 0)
    assert faults(app, {}, only="/api/models") != []
