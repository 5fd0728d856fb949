"""POST /mcp: the streamable HTTP transport (MCP 2025-11-25), without sessions and with JSON answers.

The official server needs an event loop. One message in and one out is all that these tools need, and the
specification allows it.
"""

from contextlib import ExitStack
from typing import Any, Literal

from flask import Response, request
from flask_openapi3.types import ResponseDict
from pydantic import Field

from whisper_appliance import __version__
from whisper_appliance.accounts.identity import Actor
from whisper_appliance.api.mcp import library_tools, transcribe_tools
from whisper_appliance.api.mcp.json_rpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    JsonObject,
    RpcError,
    RpcMessage,
    parsed_message,
    result_response,
    rpc_error_response,
)
from whisper_appliance.api.mcp.tools import Caller
from whisper_appliance.core.errors import SignInRequired
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import web_context
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS
from whisper_appliance.web.transcription_requests import upload_slot

blueprint = LazyBlueprint("mcp", __name__, abp_tags=[TRANSCRIPTS])

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
VERSION_HEADER = "MCP-Protocol-Version"
SMALL_BODY_BYTES = 64 * 1024
MAX_BODY_BYTES = 16 * 2**20
"""Twelve mebibytes of a recording, in base64."""
NO_KEY = N_("Send an API key of your account, in the header Authorization: Bearer wa_…")
INSTRUCTIONS = (
    "The recordings of one user, transcribed. Search first, then read the span around a passage. Cite the "
    "recording's title, the time, and the link of each passage that you use."
)
TOOLS = {tool.name: tool for tool in (*library_tools.TOOLS, *transcribe_tools.TOOLS)}


class RpcRequestBody(Schema):
    """A JSON-RPC 2.0 message of the Model Context Protocol."""

    jsonrpc: Literal["2.0"]
    method: str | None = Field(None, description="`initialize`, `ping`, `tools/list` or `tools/call`.")
    id: str | int | None = Field(None, description="Names the request; without one, there is no answer.")
    params: dict[str, Any] | None = None


class RpcAnswer(Schema):
    """The response, or an error of the protocol."""

    jsonrpc: Literal["2.0"]
    id: str | int | None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": RpcRequestBody.model_json_schema()}},
    }
}
RESPONSES: ResponseDict = {
    200: RpcAnswer,
    202: {"description": "A notification was received."},
    **dict.fromkeys((400, 401, 403, 404, 411, 413, 415, 429, 500, 503, 507), RpcAnswer),
}


@blueprint.post("/mcp", responses=RESPONSES, openapi_extensions=BODY)
def call_mcp() -> Response:
    """One message of the Model Context Protocol. Tools search, read and list what the key's user may read."""
    actor = _key_actor()
    with ExitStack() as held:
        is_large = request.content_length is None or request.content_length > SMALL_BODY_BYTES
        if is_large:
            held.enter_context(upload_slot())
        caller = Caller(actor, held.pop_all if is_large else upload_slot)
        body = web_context().uploads.read_body(request, MAX_BODY_BYTES) if is_large else request.get_data()
        return _respond(body, caller)


def _key_actor() -> Actor:
    actor = current_actor()
    if not actor.key:
        raise SignInRequired(NO_KEY)
    return actor


def _respond(body: bytes, caller: Caller) -> Response:
    try:
        message = parsed_message(body)
        _check_version(message)
    except RpcError as error:
        return rpc_error_response(None, error, 400)
    if not message.is_request:
        return Response(status=202)
    try:
        return result_response(message.id, _result(message, caller))
    except RpcError as error:
        return rpc_error_response(message.id, error)


def _check_version(message: RpcMessage) -> None:
    version = request.headers.get(VERSION_HEADER)
    if version is not None and version not in VERSIONS and message.method != "initialize":
        listed = ", ".join(VERSIONS)
        raise RpcError(INVALID_REQUEST, f"Bad Request: Unsupported protocol version. Supported are {listed}.")


def _result(message: RpcMessage, caller: Caller) -> JsonObject:
    match message.method:
        case "initialize":
            return _initialized(message.params)
        case "ping":
            return {}
        case "tools/list":
            return {"tools": [tool.to_json() for tool in TOOLS.values()]}
        case "tools/call":
            return _called(message.params, caller)
    raise RpcError(METHOD_NOT_FOUND, "Method not found")


def _initialized(params: JsonObject) -> JsonObject:
    wanted = params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "whisper-appliance", "title": "Whisper Appliance", "version": __version__},
        "instructions": INSTRUCTIONS,
    }


def _called(params: JsonObject, caller: Caller) -> JsonObject:
    name, arguments = params.get("name"), params.get("arguments") or {}
    tool = TOOLS.get(name) if isinstance(name, str) else None
    if tool is None:
        raise RpcError(INVALID_PARAMS, f"Unknown tool: {str(name)[:100]}")
    if not isinstance(arguments, dict):
        raise RpcError(INVALID_PARAMS, "arguments must be an object.")
    return tool.run(caller, arguments)
