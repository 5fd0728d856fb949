"""Socket.IO on this appliance: threads, one process, and limits that hold before memory is spent."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import structlog
from flask import Flask
from flask_socketio import SocketIO

from whisper_appliance.core.errors import Busy
from whisper_appliance.protocols.socketio.packets import LimitedPacket
from whisper_appliance.protocols.websocket import WebSocket
from whisper_appliance.web.limits.socket_gate import PATH, SocketGate

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PING_SECONDS = 10
PONG_SECONDS = 20
REFUSED_SECONDS = 2.0
log = structlog.get_logger()


def install(app: Flask, door: SocketGate, *, message_bytes: int) -> SocketIO:
    """Socket.IO for `app`, behind `door`. Handlers run one after the other, in their connection's thread:
    otherwise packets of audio overtake each other (Flask-SocketIO #1420).
    """
    for name in ("socketio", "engineio"):  # they would log what is said
        logging.getLogger(name).setLevel(logging.CRITICAL)
    sockets = SocketIO(
        app,
        path=PATH,
        async_mode="threading",
        async_handlers=False,
        manage_session=False,
        serializer=LimitedPacket,
        transports=["websocket", "polling"],
        max_http_buffer_size=message_bytes,
        http_compression=False,
        cors_allowed_origins=lambda _origin, environ: not door.is_foreign(environ),
        cors_credentials=False,
        ping_interval=PING_SECONDS,
        ping_timeout=PONG_SECONDS,
        logger=logging.getLogger("socketio"),
        engineio_logger=logging.getLogger("engineio"),
    )
    engine = sockets.server.eio
    engine._async = {**engine._async, "websocket": partial(WebSocket, message_bytes=message_bytes)}
    _guard(engine, door, lambda each: sockets.server.manager.sid_from_eio_sid(each, "/") is not None)
    app.wsgi_app = door.before(app.wsgi_app)  # type: ignore[assignment,method-assign] # as Flask documents
    return sockets


def _guard(engine: Any, door: SocketGate, is_in: Callable[[str], bool]) -> None:
    """Puts the door before what engineio calls on connections, messages and their end.

    Whom `connect` has refused is told why, and closed soon: such a client would keep its place otherwise.
    """
    connect, receive, disconnect = (engine.handlers[name] for name in ("connect", "message", "disconnect"))

    def entered(connection: str, environ: "WSGIEnvironment") -> object:
        try:
            door.enter(connection, environ)
        except Busy as error:
            return error.message
        return connect(connection, environ)

    def received(connection: str, message: str | bytes) -> None:
        try:
            door.keep_pace(connection, len(message))
            receive(connection, message)
            if not is_in(connection):
                _close_soon(engine, connection)
        except Exception as error:  # noqa: BLE001 - the socket's edge: whatever a client sends ends its connection only
            log.info("socket closed: it cannot be understood", reason=f"{type(error).__name__}: {error}")
            close(engine, connection)

    def left(connection: str, reason: str = "") -> None:
        door.leave(connection)
        disconnect(connection, reason)

    engine.on("connect", entered)
    engine.on("message", received)
    engine.on("disconnect", left)


def _close_soon(engine: Any, connection: str) -> None:
    """Most clients leave by themselves; python-socketio's waits half a minute when it is closed meanwhile."""
    timer = threading.Timer(REFUSED_SECONDS, close, (engine, connection))
    timer.daemon = True
    timer.start()


def close(engine: Any, connection: str) -> None:
    """Ends one connection; its client may come back."""
    socket = engine.sockets.get(connection)
    if socket is not None:
        socket.close(wait=False)


def close_when(stopping: threading.Event, app: Flask) -> None:
    """As soon as the server is told to stop, its sockets are told, and closed.

    They are closed one layer below Socket.IO: whom Socket.IO itself says goodbye to does not return.
    """
    sockets = cast(SocketIO, app.extensions["socketio"])

    def close_all() -> None:
        stopping.wait()
        sockets.emit("connection_status", {"status": "stopping", "connected": False})
        for connection in list(sockets.server.eio.sockets):
            close(sockets.server.eio, connection)

    threading.Thread(target=close_all, name="socket-closer", daemon=True).start()
