"""The page "Connect a program" says what to enter, and which requests of one's own programs arrived."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, an_account, client_of, open_page, signed_in, with_key
from tests.support.jobs import Script
from tests.support.program import ROOT
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.program_requests import (
    KEPT_MINUTES,
    KEPT_REQUESTS,
    MAX_SENDERS,
    ProgramRequest,
    ProgramRequests,
)
from whisper_appliance.core.errors import Undecodable
from whisper_appliance.core.protocol_names import PROTOCOL_NAMES
from whisper_appliance.pages.programs import PROGRAMS, WYOMING

HTML = {"Accept": "text/html"}
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def arrived(client: ApiClient) -> list[dict[str, Any]]:
    """What the page shows to this client."""
    requests: list[dict[str, Any]] = client.get("/api/programs/requests").get_json()["requests"]
    return requests


def transcribe(client: ApiClient, key: str = "", **options: str) -> int:
    """Sends a recording as a program does; returns the status."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    form = {"file": (io.BytesIO(b"hello"), "a.wav"), "model": "whisper-1", **options}
    answer = client.post(
        "/v1/audio/transcriptions", data=form, headers={"User-Agent": "Recorder/1.0", **headers}
    )
    return answer.status_code


def connect_key(page: str) -> str:
    """The key that a page gives to a visitor."""
    return page.split("<code >connect-")[1].split("<")[0]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.id)
def test_each_program_has_a_page_with_its_address(api_client: ApiClient, program: Any) -> None:
    page = api_client.get(f"/connect/{program.id}", headers=HTML)
    assert page.status_code == 200
    assert program.name in page.text
    assert re.search(r"<code >(https?://|wss?://|)localhost", page.text)
    assert "{origin}" not in page.text
    assert program.note in unescape(page.text)
    assert program.protocol in (*PROTOCOL_NAMES, WYOMING)
    assert f'href="/connect/{program.id}"' in api_client.get("/connect").text


def test_every_program_that_works_has_a_page() -> None:
    table = (ROOT / "README.md").read_text().split("| program | tried | by |")[1].split("<!--")[0]
    names = {line.split("|")[1].strip() for line in table.splitlines() if line.count("|") == 4} - {"---"}
    described = "\n".join(f"{program.name} {program.use}" for program in PROGRAMS)
    assert len(names) > 15
    assert [name for name in names if re.split(r",| clients| \(", name)[0] not in described] == []


def test_an_unknown_program_has_no_page(api_client: ApiClient) -> None:
    assert api_client.get("/connect/nothing", headers=HTML).status_code == 404


def test_a_request_with_a_key_is_shown_to_its_user_only(
    appliance: Appliance, app: OpenAPI, script: Script
) -> None:
    account = an_account(appliance)
    assert transcribe(with_key(app, "transcribe", user=account)) == 200
    assert arrived(signed_in(app)) == []
    newest = arrived(signed_in(app, user=account))[0]
    assert newest["protocol"] == "openai"
    assert newest["address"] == "POST /v1/audio/transcriptions"
    assert (newest["client"], newest["model"], newest["status"]) == ("Recorder/1.0", "tiny.en", 200)
    assert newest["code"] is None


def test_a_refused_request_is_shown_with_its_reason(appliance: Appliance, app: OpenAPI) -> None:
    account = an_account(appliance)
    assert transcribe(with_key(app, "transcribe", user=account), language="klingon") == 400
    newest = arrived(signed_in(app, user=account))[0]
    assert (newest["status"], newest["code"]) == (400, "invalid_request")
    assert "klingon" in newest["message"]


def test_a_failure_after_the_response_began_is_shown(
    appliance: Appliance, app: OpenAPI, script: Script
) -> None:
    def fail(_word: str) -> None:
        raise Undecodable("This file cannot be read.")

    script.before_window = fail
    account = an_account(appliance)
    assert transcribe(with_key(app, "transcribe", user=account), stream="true") == 200
    newest = arrived(signed_in(app, user=account))[0]
    assert (newest["status"], newest["code"]) == (200, "undecodable")
    assert newest["message"] == "This file cannot be read."


