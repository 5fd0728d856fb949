"""JSON-RPC 2.0, as far as the Model Context Protocol uses it: one message in, one message out."""

from dataclasses import dataclass, field
from typing import Any

from flask import Response, current_app, jsonify, make_response

from whisper_appliance.web.http_api import Failure

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REFUSED = -32000
"""The code of all errors that JSON-RPC has no code for; `data.code` is the appliance's own."""
CODES = {400: INVALID_REQUEST, 404: REFUSED, 500: INTERNAL_ERROR}
JsonObject = dict[str, Any]
MessageId = str | int


class RpcError(Exception):
    """An error that is answered to the id of its request."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class RpcMessage:
    """A request, or a notification or response, which has no `id` or no `method`."""

    method: str | None
    id: MessageId | None = None
    params: JsonObject = field(default_factory=dict)

    @property
    def is_request(self) -> bool:
        """Whether an answer is expected."""
        return self.method is not None and self.id is not None


def parsed_message(body: bytes) -> RpcMessage:
    """The message of a body. Raises `RpcError`."""
    try:
        message = current_app.json.loads(body)
    except ValueError:
        raise RpcError(PARSE_ERROR, "The body is not valid JSON.") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "The body must be one JSON-RPC 2.0 message.")
    method, message_id, params = message.get("method"), message.get("id"), message.get("params")
    if method is not None and not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "method must be a text.")
    if type(message_id) not in (str, int, type(None)):
        raise RpcError(INVALID_REQUEST, "id must be a text or a whole number.")
    if not isinstance(params, dict | None):
        raise RpcError(INVALID_PARAMS, "params must be an object.")
    return RpcMessage(method, message_id, params or {})


def result_response(message_id: MessageId | None, result: JsonObject) -> Response:
    """The answer to a request."""
    return jsonify({"jsonrpc": "2.0", "id": message_id, "result": result})


def rpc_error_response(message_id: MessageId | None, error: RpcError, status: int = 200) -> Response:
    """The answer to a request that failed; with status 400, to one that cannot be read."""
    body = {"jsonrpc": "2.0", "id": message_id, "error": {"code": error.code, "message": str(error)}}
    return make_response(jsonify(body), status)


def error_response(failure: Failure) -> Response:
    """The error of a whole request, such as one without a key."""
    error = {
        "code": CODES.get(failure.status, REFUSED),
        "message": failure.message,
        "data": {"code": failure.code, "request_id": failure.request_id},
    }
    return make_response(jsonify({"jsonrpc": "2.0", "id": None, "error": error}), failure.status)
