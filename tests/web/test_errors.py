"""One JSON shape for every error; nothing from the inside gets out."""

import errno

import pytest

from tests.support.client import ApiClient, client_of
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core import errors
from whisper_appliance.server.application import create_app
from whisper_appliance.web.errors import status_of, status_of_code


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/nowhere", 404, "not_found"),
        ("GET", "/api/transcripts/no-id", 404, "not_found"),
        ("GET", f"/api/transcripts/{'0' * 32}", 404, "not_found"),
        ("PUT", "/health", 405, "method_not_allowed"),
        ("GET", "/api/transcripts?limit=0", 400, "invalid_request"),
        ("GET", "/api/transcripts?cursor=mine", 400, "invalid_request"),
    ],
)
def test_an_error_has_the_one_shape(
    api_client: ApiClient, method: str, address: str, status: int, code: str
) -> None:
    answer = api_client.open(address, method=method)
    assert answer.status_code == status
    error = answer.json["error"]
    assert set(error) == {"code", "message", "field", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == answer.headers["X-Request-Id"]


def test_a_bad_parameter_is_named(api_client: ApiClient) -> None:
    assert api_client.get("/api/transcripts?limit=many").json["error"]["field"] == "limit"


def test_a_wrong_method_is_answered_with_the_allowed_ones(api_client: ApiClient) -> None:
    assert "GET" in api_client.put("/health").headers["Allow"]


def test_an_internal_error_reveals_nothing(appliance: Appliance) -> None:
    app = create_app(appliance)

    def broken() -> str:
        raise RuntimeError("secret /etc/path")

    app.view_functions["status.get_health"] = broken
    answer = client_of(app).get("/health")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json["error"]["code"] == "internal"


def test_a_lack_of_descriptors_is_no_internal_error(appliance: Appliance) -> None:
    app = create_app(appliance)

    def broken() -> str:
        raise OSError(errno.EMFILE, "Too many open files")

    app.view_functions["status.get_health"] = broken
    answer = client_of(app).get("/health")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_every_error_of_the_tree_has_a_status() -> None:
    assert status_of(errors.NoAudio) == 422
    assert status_of(errors.ModelUnavailable) == 503
    assert status_of(errors.ApplianceError) == 500
    assert status_of_code("audio_too_long") == 422
    assert status_of_code("never heard of") == 500


def test_a_body_that_is_too_large_for_json_is_refused(browser: ApiClient) -> None:
    answer = browser.patch(
        f"/api/transcripts/{'0' * 32}", data=b"x" * 100_000, content_type="application/json"
    )
    assert answer.status_code == 413
