"""Installs the Wyoming server beside an application, and a subscription to live sessions."""

import threading
from typing import cast

from flask import Flask

from whisper_appliance.protocols.websocket_view import socket_gate
from whisper_appliance.protocols.wyoming.wyoming_server import WyomingServer
from whisper_appliance.web.context import WebContext

NAME = "wyoming"


def install(app: Flask, context: WebContext) -> None:
    """Makes the server of `app`; it listens once `start` is called."""
    server = WyomingServer(context, socket_gate(app, context))
    app.extensions[NAME] = server
    context.appliance.live_events.subscribe(server.on_live_event)
    context.appliance.on_settings_changed(server.apply)


def start(app: Flask) -> None:
    """Listens on the port of the settings, and follows their changes."""
    cast(WyomingServer, app.extensions[NAME]).start()


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Closes the port and all connections as soon as the server stops."""
    server = cast(WyomingServer, app.extensions[NAME])

    def close() -> None:
        stopping.wait()
        server.close()

    threading.Thread(target=close, name="wyoming-closer", daemon=True).start()
