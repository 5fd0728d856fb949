"""PROTOCOLS=none: each protocol of other programs answers with its own error."""

from collections.abc import Callable
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import client_of
from whisper_appliance.app.appliance import Appliance

MESSAGES: dict[str, Callable[[Any], str]] = {
    "/v1/audio/transcriptions": lambda body: body["error"]["message"],
    "/v1/audio/translations": lambda body: body["error"]["message"],
    "/v1/realtime/calls": lambda body: body["error"]["message"],
    "/v1/realtime/client_secrets": lambda body: body["error"]["message"],
    "/asr": lambda body: body["detail"],
    "/detect-language": lambda body: body["detail"],
    "/inference": lambda body: body["error"],
    "/load": lambda body: body["error"],
    "/v1/listen": lambda body: body["err_msg"],
    "/mcp": lambda body: body["error"]["message"],
}
SOCKETS = ("/v1/realtime", "/v1/realtime/translations", "/v1/listen", "/vosk")


def test_each_protocol_can_be_switched_off(
    start_appliance: Callable[..., Appliance], app_of: Callable[[Appliance], OpenAPI]
) -> None:
    client = client_of(app_of(start_appliance(protocols="none")))
    for address, message_of in MESSAGES.items():
        answer = client.post(address)
        assert answer.status_code == 404
        assert "switched off" in message_of(answer.json)
    for address in SOCKETS:
        answer = client.get(address, headers={"Connection": "Upgrade", "Upgrade": "websocket"})
        assert (answer.status_code, "switched off" in answer.text) == (404, True)


def test_the_two_apis_of_openai_are_switched_by_themselves(
    start_appliance: Callable[..., Appliance], app_of: Callable[[Appliance], OpenAPI]
) -> None:
    statuses = []
    for protocols in ("openai", "openai_realtime"):
        client = client_of(app_of(start_appliance(protocols=protocols)))
        made = client.post("/v1/realtime/client_secrets", json={})
        statuses.append((client.get("/v1/models").status_code, made.status_code))
    assert statuses == [(200, 404), (404, 200)]


@pytest.mark.parametrize("address", ["/health", "/api/v1/status"])
def test_the_appliances_own_api_stays(
    start_appliance: Callable[..., Appliance], app_of: Callable[[Appliance], OpenAPI], address: str
) -> None:
    assert client_of(app_of(start_appliance(protocols="none"))).get(address).status_code == 200
