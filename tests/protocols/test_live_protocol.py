"""The page of the live protocol documents every event and every error code."""

from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient
from whisper_appliance.live import events
from whisper_appliance.protocols.socketio.payloads import ERROR_CODES

PAGE = (Path(__file__).parents[2] / "docs/live.md").read_text()
KINDS = [event.kind for event in events.Event.__args__]


def test_the_protocol_page_is_served(api_client: ApiClient) -> None:
    answer = api_client.get("/docs/live")
    assert answer.status_code == 200
    assert '<h2 id="captions-for-others">' in answer.text
    assert "<td><code>live:audio</code></td>" in answer.text


def test_every_handled_event_is_documented(app: OpenAPI) -> None:
    handled = set(app.extensions["socketio"].server.handlers["/"]) - {"connect", "disconnect"}
    live = {event for event in handled if not event.startswith("admin:")}  # those are for the panel alone
    assert {event for event in live if f"`{event}`" not in PAGE} == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_emitted_event_is_documented(kind: str) -> None:
    assert f"`live:{kind}`" in PAGE


@pytest.mark.parametrize("code", sorted({*ERROR_CODES.values(), "gap", "internal"}))
def test_every_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in PAGE
