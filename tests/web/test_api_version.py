"""Every route of the native API has an address with a version, which is the same route."""

import io
from typing import TYPE_CHECKING

from tests.support.client import ApiClient, send
from whisper_appliance.web.api_version import OUTSIDE_API, PREFIX, VersionedAddresses

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

NOTHING = "0" * 32


def routed(path: str) -> str:
    """The address of the route to which a request for this path goes."""
    seen: list[str] = []

    def application(environ: "WSGIEnvironment", _start: object) -> list[bytes]:
        seen.append(environ["PATH_INFO"])
        return []

    VersionedAddresses(application)({"PATH_INFO": path}, lambda *_: lambda _: None)
    return seen[0]


def test_every_native_route_has_a_versioned_address(api_client: ApiClient) -> None:
    routes = api_client.application.url_map
    for rule in routes.iter_rules():
        if rule.rule.startswith("/api/") or rule.rule in OUTSIDE_API:
            assert routed(PREFIX + rule.rule.removeprefix("/api")) == rule.rule
    for other in ("/", "/v1/models", "/api/v10/jobs", "/api/v1", "/static/api/v1/x"):
        assert routed(other) == other


def test_a_versioned_request_is_answered_as_the_one_without_a_version(browser: ApiClient) -> None:
    id = send(browser, words="one two").json["id"]
    plain, versioned = (browser.get(f"{prefix}/transcripts/{id}") for prefix in ("/api", "/api/v1"))
    assert (versioned.status_code, versioned.json) == (plain.status_code, plain.json)
    assert browser.get("/api/v1/health").json["status"] == browser.get("/health").json["status"]
    missing = browser.get(f"/api/v1/transcripts/{NOTHING}")
    assert (missing.status_code, missing.json["error"]["code"]) == (404, "not_found")


def test_a_versioned_response_points_to_versioned_addresses(browser: ApiClient) -> None:
    form = {"async": "true", "file": (io.BytesIO(b"one"), "talk.wav")}
    answer = browser.post("/api/v1/transcribe", data=form)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json['id']}"
    assert browser.get(answer.headers["Location"]).status_code == 200


def test_the_document_has_each_route_once(api_client: ApiClient) -> None:
    document = api_client.get("/openapi.json").json
    assert not [path for path in document["paths"] if path.startswith(PREFIX)]
    assert PREFIX in document["info"]["description"]
