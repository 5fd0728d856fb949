"""The Socket.IO server: threads, one process, and limits that hold before memory is used."""

import logging
import threading
from functools import partial
from typing import Any, cast

from flask import Flask
from flask_socketio import SocketIO

from whisper_appliance.protocols.socketio.packets import LimitedPacket
from whisper_appliance.protocols.socketio.transport import EngineIOWebSocket
from whisper_appliance.web.limits.socket_gate import PATH, SocketGate

SLOW_EVENTS = ("live:webrtc",)
"""They import a library or wait for the network; meanwhile the packets of their connection go on."""
PING_SECONDS = 10
PONG_SECONDS = 20
DISCONNECTED_SECONDS = 2.0
"""Clients that Socket.IO disconnects or refuses have so long to close their connection themselves."""


def create_socketio(app: Flask, gate: SocketGate, *, message_bytes: int) -> SocketIO:
    """Creates the Socket.IO server of `app`, behind `gate`.

    Handlers run one after the other, in the thread of their connection; otherwise packets of audio could
    overtake each other (Flask-SocketIO #1420). Only those of `SLOW_EVENTS` have a thread of their own.
    """
    for name in ("socketio", "engineio"):  # they would log payloads
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
        cors_allowed_origins=lambda _origin, environ: not gate.is_foreign(environ),
        cors_credentials=False,
        ping_interval=PING_SECONDS,
        ping_timeout=PONG_SECONDS,
        logger=logging.getLogger("socketio"),
        engineio_logger=logging.getLogger("engineio"),
    )
    engine = sockets.server.eio
    engine._async = {**engine._async, "websocket": partial(EngineIOWebSocket, message_bytes=message_bytes)}
    _run_slow_events_in_threads(sockets.server)
    app.wsgi_app = gate.wrap(app.wsgi_app)  # type: ignore[assignment,method-assign] # as Flask documents
    return sockets


def _run_slow_events_in_threads(server: Any) -> None:
    """Gives a thread of its own to each handler of `SLOW_EVENTS`; python-socketio can do so for all or none.

    A private method is replaced, because no public one can do it: an event is acknowledged with what its
    handler returns, so that a handler cannot begin a thread and acknowledge later.
    """
    handle = server._handle_event_internal

    def handle_event(server: Any, sid: str, eio_sid: str, data: list[Any], *more: Any) -> None:
        if data[0] in SLOW_EVENTS:
            server.start_background_task(handle, server, sid, eio_sid, data, *more)
        else:
            handle(server, sid, eio_sid, data, *more)

    server._handle_event_internal = handle_event


def close_connection(engine: Any, connection: str) -> None:
    """Closes one connection of the Engine.IO server; its client may reconnect."""
    socket = engine.sockets.get(connection)
    if socket is not None:
        socket.close(wait=False)


def end_connection(server: Any, connection: str) -> None:
    """Ends a connection of the Socket.IO server. Its client does not reconnect by itself."""
    engine_connection = server.manager.eio_sid_from_sid(connection, "/")
    server.disconnect(connection)
    close_soon(server.eio, engine_connection)


def close_soon(engine: Any, connection: str) -> None:
    """Closes later: most clients close themselves, and python-socketio's waits 30 s if it is closed first."""
    timer = threading.Timer(DISCONNECTED_SECONDS, close_connection, (engine, connection))
    timer.daemon = True
    timer.start()


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Notifies and closes all connections as soon as the server stops.

    They are closed by Engine.IO, because a client that Socket.IO disconnects does not reconnect.
    """
    sockets = cast(SocketIO, app.extensions["socketio"])

    def close_all() -> None:
        stopping.wait()
        sockets.emit("connection_status", {"status": "stopping", "connected": False})
        for connection in list(sockets.server.eio.sockets):
            close_connection(sockets.server.eio, connection)

    threading.Thread(target=close_all, name="socket-closer", daemon=True).start()
