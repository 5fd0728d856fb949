"""The AsyncAPI 3.0 document of the sockets, made from the messages that each protocol declares.

The document is written from the appliance's side: it receives what clients send.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from flask import Flask, current_app

from whisper_appliance import __version__

EXTENSION = "whisper_appliance.asyncapi"
JSON = "application/json"
BINARY = "application/octet-stream"
JsonObject = dict[str, Any]

TEXT: JsonObject = {"type": "string"}
NUMBER: JsonObject = {"type": "number"}
INTEGER: JsonObject = {"type": "integer"}
FLAG: JsonObject = {"type": "boolean"}
OBJECT: JsonObject = {"type": "object"}
NULL_OR_TEXT: JsonObject = {"type": ["string", "null"]}
AUDIO: JsonObject = {"type": "string", "format": "binary"}


@dataclass(frozen=True, slots=True)
class SocketMessage:
    """A kind of message. `payload` is its JSON schema; `answer` that of a Socket.IO acknowledgement."""

    name: str
    direction: Literal["receive", "send"]
    summary: str
    payload: Mapping[str, Any]
    example: object = None
    answer: Mapping[str, Any] | None = None
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class SocketChannel:
    """The address of a protocol, and its messages."""

    name: str
    address: str
    title: str
    description: str
    messages: Sequence[SocketMessage]
    query: Mapping[str, str] = field(default_factory=dict)
    """Fields of the query of the handshake, described."""
    transport: Literal["websocket", "tcp"] = "websocket"
    """`tcp`: a port of its own; the address is that of WebSockets only."""


def message(name: str, direction: Literal["receive", "send"], summary: str, **fields: Any) -> SocketMessage:
    """A JSON message with these fields; the name of an optional one ends with `_`."""
    return SocketMessage(name, direction, summary, object_of(**fields))


def object_of(**fields: Any) -> JsonObject:
    """The schema of an object; the name of an optional field ends with `_`, which is no part of it."""
    properties = {name.removesuffix("_"): schema for name, schema in fields.items()}
    required = [name for name in fields if not name.endswith("_")]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def typed(
    event_type: str, direction: Literal["receive", "send"], summary: str, **fields: Any
) -> SocketMessage:
    """A JSON message whose field `type` names it."""
    return message(event_type, direction, summary, type={"const": event_type}, **fields)


def described(schema: Mapping[str, Any], description: str) -> JsonObject:
    """The schema with a description."""
    return {**schema, "description": description}


def list_of(schema: Mapping[str, Any]) -> JsonObject:
    """The schema of a list."""
    return {"type": "array", "items": schema}


def install(app: Flask, channels: Sequence[SocketChannel]) -> None:
    """Makes the channels known to the document."""
    app.extensions[EXTENSION] = tuple(channels)


def socket_channels() -> tuple[SocketChannel, ...]:
    """The channels of the current application."""
    return cast(tuple[SocketChannel, ...], current_app.extensions[EXTENSION])


def asyncapi_document(host: str, root: str, *, secure: bool, wyoming: str) -> JsonObject:
    """The document, for the appliance at `host` below the path `root`; `wyoming` is host and port."""
    channels = socket_channels()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Whisper Appliance",
            "version": __version__,
            "description": "The WebSockets of the appliance. The requests over HTTP are in /openapi.json.",
        },
        "defaultContentType": JSON,
        "servers": {
            "appliance": {
                "host": host,
                **({"pathname": root} if root else {}),
                "protocol": "wss" if secure else "ws",
                "security": [{"$ref": "#/components/securitySchemes/key"}],
            },
            "wyoming": {"host": wyoming, "protocol": "tcp", "description": "Off unless WYOMING_PORT is set."},
        },
        "channels": {channel.name: _channel(channel) for channel in channels},
        "operations": dict(operation for channel in channels for operation in _operations(channel)),
        "components": {
            "messages": {
                _id(channel, each): _message(each) for channel in channels for each in channel.messages
            },
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of a user, where one is required.",
                }
            },
        },
    }


def _channel(channel: SocketChannel) -> JsonObject:
    made: JsonObject = {
        "address": channel.address if channel.transport == "websocket" else None,
        "title": channel.title,
        "description": channel.description,
        "servers": [{"$ref": f"#/servers/{'appliance' if channel.transport == 'websocket' else 'wyoming'}"}],
        "messages": {
            _key(each): {"$ref": f"#/components/messages/{_id(channel, each)}"} for each in channel.messages
        },
    }
    if channel.query:
        properties = {name: {"type": "string", "description": text} for name, text in channel.query.items()}
        made["bindings"] = {"ws": {"query": {"type": "object", "properties": properties}}}
    return made


def _operations(channel: SocketChannel) -> Iterator[tuple[str, JsonObject]]:
    for action in ("receive", "send"):
        messages = [each for each in channel.messages if each.direction == action]
        if messages:
            yield (
                f"{channel.name}-{action}",
                {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{channel.name}"},
                    "messages": [
                        {"$ref": f"#/channels/{channel.name}/messages/{_key(each)}"} for each in messages
                    ],
                },
            )


def _message(each: SocketMessage) -> JsonObject:
    made: JsonObject = {
        "name": each.name,
        "summary": each.summary,
        "contentType": each.content_type,
        "payload": dict(each.payload),
    }
    if each.example is not None:
        made["examples"] = [{"payload": each.example}]
    if each.answer is not None:
        made["x-acknowledgement"] = dict(each.answer)
    return made


def _key(each: SocketMessage) -> str:
    """The name as a key, which has letters, digits, dots, hyphens and underscores only."""
    return each.name.replace(":", "-").replace(" ", "-")


def _id(channel: SocketChannel, each: SocketMessage) -> str:
    return f"{channel.name}-{_key(each)}"