def test_a_page_of_another_site_that_is_refused_is_shown(app: OpenAPI) -> None:
    client = client_of(app)
    client.environ_base["REMOTE_ADDR"] = "203.0.113.5"
    asked = {"Origin": "app://obsidian.md", "Access-Control-Request-Method": "POST"}
    client.options("/v1/audio/transcriptions", headers=asked)
    (refused,) = arrived(client)
    assert (refused["address"], refused["code"]) == ("OPTIONS /v1/audio/transcriptions", "origin_not_allowed")
    assert "app://obsidian.md" in refused["message"]


def test_a_visitor_finds_the_requests_with_the_key_of_the_page(app: OpenAPI, script: Script) -> None:
    visitor, other, program = open_page(app), open_page(app), client_of(app)
    for each in (visitor, other, program):
        each.environ_base["REMOTE_ADDR"] = f"192.0.2.{id(each) % 200}"
    key = "connect-" + connect_key(visitor.get("/connect/open-webui", headers=HTML).text)
    before = len(arrived(other))
    assert transcribe(program, key) == 200
    assert [each["client"] for each in arrived(visitor)] == ["Recorder/1.0"]
    assert len(arrived(other)) == before


def test_a_program_without_a_key_is_shown_to_its_address_and_to_admins(app: OpenAPI, script: Script) -> None:
    program, near, far = client_of(app), open_page(app), open_page(app)
    program.environ_base["REMOTE_ADDR"] = near.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    far.environ_base["REMOTE_ADDR"] = "198.51.100.8"
    admin, member = signed_in(app, "admin"), signed_in(app)
    for person in (admin, member):
        person.environ_base["REMOTE_ADDR"] = "198.51.100.9"
    assert transcribe(program) == 200
    assert [each["client"] for each in arrived(near)] == ["Recorder/1.0"]
    assert arrived(admin)[0] == arrived(near)[0]
    assert arrived(far) == arrived(member) == []


def test_a_protocol_that_is_off_is_named_on_the_page(
    start_appliance: Callable[..., Appliance], app_of: Callable[[Appliance], OpenAPI]
) -> None:
    app = app_of(start_appliance(protocols="vosk"))
    page = client_of(app).get("/connect/curl", headers=HTML).text
    assert 'id="switched-off"' in page
    assert "An administrator can switch it on" in page
    assert "/admin/settings#PROTOCOLS" in signed_in(app, "owner").get("/connect/curl", headers=HTML).text
    assert 'id="switched-off"' not in client_of(app).get("/connect/vosk", headers=HTML).text
    visitor = client_of(app)
    assert transcribe(visitor) == 404
    assert arrived(visitor)[0]["code"] == "not_found"


def test_few_requests_are_kept_for_a_short_time() -> None:
    time = [NOON]
    kept = ProgramRequests(clock=lambda: time[0])
    for number in range(KEPT_REQUESTS * 3):
        kept.record("a", ProgramRequest("openai", NOON, "x" * 999, f"POST /{number}", 200))
    assert kept.latest(["a"])[0].address == f"POST /{KEPT_REQUESTS * 3 - 1}"
    assert len(kept.latest(["a"])) == KEPT_REQUESTS
    assert len(kept.latest(["a"])[0].client) < 999
    assert kept.latest(["b"]) == []
    for sender in range(MAX_SENDERS):
        kept.record(f"other {sender}", ProgramRequest("openai", NOON, "", "POST /", 200))
    assert kept.latest(["a"]) == []
    time[0] += timedelta(minutes=KEPT_MINUTES, seconds=1)
    assert kept.latest([], prefix="other") == []


def test_the_end_of_a_connection_adds_its_error() -> None:
    kept = ProgramRequests(clock=lambda: NOON)
    number = kept.record("a", ProgramRequest("vosk", NOON, "", "GET /vosk", 101))
    kept.update("a", number, "busy", "All sessions are taken.")
    kept.update("b", number, "busy", "of another sender")
    assert [(each.code, each.message) for each in kept.latest(["a"])] == [("busy", "All sessions are taken.")]
