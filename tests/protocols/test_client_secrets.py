"""Client secrets of realtime sessions have the rights of their maker, at any time."""

from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, signed_in, with_key
from whisper_appliance.accounts.identity import SHELL, Actor
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import Busy, SignInRequired
from whisper_appliance.protocols.openai_realtime.client_secrets import MAX_PER_CLIENT, ClientSecrets

ADDRESS = "/v1/realtime/client_secrets"


def made(client: ApiClient, **body: Any) -> str:
    answer = client.post(ADDRESS, json=body)
    assert answer.status_code == 200
    return str(answer.json["value"])


def secrets_of(app: OpenAPI) -> ClientSecrets:
    secrets: ClientSecrets = app.extensions["openai_realtime"].secrets
    return secrets


def test_a_secret_acts_for_the_user_of_the_key(app: OpenAPI) -> None:
    program = with_key(app, "transcribe", "read")
    actor = secrets_of(app).find_valid(made(program)).actor
    assert (actor.owner, actor.key) == (program.user.id, program.key.id)
    assert actor.scopes == frozenset({"transcribe"})


def test_a_secret_ends_with_the_key_that_made_it(app: OpenAPI, appliance: Appliance) -> None:
    program = with_key(app, "transcribe")
    secret = made(program)
    appliance.accounts.keys.revoke(program.key.id, by=SHELL)
    with pytest.raises(SignInRequired):
        secrets_of(app).find_valid(secret)


def test_a_secret_of_a_browser_ends_with_the_account(app: OpenAPI, appliance: Appliance) -> None:
    browser = signed_in(app)
    secret = made(browser)
    appliance.accounts.users.disable(browser.user.id, by=SHELL)
    with pytest.raises(SignInRequired):
        secrets_of(app).find_valid(secret)


def test_a_secret_of_a_browser_ends_with_its_session(app: OpenAPI, appliance: Appliance) -> None:
    browser = signed_in(app)
    secret = made(browser)
    assert secrets_of(app).find_valid(secret).actor.session == "", "its requests have no cookie to protect"
    (session,) = appliance.accounts.sessions.list_sessions(browser.user.id)
    appliance.accounts.sessions.end(session.id, by=SHELL)
    with pytest.raises(SignInRequired):
        secrets_of(app).find_valid(secret)


def test_a_secret_expires(appliance: Appliance) -> None:
    now = [1000.0]
    secrets = ClientSecrets(appliance.accounts, lambda: now[0])
    token, _ = secrets.create(Actor("somebody"), {}, 60)
    now[0] += 59
    assert secrets.find_valid(token).expires_at == 1060
    now[0] += 1
    with pytest.raises(SignInRequired):
        secrets.find_valid(token)


def test_an_address_has_a_limit_of_secrets_with_any_number_of_cookies(appliance: Appliance) -> None:
    secrets = ClientSecrets(appliance.accounts)
    for number in range(MAX_PER_CLIENT):
        secrets.create(Actor(f"cookie {number % 3}" if number % 4 else "", network="192.0.2.1"), {}, 60)
    for owner in ("", "another cookie"):
        with pytest.raises(Busy):
            secrets.create(Actor(owner, network="192.0.2.1"), {}, 60)
    secrets.create(Actor("", network="192.0.2.2"), {}, 60)


def test_a_secret_makes_no_other_secret_and_opens_nothing_else(app: OpenAPI) -> None:
    program = with_key(app, "transcribe", "read")
    bearer = {"Authorization": f"Bearer {made(program)}"}
    client = ApiClient(app, app.response_class, use_cookies=False)
    assert client.post(ADDRESS, json={}, headers=bearer).status_code == 403
    assert client.get("/api/transcripts", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"expires_after": {"seconds": 9}},
        {"expires_after": {"seconds": 7201}},
        {"session": {"type": "realtime"}},
        {"session": {"type": "transcription", "audio": {"input": {"format": {"type": "audio/ogg"}}}}},
        {"session": 5},
    ],
)
def test_a_session_that_cannot_be_used_gets_no_secret(app: OpenAPI, body: dict[str, Any]) -> None:
    answer = with_key(app, "transcribe").post(ADDRESS, json=body)
    assert answer.status_code == 400
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert answer.json["error"]["param"]


@pytest.mark.parametrize("body", [b"{", b"[" * 50_000, b'{"session": {"type": "\xff"}}', b""])
def test_a_body_that_is_no_json_is_said_to_be_none(app: OpenAPI, body: bytes) -> None:
    answer = with_key(app, "transcribe").post(ADDRESS, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json["error"]["message"]


def test_a_protocol_that_is_switched_off_is_not_found(app: OpenAPI, appliance: Appliance) -> None:
    appliance.overrides.set("protocols", "openai", "a test")
    try:
        assert with_key(app, "transcribe").post(ADDRESS, json={}).status_code == 404
    finally:
        appliance.overrides.reset("protocols")
