"""What a browser makes is its own; other sites cannot act for it."""

import stat

import pytest

from tests.support.client import ApiClient, open_page, send
from whisper_appliance.app.appliance import Appliance

SECURE = {"wsgi.url_scheme": "https"}


def test_a_browser_lists_what_it_made(browser: ApiClient) -> None:
    id = send(browser).json["id"]
    assert id in [each["id"] for each in browser.get("/api/transcripts").json["transcripts"]]
    assert id in [each["id"] for each in browser.get("/api/jobs").json["jobs"]]


def test_another_visitor_gets_404(browser: ApiClient) -> None:
    id = send(browser).json["id"]
    other = open_page(browser.application)
    for address in (f"/api/transcripts/{id}", f"/api/jobs/{id}", f"/api/jobs/{id}/events"):
        assert other.get(address).status_code == 404
    assert other.delete(f"/api/transcripts/{id}").status_code == 404
    assert other.delete(f"/api/jobs/{id}").status_code == 404
    assert other.patch(f"/api/transcripts/{id}", json={"title": "mine"}).status_code == 404
    assert other.get("/api/transcripts").json["transcripts"] == []


def test_a_program_without_a_session_reaches_its_own_by_id_and_lists_nothing(api_client: ApiClient) -> None:
    id = send(api_client).json["id"]
    assert api_client.get(f"/api/transcripts/{id}").status_code == 200
    assert api_client.get("/api/transcripts").json["transcripts"] == []
    assert api_client.get("/api/jobs").json["jobs"] == []
    assert "Set-Cookie" not in api_client.get(f"/api/transcripts/{id}").headers


def test_the_cookie_is_kept_from_scripts_and_other_sites(api_client: ApiClient) -> None:
    cookie = api_client.get("/").headers["Set-Cookie"]
    assert cookie.startswith("appliance=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_under_https_the_cookie_is_tied_to_the_host(api_client: ApiClient) -> None:
    cookie = api_client.get("/", environ_overrides=SECURE).headers["Set-Cookie"]
    assert cookie.startswith("__Host-appliance=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


def test_a_forged_visitor_cookie_is_anonymous(browser: ApiClient) -> None:
    browser.set_cookie("appliance", "eyJvd25lciI6ImFubiJ9.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert browser.get("/api/transcripts").json["transcripts"] == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost"}, 404),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 404),
    ],
)
def test_an_unsafe_request_of_another_site_is_refused(
    browser: ApiClient, headers: dict[str, str], status: int
) -> None:
    answer = browser.delete(f"/api/transcripts/{'0' * 32}", headers=headers)
    assert answer.status_code == status


def test_the_key_that_signs_cookies_is_made_once_and_private(appliance: Appliance) -> None:
    path = appliance.settings.data_dir / "secret.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == appliance.secret_key
    assert len(appliance.secret_key) == 64
