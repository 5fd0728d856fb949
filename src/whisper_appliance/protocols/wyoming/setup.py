"""Installs the Wyoming server beside an application, and a subscription to live sessions."""

import threading
from typing import TYPE_CHECKING, cast

from flask import Flask

from whisper_appliance.config.settings import Settings
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.websocket_view import socket_gate
from whisper_appliance.web.context import WebContext
from whisper_appliance.web.limits.socket_gate import SocketGate

if TYPE_CHECKING:
    from whisper_appliance.protocols.wyoming.wyoming_server import WyomingServer

NAME = "wyoming"


class WyomingPort:
    """The port of the settings. Its server, and the libraries of it, are loaded once it is needed."""

    def __init__(self, context: WebContext, gate: SocketGate) -> None:
        self._context = context
        self._gate = gate
        self._lock = threading.Lock()
        self._is_running = False
        self._server: WyomingServer | None = None

    def start(self) -> None:
        """Listens if the settings say so, and follows their changes from now on."""
        self._is_running = True
        self.apply(self._context.appliance.settings)

    def apply(self, settings: Settings) -> None:
        """Opens, moves or closes the port as these settings say; connections to the old one end."""
        with self._lock:
            port = settings.wyoming_port if self._is_running else None
            if self._server is None and port is not None:
                from whisper_appliance.protocols.wyoming.wyoming_server import WyomingServer

                self._server = WyomingServer(self._context.appliance, self._gate, self._context.rights)
            if self._server is not None:
                self._server.listen(None if port is None else (settings.host, port))

    def close(self) -> None:
        """Closes the port and all connections; recordings of a user are kept."""
        self._is_running = False
        self.apply(self._context.appliance.settings)

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Passes an event of a live session to its connection."""
        if self._server is not None:
            self._server.on_live_event(announcement)


def install(app: Flask, context: WebContext) -> None:
    """Makes the port of `app`; it is open once `start` is called."""
    port = WyomingPort(context, socket_gate(app, context))
    app.extensions[NAME] = port
    context.appliance.live_events.subscribe(port.on_live_event)
    context.appliance.on_settings_changed(port.apply)


def start(app: Flask) -> None:
    """Listens on the port of the settings, and follows their changes."""
    cast(WyomingPort, app.extensions[NAME]).start()


def close_when(stopping: threading.Event, app: Flask) -> None:
    """Closes the port and all connections as soon as the server stops."""

    def close() -> None:
        stopping.wait()
        cast(WyomingPort, app.extensions[NAME]).close()

    threading.Thread(target=close, name="wyoming-closer", daemon=True).start()
