"""Pages of other sites: none may use the API, but for those that are named."""

import pytest

from tests.support.application import StartAppliance
from tests.support.client import ApiClient, an_account, client_of
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.server.application import create_app

FRIEND = "https://app.example"
STRANGER = "https://evil.example"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture(scope="module")
def friendly(start_appliance: StartAppliance) -> ApiClient:
    """An appliance that two other sites may use, one of them at an IPv6 address."""
    return client_of(create_app(start_appliance(cors_origins=[FRIEND, "http://[::1]:3000"])))


@pytest.mark.parametrize("origin", [FRIEND, "http://[::1]:3000"])
def test_a_page_of_a_named_site_reads_what_the_api_answers(friendly: ApiClient, origin: str) -> None:
    answer = friendly.get("/api/status", headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})
    assert answer.headers[ALLOW] == origin
    assert "Origin" in ", ".join(answer.headers.getlist("Vary"))
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"X-Request-Id", "X-Should-Retry"} <= {*exposed}


def test_a_page_of_a_named_site_may_upload_and_read_errors(friendly: ApiClient) -> None:
    headers = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    answer = friendly.post("/transcribe", headers=headers)
    assert (answer.status_code, answer.headers[ALLOW]) == (415, FRIEND)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    before = friendly.options("/transcribe", headers=headers | asked)
    assert before.headers[ALLOW] == FRIEND
    assert "authorization" in before.headers["Access-Control-Allow-Headers"].lower()


def test_a_page_of_a_named_site_cannot_use_the_cookies_of_this_site(friendly: ApiClient) -> None:
    answer = friendly.get("/api/status", headers={"Origin": FRIEND})
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        STRANGER,
        "null",
        "https://app.example.evil",
        "http://app.example",
        "https://xapp.example",
        "https://app",
    ],
)
def test_other_sites_can_neither_read_nor_upload(friendly: ApiClient, origin: str) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    assert ALLOW not in friendly.get("/api/status", headers=headers).headers
    assert friendly.post("/transcribe", headers=headers).status_code == 403
    assert friendly.get("/socket.io/?EIO=4&transport=polling", headers=headers).status_code == 403


def test_a_named_site_may_open_a_socket(friendly: ApiClient) -> None:
    headers = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    answer = friendly.get("/socket.io/?EIO=4&transport=polling", headers=headers)
    assert (answer.status_code, answer.headers[ALLOW]) == (200, FRIEND)


def test_html_pages_have_no_cors_headers(friendly: ApiClient) -> None:
    assert ALLOW not in friendly.get("/", headers={"Origin": FRIEND}).headers


def test_without_cors_origins_no_site_is_allowed(start_appliance: StartAppliance) -> None:
    api_client = client_of(create_app(start_appliance()))
    answer = api_client.get("/api/status", headers={"Origin": FRIEND})
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


def test_a_preflight_of_a_named_site_needs_no_account(start_appliance: StartAppliance) -> None:
    appliance = start_appliance(cors_origins=[FRIEND])
    an_account(appliance, "owner")
    appliance.accounts.access_mode.set("accounts", by=SHELL)
    client = client_of(create_app(appliance))
    for origin, status in (FRIEND, 200), (STRANGER, 401):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert client.options("/v1/audio/transcriptions", headers=asked).status_code == status
    assert client.post("/v1/audio/transcriptions", headers={"Origin": FRIEND}).status_code == 401
