"""The Model Context Protocol, with its own client over loopback: tools, rights, citations, and bad input."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import requests
from flask_openapi3 import OpenAPI
from werkzeug.serving import make_server

from tests.support.client import an_account
from tests.support.library import transcript
from whisper_appliance.accounts.identity import SHELL, Scope, User
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.transcript.model import Segment

if TYPE_CHECKING:  # the library takes a second to import, which a run without these tests saves
    from mcp import Client
    from mcp_types import CallToolResult

MODES = ("auto", "legacy")
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
AppOf = Callable[[Appliance], OpenAPI]
Call = Callable[..., "CallToolResult"]


def a_key(appliance: Appliance, user: User, *scopes: Scope) -> str:
    _, secret = appliance.accounts.keys.create(user, "a model", scopes, days=None, by=SHELL)
    return secret


@pytest.fixture(scope="module")
def url(appliance: Appliance, app_of: AppOf) -> Iterator[str]:
    """The address of the application of this module, on a real port."""
    server = make_server("127.0.0.1", 0, app_of(appliance), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join(timeout=5)


@pytest.fixture(scope="module")
def ann(appliance: Appliance) -> User:
    return an_account(appliance)


@pytest.fixture(scope="module")
def key(appliance: Appliance, ann: User) -> str:
    return a_key(appliance, ann, "read", "transcribe")


@pytest.fixture(scope="module")
def recording(appliance: Appliance, ann: User) -> str:
    segments = (
        Segment(0.0, 4.0, " We begin with the roof."),
        Segment(61.5, 66.0, " The budget for the bridge is two million."),
        Segment(3725.0, 3730.0, " The bridge opens in May."),
    )
    made = replace(transcript(), segments=segments, duration=3800.0, dropped=())
    return appliance.transcripts.add(made, title="Council meeting", owner=ann.id)


@pytest.fixture
def call(url: str, key: str) -> Call:
    """Calls a tool with the user's key."""
    return lambda name, **arguments: call_tool(url, key, name, arguments)


def call_tool(
    url: str, key: str, name: str, arguments: dict[str, Any], mode: str = "auto"
) -> "CallToolResult":
    async def called(client: "Client") -> "CallToolResult":
        return await client.call_tool(name, arguments)

    result: CallToolResult = with_client(url, key, called, mode)
    return result


def with_client(url: str, key: str, act: Callable[["Client"], Any], mode: str = "auto") -> Any:
    """What `act` returns for a connected client."""
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def connected() -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
        ):
            return await act(client)

    return asyncio.run(connected())


def text_of(result: "CallToolResult") -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


def post(url: str, body: object, key: str | None, **headers: str) -> requests.Response:
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{url}/mcp", data=content, headers={"Content-Type": "application/json"} | headers)


@pytest.mark.parametrize("mode", MODES)
def test_the_client_connects_and_lists_tools_whose_schemas_it_accepts(url: str, key: str, mode: str) -> None:
    async def listed(client: "Client") -> Any:
        return client.server_info, await client.list_tools()

    server, tools = with_client(url, key, listed, mode)
    assert server.name == "whisper-appliance"
    named = {tool.name: tool for tool in tools.tools}
    assert set(named) == {"search", "list_recordings", "read_transcript", "transcribe", "get_job"}
    assert {name for name, tool in named.items() if not tool.annotations.read_only_hint} == {"transcribe"}


def test_a_search_cites_the_second_of_the_recording_and_links_to_it(
    call: Call, url: str, recording: str
) -> None:
    result = call("search", query="budget bridge")
    passage = result.structured_content["passages"][0]
    assert passage["recording"] == recording
    assert passage["start_seconds"] == pytest.approx(61.5, abs=0.01)
    assert passage["link"] == f"{url}/transcripts/{recording}#t=61"
    assert '"Council meeting" at 1:01: ' in text_of(result)
    assert "two million" in text_of(result)


