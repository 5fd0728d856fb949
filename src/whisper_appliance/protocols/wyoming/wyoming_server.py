"""The Wyoming server: a listener on a port of its own, and a thread for each connection."""

import json
import secrets
import socket
import threading
from contextlib import suppress

import structlog

from whisper_appliance.app.appliance import Appliance
from whisper_appliance.core.errors import ApplianceError, Unavailable
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.log_errors import log_errors
from whisper_appliance.core.network import client_network
from whisper_appliance.host.ports import listen
from whisper_appliance.live.manager import LiveAnnouncement
from whisper_appliance.protocols.outbox import Outbox
from whisper_appliance.protocols.wyoming.announcement import Announcement
from whisper_appliance.protocols.wyoming.event_stream import EventStream
from whisper_appliance.protocols.wyoming.wyoming_session import WyomingSession, error_json
from whisper_appliance.web.limits.socket_gate import SocketGate
from whisper_appliance.web.program_requests import note_connection
from whisper_appliance.web.rights_watch import RightsWatch

NAME = "wyoming"
IDLE_SECONDS = 600.0
EVENT_SECONDS = 30.0
FAREWELL_SECONDS = 2.0
MESSAGE_WEIGHT = 0.25
"""An event counts as a quarter of a message, because satellites send up to 100 small ones a second."""
FAILED = N_("Something went wrong inside the appliance. Its log has the details.")
log = structlog.get_logger()


class WyomingServer:
    """Listens on one port at a time, or on none."""

    def __init__(self, appliance: Appliance, gate: SocketGate, rights: RightsWatch) -> None:
        self._appliance = appliance
        self._gate = gate
        self._rights = rights
        self._address: tuple[str, int] | None = None
        self._listener: socket.socket | None = None
        self._announcement: Announcement | None = None
        self._sessions: dict[str, WyomingSession] = {}
        self._streams: set[EventStream] = set()

    def listen(self, address: tuple[str, int] | None) -> None:
        """Listens on this host and port only, or not at all; connections to another one end."""
        if address == self._address:
            return
        self._close_port()
        self._address = address
        if address is not None:
            self._open_port(*address)

    def on_live_event(self, announcement: LiveAnnouncement) -> None:
        """Passes an event of a live session to its connection."""
        session = self._sessions.get(announcement.connection)
        if session is not None:
            session.on_live_event(announcement)

    def _open_port(self, host: str, port: int) -> None:
        try:
            listener = listen(host, port)
        except OSError as error:
            log.warning("the Wyoming server cannot listen", port=port, reason=error.strerror or str(error))
            return
        self._listener = listener
        self._announcement = Announcement(host, port)
        threading.Thread(target=self._accept, args=[listener], name="wyoming-listener", daemon=True).start()
        log.info("the Wyoming server listens", host=host, port=port)

    def _close_port(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
        if self._announcement is not None:
            self._announcement.close()
        self._listener = self._announcement = None
        for session in list(self._sessions.values()):
            session.abort()
        for stream in list(self._streams):
            stream.abort()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connected, peer = listener.accept()
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if listener.fileno() >= 0:
                    log.warning("the Wyoming server takes no more connections", reason=str(error))
                return
            self._admit(connected, peer[0])

    def _admit(self, connected: socket.socket, address: str) -> None:
        """Starts the thread of a connection, within the limits of sockets."""
        connection = f"wyoming-{secrets.token_hex(8)}"
        try:
            self._gate.enter(connection, {"REMOTE_ADDR": address})
        except ApplianceError as error:
            with suppress(OSError):
                connected.setblocking(False)
                connected.send(json.dumps(error_json(error)).encode() + b"\n")
            connected.close()
            return
        stream = EventStream(connected, idle_seconds=IDLE_SECONDS, event_seconds=EVENT_SECONDS)
        threading.Thread(
            target=self._serve, args=[connection, stream, address], name="wyoming-connection", daemon=True
        ).start()

    def _serve(self, connection: str, stream: EventStream, address: str) -> None:
        outbox = Outbox(stream)
        session = WyomingSession(
            self._appliance,
            outbox.send,
            connection=connection,
            network=client_network(address),
            throttle=lambda size: self._gate.throttle(connection, size, messages=0),
        )
        noted = note_connection(self._appliance, NAME, session.owner, address)
        self._streams.add(stream)
        self._sessions[connection] = session

        def end(error: ApplianceError) -> None:
            log.info("a Wyoming connection was ended", code=error.code, reason=error.message)
            outbox.send(error_json(error))
            outbox.finish()
            stream.stop_reading()
            noted.update(self._appliance, error.code, error.message)

        def receive() -> None:
            try:
                with self._rights.watched(connection, session.check_right, end):
                    self._receive(stream, session)
            except ApplianceError as error:
                self._appliance.metrics.count_limit(error)
                end(error)

        try:
            if not log_errors(receive, "a Wyoming connection failed"):
                outbox.send(error_json(Unavailable(FAILED)))
        finally:
            del self._sessions[connection]
            session.close()
            outbox.close(drain_seconds=FAREWELL_SECONDS)
            self._streams.discard(stream)
            stream.release()
            self._gate.leave(connection)

    def _receive(self, stream: EventStream, session: WyomingSession) -> None:
        while not stream.ended and (event := stream.read()) is not None:
            self._gate.throttle(session.connection, 0, messages=MESSAGE_WEIGHT)
            session.handle(event)
