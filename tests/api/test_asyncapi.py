"""/asyncapi.json is valid AsyncAPI 3.0, and names every socket and message."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.support.client import ApiClient
from whisper_appliance.protocols.registry import PROTOCOLS

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
SPECIFICATION = Path(__file__).parents[2] / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    """The JSON schema of AsyncAPI documents."""
    if not SPECIFICATION.is_file():
        pytest.skip("@asyncapi/specs is not installed: ./scripts/dev.sh setup, or npm ci")
    loaded: dict[str, Any] = json.loads(SPECIFICATION.read_text())
    return loaded


@pytest.fixture
def document(api_client: ApiClient) -> dict[str, Any]:
    answer: dict[str, Any] = api_client.get("/asyncapi.json").get_json()
    return answer


def test_the_document_is_valid_asyncapi_3_0(document: dict[str, Any], specification: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    jsonschema_rs.Draft7Validator(specification).validate(document)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references: list[str] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            references.extend(each for key, each in value.items() if key == "$ref")
            for each in value.values():
                collect(each)
        elif isinstance(value, list):
            for each in value:
                collect(each)

    collect(document)
    assert references
    for reference in references:
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_every_socket_is_documented_at_its_address(api_client: ApiClient, document: dict[str, Any]) -> None:
    sockets = {rule.rule for rule in api_client.application.url_map.iter_rules() if rule.websocket}
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {*sockets, "/socket.io/", None}  # Wyoming has a port, and no address
    assert all(protocol.channels for protocol in PROTOCOLS)


def test_every_payload_is_a_json_schema(document: dict[str, Any]) -> None:
    for message in document["components"]["messages"].values():
        jsonschema_rs.meta.validate({"$schema": DRAFT_7, **message["payload"]})


def test_the_page_shows_every_message(api_client: ApiClient, document: dict[str, Any]) -> None:
    page = api_client.get("/docs/sockets", headers={"Accept": "text/html"}).text
    for message in document["components"]["messages"].values():
        assert f"<code>{message['name']}</code>" in page