def test_a_search_begins_with_the_recording_that_says_most_of_it(
    call: Call, appliance: Appliance, ann: User
) -> None:
    def add(text: str) -> str:
        made = replace(transcript(), segments=(Segment(0.0, 4.0, f" {text}"),), dropped=())
        return appliance.transcripts.add(made, title="Talk", owner=ann.id)

    much = add("The gondola, the gondola, and again the gondola.")
    once = add("There was a gondola, and then nothing but a long way home in the rain and the wind.")

    def found(**arguments: Any) -> list[str]:
        content = call("search", query="gondola", **arguments).structured_content
        return [each["recording"] for each in content["passages"]]

    assert found() == found(sort="oldest") == [much, once]
    assert found(sort="newest") == [once, much]
    first = call("search", query="gondola", limit=1).structured_content
    assert found(limit=1, cursor=first["next"]) == [once]
    assert call("search", query="gondola", cursor="x").is_error


def test_a_search_without_hits_is_an_answer(call: Call, recording: str) -> None:
    result = call("search", query="zeppelin")
    assert not result.is_error
    assert result.structured_content["passages"] == []


def test_a_span_of_a_transcript_is_read_with_its_times(call: Call, url: str, recording: str) -> None:
    result = call("read_transcript", recording=recording, start_seconds=60, end_seconds=4000)
    segments = result.structured_content["segments"]
    assert [segment["start_seconds"] for segment in segments] == [61.5, 3725.0]
    assert f"[1:02:05] The bridge opens in May. ({url}/transcripts/{recording}#t=3725)" in text_of(result)


def test_a_long_transcript_is_read_in_parts(call: Call, appliance: Appliance, ann: User) -> None:
    segments = tuple(Segment(float(at), at + 1.0, " word" * 200) for at in range(30))
    long = appliance.transcripts.add(replace(transcript(), segments=segments), title="Long", owner=ann.id)
    starts, following = list[float](), 0.0
    while following is not None:
        part = call("read_transcript", recording=long, start_seconds=following).structured_content
        starts += [segment["start_seconds"] for segment in part["segments"]]
        following = part.get("next_start_seconds")
    assert starts == [float(at) for at in range(30)]


def test_recordings_are_listed_page_by_page(call: Call, recording: str) -> None:
    found, cursor = set[str](), None
    while True:
        page = call("list_recordings", limit=1, cursor=cursor).structured_content
        found |= {each["recording"] for each in page["recordings"]}
        if (cursor := page.get("next")) is None:
            break
    assert recording in found


def test_a_file_is_transcribed_and_kept_for_the_user(call: Call) -> None:
    content = base64.b64encode(b"one two three").decode()
    result = call("transcribe", filename="talk.wav", content_base64=content)
    made = result.structured_content
    assert (made["status"], made["text"]) == ("done", "one two three")
    assert call("get_job", job=made["job"]).structured_content["recording"] == made["recording"]
    read = call("read_transcript", recording=made["recording"]).structured_content
    assert read["title"] == "talk"


def test_a_large_file_arrives(call: Call) -> None:
    content = base64.b64encode(b"one two" + b" " * 300_000).decode()
    assert not call("transcribe", filename="large.wav", content_base64=content).is_error


def test_a_file_above_the_limit_is_refused_unread(url: str, key: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"x": "a" * 17 * 2**20}}
    response = post(url, message, key)
    assert response.status_code == 413
    assert response.json()["error"]["data"]["code"] == "too_large"


def test_no_other_user_finds_or_reads_a_recording(url: str, appliance: Appliance, recording: str) -> None:
    other = a_key(appliance, an_account(appliance), "read")
    assert call_tool(url, other, "search", {"query": "bridge"}).structured_content["passages"] == []
    assert call_tool(url, other, "list_recordings", {}).structured_content["recordings"] == []
    refused = call_tool(url, other, "read_transcript", {"recording": recording})
    assert refused.is_error
    assert "There is no such transcript" in text_of(refused)


def test_a_shared_recording_can_be_read(url: str, appliance: Appliance, ann: User, recording: str) -> None:
    reader = an_account(appliance)
    appliance.shares.share_with(recording, reader.name, by=ann.id)
    read = call_tool(url, a_key(appliance, reader, "read"), "read_transcript", {"recording": recording})
    assert read.structured_content["title"] == "Council meeting"


