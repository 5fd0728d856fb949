"""Emitting Socket.IO events: types and functions that all event handlers share."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from engineio.exceptions import EngineIOError
from flask import request
from flask_socketio import SocketIO

JsonObject = dict[str, Any]
Emit = Callable[[str, JsonObject, str], None]
"""Emits (event, payload, connection id or room)."""
Handler = Callable[..., JsonObject | None]
"""Handles the arguments of an event; the result is its acknowledgement."""


def emitter(sockets: SocketIO) -> Emit:
    """Emits through `sockets`; an event for a connection that has ended is dropped."""

    def emit(event: str, payload: JsonObject, to: str) -> None:
        with suppress(EngineIOError):
            sockets.emit(event, payload, to=to)

    return emit


def current_connection() -> str:
    """The id of the connection whose event is being handled."""
    return str(request.sid)  # type: ignore[attr-defined] # Flask-SocketIO adds it
