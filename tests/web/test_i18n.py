"""Pages and messages come in the language of the account, else of the browser, else in English."""

import io

from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, open_page, send, signed_in

GERMAN = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.8"}
HTML = {"Accept": "text/html"}


def test_a_page_is_english_for_a_browser_of_another_language(api_client: ApiClient) -> None:
    page = api_client.get("/", headers={"Accept-Language": "fi"})
    assert '<html lang="en"' in page.text
    assert "locales/" not in page.text
    assert page.headers["Content-Language"] == "en"


def test_a_page_is_german_for_a_german_browser(api_client: ApiClient) -> None:
    page = api_client.get("/", headers=GERMAN)
    assert '<html lang="de"' in page.text
    assert "Dateien wählen" in page.text
    assert "locales/de.js" in page.text
    assert page.headers["Content-Language"] == "de"
    assert "Accept-Language" in page.headers["Vary"]


def test_the_languages_of_recordings_are_named_in_the_language_of_the_page(api_client: ApiClient) -> None:
    assert "Französisch" in api_client.get("/", headers=GERMAN).text


def test_an_error_is_translated_with_its_parameters(app: OpenAPI) -> None:
    client = open_page(app)
    english = send(client, language="klingon")
    german = client.post(
        "/transcribe",
        data={"language": "klingon", "file": (io.BytesIO(b"sound"), "talk.wav")},
        headers=GERMAN,
        content_type="multipart/form-data",
    )
    assert english.json["error"]["code"] == german.json["error"]["code"] == "invalid_request"
    assert english.json["error"]["message"] != german.json["error"]["message"]
    assert "'klingon'" in german.json["error"]["message"]


def test_what_is_wrong_with_a_field_is_german_too(app: OpenAPI) -> None:
    missing = open_page(app).post("/api/session", json={}, headers=GERMAN)
    assert missing.json["error"]["message"].endswith(": Diese Angabe fehlt.")


def test_the_language_of_the_account_goes_before_that_of_the_browser(app: OpenAPI) -> None:
    ada = signed_in(app)
    assert ada.put("/api/account/language", json={"language": "de"}).status_code == 204
    assert '<html lang="de"' in ada.get("/account", headers=HTML).text
    assert ada.put("/api/account/language", json={"language": None}).status_code == 204
    assert '<html lang="en"' in ada.get("/account", headers=HTML).text


def test_a_language_that_the_pages_lack_is_refused(app: OpenAPI) -> None:
    refused = signed_in(app).put("/api/account/language", json={"language": "tlh"})
    assert (refused.status_code, refused.json["error"]["field"]) == (400, "language")