@pytest.mark.parametrize(
    ("scope", "name", "arguments"),
    [
        ("transcribe", "search", {"query": "bridge"}),
        ("transcribe", "list_recordings", {}),
        ("transcribe", "read_transcript", {"recording": "0" * 32}),
        ("read", "transcribe", {"filename": "x", "content_base64": "eA=="}),
    ],
)
def test_a_key_does_no_more_than_its_scopes(
    url: str, appliance: Appliance, ann: User, scope: Scope, name: str, arguments: dict[str, Any]
) -> None:
    result = call_tool(url, a_key(appliance, ann, scope), name, arguments)
    assert result.is_error
    assert "scope" in text_of(result)


@pytest.mark.parametrize("key", [None, "wa_wrong", "sk-anything"])
def test_without_a_valid_key_nothing_is_answered(url: str, key: str | None) -> None:
    response = post(url, INITIALIZE, key)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["error"]["data"]["code"] == "sign_in_required"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "recording: Field required."),
        ({"recording": "../etc"}, "recording: "),
        ({"recording": "0" * 32}, "There is no such transcript."),
        ({"recording": "0" * 32, "start_seconds": -1}, "start_seconds: "),
        ({"recording": "0" * 32, "start_seconds": 5, "end_seconds": 1}, "end_seconds is before"),
        ({"recording": "0" * 32, "more": 1}, "more: There is no such option."),
    ],
)
def test_wrong_arguments_are_explained_to_the_model(
    call: Call, arguments: dict[str, Any], reason: str
) -> None:
    result = call("read_transcript", **arguments)
    assert result.is_error
    assert text_of(result).startswith(reason)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"filename": "x", "content_base64": "***"}, "content_base64 is not valid base64."),
        ({"filename": "x", "content_base64": "eA==", "language": "klingon"}, "'klingon' is not a language"),
        ({"filename": "", "content_base64": "eA=="}, "filename: "),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(call: Call, arguments: dict[str, Any], reason: str) -> None:
    result = call("transcribe", **arguments)
    assert result.is_error
    assert text_of(result).startswith(reason)


def test_an_unknown_tool_is_an_error_of_the_protocol(url: str, key: str) -> None:
    call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "delete_everything"}}
    answer = post(url, call, key).json()
    assert (answer["id"], answer["error"]["code"]) == (7, -32602)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 60_000, -32700),
        ([INITIALIZE], -32600),
        ({"id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}, -32602),
    ],
)
def test_a_body_that_is_no_message_is_refused(url: str, key: str, body: object, code: int) -> None:
    response = post(url, body, key)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert response.json()["id"] is None


def test_notifications_are_accepted_without_an_answer(url: str, key: str) -> None:
    response = post(url, {"jsonrpc": "2.0", "method": "notifications/initialized"}, key)
    assert (response.status_code, response.content) == (202, b"")


def test_an_unknown_version_is_refused_and_an_unknown_method_is_named(url: str, key: str) -> None:
    ping = {"jsonrpc": "2.0", "id": "a", "method": "ping"}
    assert post(url, ping, key, **{"MCP-Protocol-Version": "1999-01-01"}).status_code == 400
    assert post(url, ping, key).json() == {"jsonrpc": "2.0", "id": "a", "result": {}}
    assert post(url, ping | {"method": "resources/list"}, key).json()["error"]["code"] == -32601


def test_there_is_no_stream_and_no_session_to_end(url: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    assert requests.get(f"{url}/mcp", headers=headers).status_code == 405
    assert requests.delete(f"{url}/mcp", headers=headers).status_code == 405


def test_mcp_can_be_switched_off(url: str, key: str, appliance: Appliance) -> None:
    appliance.overrides.set("PROTOCOLS", "openai", "admin")
    try:
        assert post(url, INITIALIZE, key).status_code == 404
    finally:
        appliance.overrides.set("PROTOCOLS", "", "admin")
