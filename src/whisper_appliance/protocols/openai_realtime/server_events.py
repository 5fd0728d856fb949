"""Events: reads those of the client, builds those of the server."""

import json
import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from whisper_appliance.core import errors
from whisper_appliance.core.errors import ApplianceError, InvalidRequest
from whisper_appliance.web.i18n import translate_error

JsonObject = dict[str, Any]
Send = Callable[[JsonObject], None]
"""Sends one event. Never blocks and never raises: an event for a connection that has ended is dropped."""
TRANSCRIPTION = "conversation.item.input_audio_transcription"
MIN_PROBABILITY = 1e-4

ERROR_TYPES: tuple[tuple[type[ApplianceError], str], ...] = (
    (errors.SignInRequired, "authentication_error"),
    (errors.NotAllowed, "permission_error"),
    (errors.QuotaReached, "insufficient_quota"),
    (errors.StorageQuotaReached, "insufficient_quota"),
    (errors.Busy, "rate_limit_error"),
    (errors.Unavailable, "server_error"),
    (errors.DiskFull, "server_error"),
)


def event(event_type: str, **fields: object) -> JsonObject:
    """An event with an id of its own."""
    return {"type": event_type, "event_id": f"event_{secrets.token_hex(10)}", **fields}


def error_event(error: ApplianceError, client_event_id: object = None) -> JsonObject:
    """The event `error`. `client_event_id` is the id that the client gave to the event that failed."""
    kind = next((name for parent, name in ERROR_TYPES if isinstance(error, parent)), "invalid_request_error")
    return event(
        "error", error=error_json(error.code, translate_error(error), kind, error.field, client_event_id)
    )


def live_error_event(payload: JsonObject) -> JsonObject:
    """The event `error` for a problem of the live session."""
    return event("error", error=error_json(payload["code"], payload["message"], "server_error"))


def error_json(
    code: str, message: str, kind: str, param: str | None = None, client_event_id: object = None
) -> JsonObject:
    """The details of an error."""
    named = client_event_id if isinstance(client_event_id, str) else None
    return {"type": kind, "code": code, "message": message, "param": param, "event_id": named}


def logprobs(words: Iterable[JsonObject]) -> list[JsonObject]:
    """The log-probability of each word; the live session has the mean of its tokens."""
    return [
        {
            "token": word["w"],
            "bytes": list(str(word["w"]).encode()),
            "logprob": round(math.log(max(word["p"], MIN_PROBABILITY)), 4),
        }
        for word in words
    ]


def item_json(item_id: str, transcript: str | None = None) -> JsonObject:
    """A message of the user with audio."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_audio", "transcript": transcript}],
    }


def parse_event(message: bytes | str) -> JsonObject:
    """The event of a message. Raises `InvalidRequest`."""
    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError):
        raise InvalidRequest("The message is not valid JSON.") from None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("type"), str):
        raise InvalidRequest("An event is an object with a type.", field="type")
    return parsed


def parse_object(text: str, field: str) -> JsonObject:
    """A JSON object in a field of a form. Raises `InvalidRequest`."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidRequest("{name} must be a JSON object.", name=field, field=field)
    return parsed


def unknown_event(event_type: str) -> InvalidRequest:
    """The error for an event that this server does not handle."""
    return InvalidRequest(
        "This server transcribes only and does not take the event {event_type!r}.",
        event_type=event_type[:80],
        field="type",
    )


def dispatch(handlers: Mapping[str, Callable[[JsonObject], None]], message: bytes | str, send: Send) -> None:
    """Calls the handler of a client's event; an event that fails is answered by `error`."""
    client_event: JsonObject = {}
    try:
        client_event = parse_event(message)
        handler = handlers.get(client_event["type"])
        if handler is None:
            raise unknown_event(client_event["type"])
        handler(client_event)
    except ApplianceError as error:
        send(error_event(error, client_event.get("event_id")))
