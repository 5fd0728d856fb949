"""The pages open, and say what browsers may do."""

import gzip
import re
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, signed_in
from whisper_appliance.app.appliance import Appliance

RECORDED = r'\b_?(?:record|write_audit)\((?:\w+, )?"([a-z_]+\.[a-z_]+)"'
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize("address", ["/", "/history", f"/transcripts/{'0' * 32}", "/trust", "/docs/sockets"])
def test_a_page_opens_without_any_model(api_client: ApiClient, address: str) -> None:
    answer = api_client.get(address, headers=HTML)
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"


def test_no_page_runs_inline_scripts_or_is_framed(api_client: ApiClient) -> None:
    policy = api_client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_every_answer_has_a_request_id_and_is_not_guessed_at(api_client: ApiClient) -> None:
    first, second = api_client.get("/health"), api_client.get("/nowhere")
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert first.headers["X-Content-Type-Options"] == "nosniff"


def test_a_missing_page_is_an_html_error(api_client: ApiClient) -> None:
    answer = api_client.get("/nowhere", headers=HTML)
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert answer.headers["X-Request-Id"] in answer.text


def test_a_static_file_with_the_present_version_may_be_kept_for_good(api_client: ApiClient) -> None:
    with api_client.application.test_request_context():
        address = api_client.application.url_for("static", filename="css/base.css")
    present = api_client.get(address)
    assert "immutable" in present.headers["Cache-Control"]
    old = api_client.get("/static/older/css/base.css")
    assert old.status_code == 200
    assert "immutable" not in old.headers["Cache-Control"]


def test_a_static_address_stays_in_its_folder(api_client: ApiClient) -> None:
    assert api_client.get("/static/x/../../errors.py").status_code == 404
    assert api_client.get("/static/x/%2e%2e/errors.py").status_code == 404


def test_swagger_ui_comes_from_this_machine(api_client: ApiClient) -> None:
    page = api_client.get("/docs").text
    assert "http" not in page
    for name in ("swagger-ui-bundle.js", "start.js", "api.css"):
        assert f"/docs/{name}" in page
        assert api_client.get(f"/docs/{name}").status_code == 200
    assert '@import url("swagger-ui.css")' in api_client.get("/docs/api.css").text


def test_the_api_page_has_the_frame_of_all_pages(api_client: ApiClient) -> None:
    page = api_client.get("/docs", headers=HTML | {"Accept-Language": "de"}).text
    assert '<a href="/history"' in page
    assert 'id="theme"' in page
    assert page.count("<main") == 1


def test_the_authority_can_be_downloaded(api_client: ApiClient) -> None:
    answer = api_client.get("/ca.crt")
    assert answer.data.startswith(b"-----BEGIN CERTIFICATE-----")


def test_styles_and_scripts_are_sent_compressed_if_accepted(api_client: ApiClient) -> None:
    with api_client.application.test_request_context():
        address = api_client.application.url_for("static", filename="css/base.css")
    plain = api_client.get(address)
    small = api_client.get(address, headers={"Accept-Encoding": "gzip, br"})
    assert gzip.decompress(small.data) == plain.data
    assert len(small.data) < len(plain.data) / 2
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Accept-Encoding" in small.headers["Vary"]
    assert small.headers["ETag"] != plain.headers["ETag"]
    again = {"Accept-Encoding": "gzip", "If-None-Match": small.headers["ETag"]}
    assert api_client.get(address, headers=again).status_code == 304


def test_the_trust_page_leads_the_next_device_by_a_code(api_client: ApiClient) -> None:
    page = api_client.get("/trust", headers=HTML, base_url="https://box.local:5001").text
    assert 'class="qr"' in page
    assert "<code>https://box.local:5001/trust</code>" in page
    assert "certutil" in page


def test_only_administrators_see_the_folders_of_the_machine(app: OpenAPI, appliance: Appliance) -> None:
    folder = str(appliance.settings.data_dir)
    assert folder not in signed_in(app, "member").get("/trust", headers=HTML).text
    assert folder in signed_in(app, "admin").get("/trust", headers=HTML).text


def test_the_frame_of_all_pages_has_one_style_sheet(api_client: ApiClient) -> None:
    page = api_client.get("/trust", headers=HTML).text
    (address,) = [each for each in re.findall(r'href="([^"]+\.css)"', page) if "/frame.css" in each]
    sheet = api_client.get(address)
    assert "immutable" in sheet.headers["Cache-Control"]
    assert "@layer pico {" in sheet.text
    assert "@import" not in sheet.text
    assert all(rule in sheet.text for rule in (".bar {", "--paper:", "[role=button]"))
    again = {"If-None-Match": sheet.headers["ETag"]}
    assert api_client.get(address, headers=again).status_code == 304


def test_a_page_names_all_its_modules_so_that_they_load_side_by_side(api_client: ApiClient) -> None:
    page = api_client.get("/", headers=HTML).text
    addresses = re.findall(r'<link rel="modulepreload" href="([^"]+)"', page)
    assert {"core/api.js", "ui/menu.js", "transcribe/job-card.js"} <= {
        address.partition("/js/")[2] for address in addresses
    }
    assert [each for each in addresses if api_client.get(each).status_code != 200] == []
    assert not any("live-view" in each for each in addresses)  # it is loaded when somebody speaks


def test_every_recorded_action_has_words_in_the_audit_log() -> None:
    package = Path(__file__).parents[2] / "src/whisper_appliance"
    recorded = {
        action
        for path in package.rglob("*.py")
        for action in re.findall(
            r'\b_?(?:record|write_audit)\((?:\w+, )?"([a-z_]+\.[a-z_]+)"', path.read_text()
        )
    }
    words = (package / "pages/static/js/admin/audit-actions.js").read_text()
    assert len(recorded) > 40
    assert [action for action in sorted(recorded) if f'"{action}"' not in words] == []
